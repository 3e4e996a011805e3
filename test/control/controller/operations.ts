/** Everything that can be asked of the controller, each from a state in which it does all that it can do. */

import type { Daemon, MemoryMachine } from './memory-machine.ts'

export interface Operation {
  readonly name: string
  /** What the machine's user has said. */
  before?(machine: MemoryMachine): void
  arrange(daemon: Daemon, machine: MemoryMachine): Promise<void>
  act(daemon: Daemon, machine: MemoryMachine): Promise<unknown>
  /** There is a step behind which there is no way back, so that a failure leaves what success leaves. */
  readonly final?: boolean
}

const twoNetworks = async ({ controller }: Daemon): Promise<void> => {
  await controller.createNetwork({ Name: 'front', EnableIPv6: true })
  await controller.createNetwork({ Name: 'back', Options: { 'tapwire.mac': 'random' } })
}

const create = async (daemon: Daemon, name: string, more: object = {}): Promise<void> => {
  await daemon.controller.createSandbox(name, {
    Cmd: ['serve'],
    HostConfig: { NetworkMode: 'back' },
    ...more,
  })
}

const run = async (daemon: Daemon, name: string, more: object = {}): Promise<void> => {
  await create(daemon, name, more)
  await daemon.controller.startSandbox(name)
}

/** A port here, a range there, one on each kind of address, and any. */
const ports = {
  '80/tcp': [{ HostPort: '8080' }, { HostIp: '127.0.0.1', HostPort: '9090' }],
  '81/tcp': [{ HostPort: '8081' }],
  '53/udp': [{ HostIp: '192.0.2.1' }],
}

const published = { HostConfig: { NetworkMode: 'back', PortBindings: ports } }

const linked = async (daemon: Daemon): Promise<void> => {
  await run(daemon, 'db', { HostConfig: {}, ExposedPorts: { '5432/tcp': {}, '53/udp': {} } })
  await create(daemon, 'c1', { HostConfig: { Links: ['db:database'] } })
}

/** The sandboxes of the default bridge are kept apart. */
const apart = (machine: MemoryMachine): void => {
  machine.defaults = { ...machine.defaults, icc: false }
}

const onTwo = { NetworkingConfig: { EndpointsConfig: { back: {}, front: { GwPriority: 1 } } } }

const withHost = { Name: 'open', EnableIPv6: true, Options: { 'tapwire.host': 'true' } }

const inside = { Name: 'inside', Options: { 'tapwire.dns': 'loopback', 'tapwire.dns-ttl': '60' } }

const onLan = {
  Name: 'lan',
  Driver: 'macvlan',
  Options: { parent: 'eth0' },
  IPAM: { Config: [{ Subnet: '10.9.0.0/24', Gateway: '10.9.0.254' }] },
}

const afar = {
  Name: 'afar',
  Driver: 'vxlan',
  Options: { vni: '42', remote: '192.0.2.2,192.0.2.3', local: '192.0.2.1' },
}

