import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Daemon, MemoryMachine, settled } from './memory-machine.ts'
import { assertConsistent } from './snapshot.ts'

const NAT_ROUTED = { 'com.docker.network.bridge.gateway_mode_ipv4': 'routed' }

async function start(): Promise<{ machine: MemoryMachine; daemon: Daemon }> {
  const machine = new MemoryMachine()
  return { machine, daemon: await machine.boot() }
}

type Bindings = Record<string, { HostIp?: string; HostPort?: string }[]>

async function run(
  { controller }: Daemon,
  name: string,
  PortBindings: Bindings,
  more: { readonly NetworkMode?: string; readonly PublishAllPorts?: boolean } = {},
): Promise<void> {
  await controller.createSandbox(name, { Cmd: ['serve'], HostConfig: { PortBindings, ...more } })
  await controller.startSandbox(name)
}

const portsOf = ({ controller }: Daemon, name: string): unknown =>
  controller.inspectSandbox(name).NetworkSettings.Ports

const everywhere = (HostPort: string): object[] => [
  { HostIp: '0.0.0.0', HostPort },
  { HostIp: '::', HostPort },
]

/** `tcp 0.0.0.0 80-81 > 172.17.0.2 8080`, as the switch has it. */
const published = ({ fabric }: Daemon): string[] =>
  [...fabric.published.values()]
    .map(
      ({ protocol, address, first, last, target }) =>
        `${protocol} ${address || '*'} ${first}-${last} > ${target.address} ${target.first}`,
    )
    .toSorted()

const reserved = ({ hostPorts }: Daemon): string[] =>
  [...hostPorts.reservations]
    .map(({ protocol, address, first, last }) => `${protocol} ${address || '*'} ${first}-${last}`)
    .toSorted()

describe('published ports', () => {
  it('are on all addresses, or on the one that is said', async () => {
    const { daemon } = await start()
    await run(daemon, 'c1', {
      '80/tcp': [{ HostPort: '8080' }, { HostIp: '192.0.2.1', HostPort: '80' }],
      '81/tcp': [{ HostPort: '8081' }],
      '53/udp': [{ HostIp: '127.0.0.1', HostPort: '53' }],
      '54/udp': [{ HostIp: '::1', HostPort: '54' }],
    })
    assert.deepEqual(portsOf(daemon, 'c1'), {
      '53/udp': [{ HostIp: '127.0.0.1', HostPort: '53' }],
      '54/udp': [{ HostIp: '::1', HostPort: '54' }],
      '80/tcp': [...everywhere('8080'), { HostIp: '192.0.2.1', HostPort: '80' }],
      '81/tcp': everywhere('8081'),
    })
    // What only the machine's own programs can reach is no matter of the switch.
    assert.deepEqual(published(daemon), [
      'tcp * 8080-8081 > 172.17.0.2 80',
      'tcp 192.0.2.1 80-80 > 172.17.0.2 80',
    ])
    assert.deepEqual(reserved(daemon), [
      'tcp * 8080-8081',
      'tcp 192.0.2.1 80-80',
      'udp 127.0.0.1 53-53',
      'udp ::1 54-54',
    ])
  })

  it('are nobody else’s as long as the sandbox runs', async () => {
    const { machine, daemon } = await start()
    await run(daemon, 'c1', { '80/tcp': [{ HostPort: '8080' }] })
    await assert.rejects(run(daemon, 'c2', { '80/tcp': [{ HostIp: '192.0.2.1', HostPort: '8080' }] }), {
      code: 'PORT_IN_USE',
      message:
        /^failed to set up container networking: driver failed programming external connectivity on endpoint c2 \([\da-f]{64}\): Bind for 192\.0\.2\.1:8080 failed: port is already allocated$/,
    })
    await daemon.controller.stopSandbox('c1', {})
    assert.deepEqual([published(daemon), reserved(daemon)], [[], []])
    await daemon.controller.startSandbox('c2')
    await settled()
    assertConsistent(daemon, machine)
  })

  it('are refused where a program of the machine has one of them', async () => {
    const { machine, daemon } = await start()
    machine.busyPorts.add('8081/tcp')
    const bindings = { '80/tcp': [{ HostPort: '8080' }], '81/tcp': [{ HostPort: '8081' }] }
    await assert.rejects(run(daemon, 'c1', bindings), {
      code: 'PORT_IN_USE',
      message: /: failed to bind host port 0\.0\.0\.0:8081\/tcp: address already in use$/,
    })
    assertConsistent(daemon, machine)
    assert.deepEqual(reserved(daemon), [])
  })

  it('are the first of a range that is free', async () => {
    const { machine, daemon } = await start()
    machine.busyPorts.add('8001/tcp')
    const bindings = { '80/tcp': [{ HostPort: '8000-8003' }] }
    for (const [name, port] of [
      ['c1', '8000'],
      ['c2', '8002'],
      ['c3', '8003'],
    ] as const) {
      await run(daemon, name, bindings)
      assert.deepEqual(portsOf(daemon, name), { '80/tcp': everywhere(port) })
    }
    await assert.rejects(run(daemon, 'c4', bindings), { code: 'PORT_IN_USE' })
    machine.busyPorts.clear()
    await daemon.controller.startSandbox('c4')
    await assert.rejects(run(daemon, 'c5', bindings), {
      code: 'PORTS_EXHAUSTED',
      message: /: all ports are allocated$/,
    })
  })

  it('are any that is free, behind the last one, without what is reserved', async () => {
    const { machine, daemon } = await start()
    daemon.hostPorts.ephemeral = { first: 40_000, last: 40_005, reserved: [[40_002, 40_002]] }
    machine.busyPorts.add('40001/tcp')
    await run(daemon, 'c1', { '80/tcp': [{}] })
    await run(daemon, 'c2', { '80/tcp': [{}], '81/tcp': [{}] })
    assert.deepEqual(portsOf(daemon, 'c1'), { '80/tcp': everywhere('40000') })
    assert.deepEqual(portsOf(daemon, 'c2'), { '80/tcp': everywhere('40003'), '81/tcp': everywhere('40004') })
    await daemon.controller.stopSandbox('c1', {})
    await run(daemon, 'c3', { '80/tcp': [{}], '81/tcp': [{}] })
    assert.deepEqual(portsOf(daemon, 'c3'), { '80/tcp': everywhere('40005'), '81/tcp': everywhere('40000') })
    await assert.rejects(run(daemon, 'c4', { '80/tcp': [{}] }), { code: /PORT/ })
    await run(daemon, 'c5', { '80/udp': [{}] })
    assertConsistent(daemon, machine)
  })

  it('are refused where the machine refuses ten of any', async () => {
    const { machine, daemon } = await start()
    for (let port = 32_768; port < 32_790; port++) machine.busyPorts.add(`${port}/tcp`)
    await assert.rejects(run(daemon, 'c1', { '80/tcp': [{}] }), {
      message: /failed to bind host port 0\.0\.0\.0:32777\/tcp: address already in use$/,
    })
    assert.deepEqual(reserved(daemon), [])
  })

  it('are all exposed ones with -P', async () => {
    const { daemon } = await start()
    await daemon.controller.createSandbox('c1', {
      ExposedPorts: { '80/tcp': {}, '53/udp': {}, '5/sctp': {} },
      HostConfig: { PublishAllPorts: true, PortBindings: { '443/tcp': [{ HostPort: '443' }] } },
    })
    await daemon.controller.startSandbox('c1')
    assert.deepEqual(portsOf(daemon, 'c1'), {
      '5/sctp': null,
      '53/udp': everywhere('32768'),
      '80/tcp': everywhere('32768'),
      '443/tcp': everywhere('443'),
    })
  })

  it('are on the address that the network says, or the daemon’s user', async () => {
    const { machine } = await start()
    machine.defaults = { ...machine.defaults, hostBinding: '127.0.0.1' }
    const daemon = await machine.boot()
    const Options = { 'com.docker.network.bridge.host_binding_ipv4': '192.0.2.7' }
    await daemon.controller.createNetwork({ Name: 'net', Options })
    await run(daemon, 'c1', { '80/tcp': [{ HostPort: '80' }] })
    await run(daemon, 'c2', { '80/tcp': [{ HostPort: '80' }] }, { NetworkMode: 'net' })
    assert.deepEqual(portsOf(daemon, 'c1'), { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '80' }] })
    assert.deepEqual(portsOf(daemon, 'c2'), { '80/tcp': [{ HostIp: '192.0.2.7', HostPort: '80' }] })
  })

  it('are the sandbox’s own on a routed network, and none on an internal one', async () => {
    const { daemon } = await start()
    await daemon.controller.createNetwork({ Name: 'routed', Options: NAT_ROUTED })
    await daemon.controller.createNetwork({ Name: 'inner', Internal: true })
    const bindings = { '80/tcp': [{ HostPort: '8080' }, { HostPort: '8081' }], '81/tcp': [{}] }
    await run(daemon, 'c1', bindings, { NetworkMode: 'routed' })
    await run(daemon, 'c2', bindings, { NetworkMode: 'inner' })
    assert.deepEqual(portsOf(daemon, 'c1'), {
      '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '' }],
      '81/tcp': [{ HostIp: '0.0.0.0', HostPort: '' }],
    })
    assert.deepEqual(portsOf(daemon, 'c2'), { '80/tcp': null, '81/tcp': null })
    const { IPAddress } = daemon.controller.inspectSandbox('c1').NetworkSettings.Networks['routed']!
    assert.deepEqual(published(daemon), [`tcp ${IPAddress} 80-81 > ${IPAddress} 80`])
    assert.deepEqual(reserved(daemon), [])
  })

  it('keep their numbers while they follow the default route', async () => {
    const { machine, daemon } = await start()
    const { controller } = daemon
    await controller.createNetwork({ Name: 'a-first' })
    await controller.createNetwork({ Name: 'z-last' })
    await run(daemon, 'c1', { '80/tcp': [{}] }, { NetworkMode: 'z-last' })
    const before = portsOf(daemon, 'c1')
    const target = (): string => [...daemon.fabric.published.values()][0]!.target.address
    const addressOn = (network: string): string =>
      controller.inspectSandbox('c1').NetworkSettings.Networks[network]!.IPAddress
    await controller.connect('a-first', { Container: 'c1' })
    assert.equal(target(), addressOn('a-first'))
    assert.deepEqual(portsOf(daemon, 'c1'), before)
    await controller.disconnect('a-first', { Container: 'c1' })
    assert.equal(target(), addressOn('z-last'))
    assert.deepEqual(portsOf(daemon, 'c1'), before)
    await controller.disconnect('z-last', { Container: 'c1' })
    assert.deepEqual(portsOf(daemon, 'c1'), { '80/tcp': null })
    await controller.connect('a-first', { Container: 'c1' })
    assert.deepEqual(portsOf(daemon, 'c1'), { '80/tcp': everywhere('32769') })
    assertConsistent(daemon, machine)
  })

  it('are taken up again by the next daemon, but for those that somebody else has meanwhile', async () => {
    const { machine, daemon } = await start()
    await run(daemon, 'c1', { '80/tcp': [{}], '81/tcp': [{ HostPort: '8081' }] })
    machine.die()
    machine.busyPorts.add('8081/tcp')
    const next = await machine.boot()
    assert.deepEqual(portsOf(next, 'c1'), { '80/tcp': everywhere('32768'), '81/tcp': null })
    assert.deepEqual(next.warnings, ['port 81/tcp of c1 could not be published again'])
    assertConsistent(next, machine)
    await run(next, 'c2', { '80/tcp': [{}] })
    machine.busyPorts.clear()
    await next.controller.restartSandbox('c1', {})
    assert.deepEqual(Object.keys(portsOf(next, 'c1') as object), ['80/tcp', '81/tcp'])
  })

  it('are one range where they lie together, ten thousand in no time', async (t) => {
    const { daemon } = await start()
    const PortBindings = Object.fromEntries(
      Array.from({ length: 10_000 }, (_, index) => [
        `${3000 + index}/tcp`,
        [{ HostPort: String(3000 + index) }],
      ]),
    )
    const before = performance.now()
    await run(daemon, 'c1', PortBindings)
    t.diagnostic(`${(performance.now() - before).toFixed(1)} ms to create and start`)
    assert.deepEqual(published(daemon), ['tcp * 3000-12999 > 172.17.0.2 3000'])
    assert.deepEqual(reserved(daemon), ['tcp * 3000-12999'])
    assert.deepEqual(daemon.model().sandboxes[0]!.ports, {
      '3000-12999/tcp': [{ hostIp: '', hostPort: '3000-12999' }],
    })
    const inspected = performance.now()
    assert.equal(Object.keys(portsOf(daemon, 'c1') as object).length, 10_000)
    t.diagnostic(`${(performance.now() - inspected).toFixed(1)} ms to inspect`)
    const changed = performance.now()
    await daemon.controller.unpublishPorts('c1', { PortBindings })
    await daemon.controller.publishPorts('c1', { PortBindings })
    t.diagnostic(`${(performance.now() - changed).toFixed(1)} ms to unpublish and to publish again`)
    assert.deepEqual(reserved(daemon), ['tcp * 3000-12999'])
  })
})