export const OPERATIONS: readonly Operation[] = [
  {
    name: 'network create',
    arrange: async () => undefined,
    act: ({ controller }) => controller.createNetwork({ Name: 'n', EnableIPv6: true, Labels: { a: 'b' } }),
  },
  {
    name: 'network rm',
    arrange: twoNetworks,
    act: ({ controller }) => controller.removeNetwork('front'),
  },
  {
    name: 'network create with an end of the machine',
    arrange: async () => undefined,
    act: ({ controller }) => controller.createNetwork(withHost),
  },
  {
    name: 'network rm with an end of the machine',
    arrange: async ({ controller }) => void (await controller.createNetwork(withHost)),
    act: ({ controller }) => controller.removeNetwork('open'),
  },
  {
    name: 'network create of a piece of the LAN',
    arrange: async ({ fabric }) => void fabric.interfaces.set('eth0', 1500),
    act: ({ controller }) => controller.createNetwork(onLan),
  },
  {
    name: 'network rm of a piece of the LAN',
    arrange: async ({ controller, fabric }) => {
      fabric.interfaces.set('eth0', 1500)
      await controller.createNetwork(onLan)
    },
    act: ({ controller }) => controller.removeNetwork('lan'),
  },
  {
    name: 'network create behind a tunnel',
    arrange: async () => undefined,
    act: ({ controller }) => controller.createNetwork(afar),
  },
  {
    name: 'network rm behind a tunnel',
    arrange: async ({ controller }) => void (await controller.createNetwork(afar)),
    act: ({ controller }) => controller.removeNetwork('afar'),
  },
  {
    name: 'network rm of one of two behind a tunnel',
    arrange: async ({ controller }) => {
      await controller.createNetwork(afar)
      await controller.createNetwork({ ...afar, Name: 'far', Options: { ...afar.Options, vni: '43' } })
    },
    act: ({ controller }) => controller.removeNetwork('afar'),
  },
  {
    name: 'start behind a tunnel',
    arrange: async (daemon) => {
      await daemon.controller.createNetwork(afar)
      await create(daemon, 'c1', { HostConfig: { NetworkMode: 'afar' } })
    },
    act: ({ controller }) => controller.startSandbox('c1'),
  },
  {
    name: 'start on a piece of the LAN',
    arrange: async (daemon) => {
      daemon.fabric.interfaces.set('eth0', 1500)
      await daemon.controller.createNetwork(onLan)
      await create(daemon, 'c1', { HostConfig: { NetworkMode: 'lan' } })
    },
    act: ({ controller }) => controller.startSandbox('c1'),
  },
  {
    name: 'network connect to one that does not run',
    arrange: async (daemon) => {
      await twoNetworks(daemon)
      await create(daemon, 'c1')
    },
    act: ({ controller }) => controller.connect('front', { Container: 'c1' }),
  },
  {
    name: 'network connect to one that runs',
    arrange: async (daemon) => {
      await twoNetworks(daemon)
      await run(daemon, 'c1')
    },
    act: ({ controller }) =>
      controller.connect('front', { Container: 'c1', EndpointConfig: { GwPriority: 1, Aliases: ['web'] } }),
  },
  {
    name: 'network disconnect from one that does not run',
    arrange: async (daemon) => {
      await twoNetworks(daemon)
      await create(daemon, 'c1', onTwo)
    },
    act: ({ controller }) => controller.disconnect('front', { Container: 'c1' }),
  },
  {
    name: 'network disconnect from one that runs',
    arrange: async (daemon) => {
      await twoNetworks(daemon)
      await run(daemon, 'c1', onTwo)
    },
    act: ({ controller }) => controller.disconnect('front', { Container: 'c1' }),
  },
  {
    name: 'create',
    arrange: twoNetworks,
    act: (daemon) => create(daemon, 'c1', onTwo),
  },
  {
    name: 'start on two networks',
    arrange: async (daemon) => {
      await twoNetworks(daemon)
      await run(daemon, 'other', onTwo)
      await create(daemon, 'c1', onTwo)
    },
    act: ({ controller }) => controller.startSandbox('c1'),
  },
  {
    name: 'start in mode none',
    arrange: (daemon) => create(daemon, 'c1', { HostConfig: { NetworkMode: 'none' } }),
    act: ({ controller }) => controller.startSandbox('c1'),
  },
  {
    name: 'start in mode host',
    arrange: (daemon) => create(daemon, 'c1', { HostConfig: { NetworkMode: 'host' } }),
    act: ({ controller }) => controller.startSandbox('c1'),
  },
  {
    name: 'start in mode container',
    arrange: async (daemon) => {
      await twoNetworks(daemon)
      await run(daemon, 'owner')
      await create(daemon, 'c1', { HostConfig: { NetworkMode: 'container:owner' } })
    },
    act: ({ controller }) => controller.startSandbox('c1'),
  },
  {
    name: 'start with a link',
    arrange: async (daemon) => {
      await run(daemon, 'db', { HostConfig: {} })
      await create(daemon, 'c1', { HostConfig: { Links: ['db:database'] } })
    },
    act: ({ controller }) => controller.startSandbox('c1'),
  },
  {
    name: 'start with published ports',
    arrange: async (daemon) => {
      await twoNetworks(daemon)
      await create(daemon, 'c1', published)
    },
    act: ({ controller }) => controller.startSandbox('c1'),
  },
  {
    name: 'start with published ports on a routed network',
    arrange: async (daemon) => {
      const Options = { 'com.docker.network.bridge.gateway_mode_ipv4': 'routed' }
      await daemon.controller.createNetwork({ Name: 'back', Options })
      await create(daemon, 'c1', published)
    },
    act: ({ controller }) => controller.startSandbox('c1'),
  },
  {
    name: 'start with a link where sandboxes are kept apart',
    before: apart,
    arrange: linked,
    act: ({ controller }) => controller.startSandbox('c1'),
  },
  {
    name: 'stop of one that is linked to where sandboxes are kept apart',
    final: true,
    before: apart,
    arrange: async (daemon) => {
      await run(daemon, 'c1', { HostConfig: {}, ExposedPorts: { '5432/tcp': {}, '53/udp': {} } })
      await run(daemon, 'client', { HostConfig: { Links: ['c1:database'] } })
    },
    act: ({ controller }) => controller.stopSandbox('c1', {}),
  },
  {
    name: 'network connect that takes the published ports over',
    arrange: async (daemon) => {
      await twoNetworks(daemon)
      await run(daemon, 'c1', published)
    },
    act: ({ controller }) =>
      controller.connect('front', { Container: 'c1', EndpointConfig: { GwPriority: 1 } }),
  },
  {
    name: 'network disconnect that hands the published ports on',
    arrange: async (daemon) => {
      await twoNetworks(daemon)
      await run(daemon, 'c1', { ...published, ...onTwo })
    },
    act: ({ controller }) => controller.disconnect('front', { Container: 'c1' }),
  },
  {
    name: 'network disconnect that ends the published ports',
    arrange: async (daemon) => {
      await twoNetworks(daemon)
      await run(daemon, 'c1', published)
    },
    act: ({ controller }) => controller.disconnect('back', { Container: 'c1' }),
  },
  {
    name: 'port add',
    arrange: async (daemon) => {
      await twoNetworks(daemon)
      await run(daemon, 'c1', published)
    },
    act: ({ controller }) =>
      controller.publishPorts('c1', { PortBindings: { '443/tcp': [{ HostPort: '8443' }, {}] } }),
  },
  {
    name: 'port add to one that does not run',
    arrange: async (daemon) => {
      await twoNetworks(daemon)
      await create(daemon, 'c1', published)
    },
    act: ({ controller }) => controller.publishPorts('c1', { PortBindings: { '443/tcp': [{}] } }),
  },
  {
    name: 'port rm of one of a range, and of all of another',
    arrange: async (daemon) => {
      await twoNetworks(daemon)
      await run(daemon, 'c1', published)
    },
    act: ({ controller }) =>
      controller.unpublishPorts('c1', {
        PortBindings: { '80/tcp': [{ HostPort: '8080' }] },
        Ports: ['53/udp'],
      }),
  },
  {
    name: 'port add of a range that goes on where another ends',
    arrange: async (daemon) => {
      await twoNetworks(daemon)
      await run(daemon, 'c1', published)
    },
    act: ({ controller }) =>
      controller.publishPorts('c1', { PortBindings: { '82-89/tcp': [{ HostPort: '8082-8089' }] } }),
  },
  {
    name: 'port rm of the middle of a range',
    arrange: async (daemon) => {
      await twoNetworks(daemon)
      await run(daemon, 'c1', published)
      await daemon.controller.publishPorts('c1', {
        PortBindings: { '82-89/tcp': [{ HostPort: '8082-8089' }] },
      })
    },
    act: ({ controller }) => controller.unpublishPorts('c1', { Ports: ['84-86/tcp'] }),
  },
  {
    name: 'port add on a routed network',
    arrange: async (daemon) => {
      const Options = { 'com.docker.network.bridge.gateway_mode_ipv4': 'routed' }
      await daemon.controller.createNetwork({ Name: 'back', Options })
      await run(daemon, 'c1', published)
    },
    act: ({ controller }) => controller.publishPorts('c1', { PortBindings: { '82/tcp': [{}] } }),
  },
  {
    name: 'stop with published ports',
    final: true,
    arrange: async (daemon) => {
      await twoNetworks(daemon)
      await run(daemon, 'c1', published)
    },
    act: ({ controller }) => controller.stopSandbox('c1', {}),
  },
  {
    name: 'stop',
    final: true,
    arrange: async (daemon) => {
      await twoNetworks(daemon)
      await run(daemon, 'c1', onTwo)
    },
    act: ({ controller }) => controller.stopSandbox('c1', {}),
  },
  {
    name: 'kill',
    final: true,
    arrange: async (daemon) => {
      await twoNetworks(daemon)
      await run(daemon, 'c1', onTwo)
    },
    act: ({ controller }) => controller.killSandbox('c1', 'SIGKILL'),
  },
  {
    name: 'rename',
    arrange: (daemon) => create(daemon, 'c1', { HostConfig: {} }),
    act: ({ controller }) => controller.renameSandbox('c1', 'd1'),
  },
  {
    name: 'rename of one that runs and that others link to',
    arrange: async (daemon) => {
      await twoNetworks(daemon)
      await run(daemon, 'c1', onTwo)
      await run(daemon, 'client', { HostConfig: { NetworkMode: 'back', Links: ['c1:database'] } })
    },
    act: ({ controller }) => controller.renameSandbox('c1', 'd1'),
  },
  {
    name: 'network create with names in the sandboxes',
    arrange: async () => undefined,
    act: ({ controller }) => controller.createNetwork(inside),
  },
  {
    name: 'network connect that ends the questions in the sandbox itself',
    arrange: async (daemon) => {
      await twoNetworks(daemon)
      await daemon.controller.createNetwork(inside)
      await run(daemon, 'c1', { HostConfig: { NetworkMode: 'inside', Dns: ['192.0.2.99'] } })
    },
    act: ({ controller }) =>
      controller.connect('front', { Container: 'c1', EndpointConfig: { Links: ['x:y'] } }),
  },
  {
    name: 'network disconnect from the last one that has names',
    arrange: async (daemon) => {
      await daemon.controller.createNetwork(inside)
      await run(daemon, 'c1', { HostConfig: { NetworkMode: 'inside' } })
      await daemon.controller.connect('bridge', { Container: 'c1' })
    },
    act: ({ controller }) => controller.disconnect('inside', { Container: 'c1' }),
  },
  {
    name: 'link set of one that runs',
    arrange: async (daemon) => {
      await twoNetworks(daemon)
      await run(daemon, 'c1', onTwo)
      await daemon.controller.setLink('c1@back', { to: { loss: '1%' } })
    },
    act: ({ controller }) => controller.adjustLink('c1@back', 'both', { delay: '50ms', loss: '2%' }),
  },
  {
    name: 'link set of one that does not run',
    arrange: async (daemon) => {
      await twoNetworks(daemon)
      await create(daemon, 'c1', onTwo)
    },
    act: ({ controller }) => controller.setLink('c1@front', { from: { down: true } }),
  },
  {
    name: 'start, stop and start of one whose link is impaired',
    final: true,
    arrange: async (daemon) => {
      await twoNetworks(daemon)
      await run(daemon, 'c1', onTwo)
      await daemon.controller.setLink('c1@back', { to: { loss: '1%' } })
    },
    act: ({ controller }) => controller.stopSandbox('c1', {}),
  },
  {
    name: 'link reset',
    arrange: async (daemon) => {
      await twoNetworks(daemon)
      await run(daemon, 'c1', onTwo)
      await daemon.controller.setLink('c1@back', { to: { loss: '1%' } })
    },
    act: ({ controller }) => controller.resetLink('c1@back', 'both'),
  },
  {
    name: 'network disconnect of one whose link is impaired',
    arrange: async (daemon) => {
      await twoNetworks(daemon)
      await run(daemon, 'c1', onTwo)
      await daemon.controller.setLink('c1@back', { to: { loss: '1%' } })
    },
    act: ({ controller }) => controller.disconnect('back', { Container: 'c1' }),
  },
  {
    name: 'rm',
    arrange: async (daemon) => {
      await twoNetworks(daemon)
      await run(daemon, 'c1', onTwo)
      await daemon.controller.stopSandbox('c1', {})
    },
    act: ({ controller }) => controller.removeSandbox('c1', { force: false }),
  },
  {
    name: 'service create',
    arrange: async (daemon) => {
      await twoNetworks(daemon)
      await run(daemon, 'c1', onTwo)
    },
    act: ({ controller }) => controller.createService(SERVICE),
  },
  {
    name: 'service update',
    arrange: async (daemon) => {
      await twoNetworks(daemon)
      await run(daemon, 'c1', onTwo)
      await daemon.controller.createService(SERVICE)
    },
    act: ({ controller }) =>
      controller.updateService('web', { PublishAdd: [{ TargetPort: 81, PublishedPort: 5001 }] }),
  },
]

const SERVICE = {
  Name: 'web',
  Network: 'back',
  Endpoints: ['c1'],
  Ports: [{ TargetPort: 80, PublishedPort: 5000 }],
}