describe('ports that are published while the sandbox is there', () => {
  it('come and go, and a restart keeps what is', async () => {
    const { machine, daemon } = await start()
    const { controller } = daemon
    await run(daemon, 'c1', { '80/tcp': [{ HostPort: '8080' }], '81/tcp': [{ HostPort: '8081' }] })
    const { Ports } = await controller.publishPorts('c1', {
      PortBindings: { '82/tcp': [{ HostPort: '8082' }, {}] },
    })
    assert.deepEqual(Ports, { '82/tcp': [...everywhere('8082'), ...everywhere('32768')] })
    assertConsistent(daemon, machine)
    await controller.unpublishPorts('c1', {
      PortBindings: { '81/tcp': [{ HostPort: '8081' }], '82/tcp': [{ HostPort: '32768' }] },
    })
    const left = { '80/tcp': everywhere('8080'), '81/tcp': null, '82/tcp': everywhere('8082') }
    assert.deepEqual(portsOf(daemon, 'c1'), left)
    assert.deepEqual(reserved(daemon), ['tcp * 8080-8080', 'tcp * 8082-8082'])
    await controller.restartSandbox('c1', {})
    assert.deepEqual(portsOf(daemon, 'c1'), left)
    assertConsistent(daemon, machine)
    const events = daemon.events.filter(({ Action }) => /publish/.test(Action))
    assert.deepEqual(
      events.map(({ Action, Actor }) => [Action, Actor.Attributes['ports']]),
      [
        ['publish', '82/tcp'],
        ['unpublish', '81-82/tcp'],
      ],
    )
  })

  it('come and go as ranges, which stay ranges', async () => {
    const { machine, daemon } = await start()
    const { controller } = daemon
    const ranges = () => {
      const [{ config, ports } = assert.fail()] = daemon.model().sandboxes
      const keys = [config.exposedPorts, Object.keys(config.portBindings), Object.keys(ports)]
      return keys.map((list) => list.join(' '))
    }
    await run(daemon, 'c1', { '3000-3999/tcp': [{ HostPort: '3000-3999' }] })
    const { Ports } = await controller.publishPorts('c1', {
      PortBindings: {
        '4000-12999/tcp': [{ HostPort: '4000-12999' }],
        '53-54/udp': [{ HostIp: '192.0.2.1' }],
      },
    })
    assert.deepEqual(Ports, {
      '4000-12999/tcp': everywhere('4000-12999'),
      '53-54/udp': [{ HostIp: '192.0.2.1', HostPort: '32768-32769' }],
    })
    const all = '53-54/udp 3000-12999/tcp'
    assert.deepEqual(ranges(), [all, all, '3000-3999/tcp 4000-12999/tcp 53-54/udp'])
    const { HostConfig, Config } = controller.inspectSandbox('c1')
    assert.deepEqual(HostConfig.PortBindings['12999/tcp'], [{ HostIp: '', HostPort: '12999' }])
    for (const shown of [
      HostConfig.PortBindings,
      Config.ExposedPorts ?? {},
      portsOf(daemon, 'c1') as object,
    ]) {
      assert.equal(Object.keys(shown).length, 10_002)
    }
    await controller.unpublishPorts('c1', {
      Ports: ['3500/tcp', '53/udp'],
      PortBindings: { '5000-5999/tcp': [{ HostPort: '5000-5999' }] },
    })
    assert.deepEqual(reserved(daemon), [
      'tcp * 3000-3499',
      'tcp * 3501-3999',
      'tcp * 4000-4999',
      'tcp * 6000-12999',
      'udp 192.0.2.1 32769-32769',
    ])
    assert.deepEqual(ranges(), [
      all,
      '54/udp 3000-3499/tcp 3501-4999/tcp 6000-12999/tcp',
      '3000-3499/tcp 3501-3999/tcp 4000-4999/tcp 6000-12999/tcp 54/udp',
    ])
    assertConsistent(daemon, machine)
    await controller.restartSandbox('c1', {})
    assert.deepEqual(published(daemon), [
      'tcp * 3000-3499 > 172.17.0.2 3000',
      'tcp * 3501-4999 > 172.17.0.2 3501',
      'tcp * 6000-12999 > 172.17.0.2 6000',
      'udp 192.0.2.1 32770-32770 > 172.17.0.2 54',
    ])
    assertConsistent(daemon, machine)
    await assert.rejects(
      controller.publishPorts('c1', { PortBindings: { '4990-5005/tcp': [{ HostPort: '4990-5005' }] } }),
      { message: 'Bind for 0.0.0.0:4990 failed: port is already allocated' },
    )
  })

  it('leave all as it was where one cannot be', async () => {
    const { machine, daemon } = await start()
    const { controller } = daemon
    await run(daemon, 'c1', { '80/tcp': [{ HostPort: '8080' }] })
    await run(daemon, 'c2', {})
    const before = [daemon.model(), published(daemon), reserved(daemon)]
    for (const PortBindings of [
      { '80/tcp': [{ HostPort: '9090' }], '81/tcp': [{ HostPort: '8080' }] },
      { '80/sctp': [{}] },
      {},
      { '0/tcp': [{}] },
    ]) {
      await assert.rejects(controller.publishPorts('c2', { PortBindings }), { code: /^PORT_/ })
    }
    await assert.rejects(
      controller.publishPorts('c1', { PortBindings: { '80/tcp': [{ HostPort: '8080' }] } }),
      { message: 'Bind for 0.0.0.0:8080 failed: port is already allocated' },
    )
    for (const request of [{ Ports: ['81/tcp'] }, { PortBindings: { '80/tcp': [{ HostPort: '9' }] } }]) {
      await assert.rejects(controller.unpublishPorts('c1', request), {
        message: /^no public port '8.\/tcp' published for c1$/,
      })
    }
    assert.deepEqual([daemon.model(), published(daemon), reserved(daemon)], before)
    assertConsistent(daemon, machine)
  })

  it('are asked for by themselves from then on, where all were', async () => {
    const { daemon } = await start()
    await daemon.controller.createSandbox('c1', {
      ExposedPorts: { '80/tcp': {}, '81/tcp': {} },
      HostConfig: { PublishAllPorts: true },
    })
    await daemon.controller.startSandbox('c1')
    await daemon.controller.unpublishPorts('c1', { Ports: ['80'] })
    await daemon.controller.restartSandbox('c1', {})
    const ports = portsOf(daemon, 'c1') as Record<string, unknown>
    assert.equal(ports['80/tcp'], null)
    assert.notEqual(ports['81/tcp'], null)
  })

  it('are none of a sandbox that has no ports of its own', async () => {
    const { daemon } = await start()
    await run(daemon, 'c1', {})
    await run(daemon, 'c2', {}, { NetworkMode: 'container:c1' })
    await run(daemon, 'c3', {}, { NetworkMode: 'host' })
    for (const name of ['c2', 'c3']) {
      await assert.rejects(daemon.controller.publishPorts(name, { PortBindings: { '80/tcp': [{}] } }), {
        message: /^conflicting options: port publishing and the (?:host|container) type network mode$/,
      })
    }
  })
})

describe('a link where sandboxes are kept apart', () => {
  const permits = ({ fabric }: Daemon): string[] =>
    [...fabric.permits.values()]
      .map(({ client, server, protocol, port }) => `${client} > ${server} ${port}/${protocol}`)
      .toSorted()

  it('permits what the other one exposes, as long as both are there', async () => {
    const { machine } = await start()
    machine.defaults = { ...machine.defaults, icc: false }
    let daemon = await machine.boot()
    const { controller } = daemon
    const ExposedPorts = { '80/tcp': {}, '53/udp': {}, '9/sctp': {} }
    await controller.createSandbox('db', { ExposedPorts })
    await controller.startSandbox('db')
    await controller.createSandbox('web', { HostConfig: { Links: ['db:data'] } })
    await controller.startSandbox('web')
    const both = ['172.17.0.3 > 172.17.0.2 53/udp', '172.17.0.3 > 172.17.0.2 80/tcp']
    assert.deepEqual(permits(daemon), both)
    await controller.stopSandbox('db', {})
    assert.deepEqual(permits(daemon), [])
    // Its address rests for it; without that another one has it, and it gets the next.
    await machine.pass(60_000)
    await controller.createSandbox('other', {})
    await controller.startSandbox('other')
    await controller.startSandbox('db')
    const moved = ['172.17.0.3 > 172.17.0.4 53/udp', '172.17.0.3 > 172.17.0.4 80/tcp']
    assert.deepEqual(permits(daemon), moved)
    await controller.renameSandbox('db', 'database')
    assert.deepEqual(controller.inspectSandbox('web').HostConfig.Links, ['/database:/web/data'])
    await controller.restartSandbox('web', {})
    assert.deepEqual(permits(daemon), moved)
    machine.die()
    daemon = await machine.boot()
    assert.deepEqual(permits(daemon), moved)
    await daemon.controller.disconnect('bridge', { Container: 'database' })
    assert.deepEqual(permits(daemon), [])
    await daemon.controller.connect('bridge', { Container: 'database' })
    assert.deepEqual(permits(daemon), moved)
    await daemon.controller.publishPorts('database', { PortBindings: { '443/tcp': [{}] } })
    assert.equal(permits(daemon).length, 3)
    assertConsistent(daemon, machine)
  })

  it('permits nothing of one that ends while the other comes', async () => {
    const { machine } = await start()
    machine.defaults = { ...machine.defaults, icc: false }
    const daemon = await machine.boot()
    const { controller, fabric } = daemon
    await controller.createSandbox('db', { ExposedPorts: { '80/tcp': {}, '53/udp': {} } })
    await controller.startSandbox('db')
    await controller.createSandbox('web', { HostConfig: { Links: ['db'] } })
    const permit = fabric.permit.bind(fabric)
    let end: Promise<void> | undefined
    // The switch takes its time, in which the other one ends.
    fabric.permit = async (wanted) => {
      await permit(wanted)
      end ??= controller.stopSandbox('db', {})
      await settled()
    }
    await controller.startSandbox('web')
    await end
    assert.deepEqual(permits(daemon), [])
    assertConsistent(daemon, machine)
  })

  it('needs no permit where they may talk', async () => {
    const { daemon } = await start()
    await daemon.controller.createSandbox('db', { ExposedPorts: { '80/tcp': {} } })
    await daemon.controller.startSandbox('db')
    await daemon.controller.createSandbox('web', { HostConfig: { Links: ['db'] } })
    await daemon.controller.startSandbox('web')
    assert.deepEqual(permits(daemon), [])
  })
})

describe('a gateway', () => {
  it('is what the network says', async () => {
    const { machine, daemon } = await start()
    await daemon.controller.createNetwork({
      Name: 'net',
      IPAM: { Config: [{ Subnet: '10.9.0.0/24', Gateway: '10.9.0.254' }] },
      Options: {
        'com.docker.network.driver.mtu': '9000',
        'com.docker.network.bridge.gateway_mode_ipv4': 'nat-unprotected',
        'com.docker.network.host_ipv4': '192.0.2.9',
        'tapwire.proxy-arp': 'true',
      },
    })
    assert.deepEqual([...daemon.fabric.gateways.values()].at(-1), {
      address: '10.9.0.254',
      prefixLength: 24,
      mac: '02:42:0a:09:00:fe',
      mtu: 9000,
      mode: 'nat-unprotected',
      internal: false,
      masquerade: true,
      hostIpv4: '192.0.2.9',
      proxyArp: true,
      uplink: false,
    })
    assertConsistent(daemon, machine)
  })

  it('has the same random address after a restart', async () => {
    const { machine, daemon } = await start()
    await daemon.controller.createNetwork({ Name: 'net', Options: { 'tapwire.mac': 'random' } })
    const before = [...daemon.fabric.gateways.values()].map(({ mac }) => mac)
    assert.match(before.at(-1)!, /^[\da-f][26ae](:[\da-f]{2}){5}$/)
    machine.die()
    const next = await machine.boot()
    assert.deepEqual(
      [...next.fabric.gateways.values()].map(({ mac }) => mac),
      before,
    )
  })

  it('is not where nothing leads to it', async () => {
    const { daemon } = await start()
    const mode = (Options: Record<string, string>, more: object = {}) =>
      daemon.controller.createNetwork({ Name: `n${daemon.fabric.domains.size}`, Options, ...more })
    await mode({ 'com.docker.network.bridge.gateway_mode_ipv4': 'isolated' }, { Internal: true })
    await mode({ 'com.docker.network.bridge.inhibit_ipv4': 'true' })
    await mode({}, { EnableIPv4: false, EnableIPv6: true })
    assert.deepEqual(
      [...daemon.fabric.gateways.values()].map(({ address }) => address),
      ['172.17.0.1'],
    )
  })

  it('refuses what it cannot be', async () => {
    const { daemon } = await start()
    for (const [Options, Internal, words] of [
      [{ 'tapwire.uplink': 'true' }, true, /nothing leads out of an internal network/],
      [{ 'tapwire.uplink': 'maybe' }, false, /ParseBool/],
      [{ 'tapwire.proxy-arp': '' }, false, /ParseBool/],
      [{ 'tapwire.spoof-guard': 'no' }, false, /ParseBool/],
      [{ 'tapwire.host': 'no' }, false, /ParseBool/],
    ] as const) {
      await assert.rejects(daemon.controller.createNetwork({ Name: 'n', Options, Internal }), {
        message: words,
      })
    }
  })
})

describe('the guard of an endpoint', () => {
  it('knows all of its addresses, unless the network wants none', async () => {
    const { daemon } = await start()
    const { controller } = daemon
    await controller.createNetwork({
      Name: 'net',
      EnableIPv6: true,
      IPAM: { Config: [{ Subnet: '10.9.0.0/24' }, { Subnet: 'fd09::/64' }] },
    })
    await controller.createNetwork({ Name: 'free', Options: { 'tapwire.spoof-guard': 'false' } })
    const wishes = { IPAMConfig: { LinkLocalIPs: ['169.254.3.4', 'fe80::99'] } }
    await controller.createSandbox('c1', {
      HostConfig: { NetworkMode: 'net' },
      NetworkingConfig: { EndpointsConfig: { net: wishes, free: {} } },
    })
    await controller.startSandbox('c1')
    const guards = [...daemon.fabric.ports.values()].map(({ guard }) => guard)
    assert.deepEqual(guards, [
      { ipv4: ['10.9.0.2', '169.254.3.4'], ipv6: ['fd09::2', 'fe80::99'] },
      undefined,
    ])
  })
})
