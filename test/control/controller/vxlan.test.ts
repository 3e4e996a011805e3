import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { NetworkCreate } from '../../../src/control/api/network.ts'
import { LEARNED_PEER_AGEING_S } from '../../../src/control/drivers/vxlan.ts'
import { VXLAN_PEERS_MAX } from '../../../src/limits.ts'
import { type Daemon, MemoryMachine, settled } from './memory-machine.ts'
import { assertConsistent } from './snapshot.ts'

const AFAR = network('afar', { vni: '42', remote: '192.0.2.2, 192.0.2.3', local: '192.0.2.1' })

function network(name: string, options: Readonly<Record<string, string>>): NetworkCreate {
  return { Name: name, Driver: 'vxlan', Options: options }
}

async function boot(): Promise<{ machine: MemoryMachine; daemon: Daemon }> {
  const machine = new MemoryMachine()
  return { machine, daemon: await machine.boot() }
}

async function run({ controller }: Daemon, name: string, on: string): Promise<void> {
  await controller.createSandbox(name, { Cmd: ['serve'], HostConfig: { NetworkMode: on } })
  await controller.startSandbox(name)
}

const tunnels = ({ fabric }: Daemon) => [...fabric.tunnelling.open.values()]
const overlays = ({ fabric }: Daemon) => [...fabric.tunnelling.overlays.values()]
const peers = ({ fabric }: Daemon): string[] =>
  [...fabric.tunnelling.peers.values()].map(({ address }) => address)

describe('a vxlan network', () => {
  it('goes on to each host that it names', async () => {
    const { machine, daemon } = await boot()
    await daemon.controller.createNetwork(AFAR)
    const [tunnel] = tunnels(daemon)
    assert.deepEqual(
      { ...tunnel, port: 0 },
      { port: 0, local: '192.0.2.1', udpPort: 4789, ttl: 64, dscp: 'inherit', patient: false },
    )
    assert.deepEqual(overlays(daemon), [
      { tunnel: tunnel!.port, vni: 42, learns: true, floods: true, suppressesArp: false },
    ])
    assert.deepEqual(peers(daemon), ['192.0.2.2', '192.0.2.3'])
    assertConsistent(daemon, machine)
  })

  it('tells the data path what its options say', async () => {
    const { daemon } = await boot()
    const more = { port: '8472', ttl: '3', dscp: '46', learn: 'false', flood: 'false' }
    await daemon.controller.createNetwork({ ...AFAR, Options: { ...AFAR.Options, ...more } })
    const [tunnel] = tunnels(daemon)
    const [overlay] = overlays(daemon)
    assert.deepEqual([tunnel!.udpPort, tunnel!.ttl, tunnel!.dscp], [8472, 3, 46])
    assert.deepEqual([overlay!.learns, overlay!.floods], [false, false])
  })

  it('is sent from the address that the route to the first host has', async () => {
    const { daemon } = await boot()
    daemon.fabric.tunnelling.local = '198.51.100.7'
    await daemon.controller.createNetwork(network('n', { vni: '1', remote: '192.0.2.2' }))
    assert.equal(tunnels(daemon)[0]!.local, '198.51.100.7')
  })

  it('is refused where the route to the first host leads to this one, and leaves nothing', async () => {
    const { machine, daemon } = await boot()
    daemon.fabric.tunnelling.local = '192.0.2.2'
    await assert.rejects(daemon.controller.createNetwork(network('n', { vni: '1', remote: '192.0.2.2' })), {
      code: 'TUNNEL_UNUSABLE',
      message: "failed to parse remote value: 192.0.2.2 (this host's own address)",
    })
    assertConsistent(daemon, machine)
  })

  it('is refused where there is no route, and leaves nothing', async () => {
    const { machine, daemon } = await boot()
    daemon.fabric.tunnelling.local = undefined
    await assert.rejects(daemon.controller.createNetwork(network('n', { vni: '1', remote: '192.0.2.2' })), {
      code: 'TUNNEL_UNUSABLE',
      message: 'there is no route to 192.0.2.2',
    })
    assertConsistent(daemon, machine)
  })

  it('has its tunnel in common with others of the same address and port', async () => {
    const { machine, daemon } = await boot()
    await daemon.controller.createNetwork(AFAR)
    await daemon.controller.createNetwork({ ...AFAR, Name: 'far', Options: { ...AFAR.Options, vni: '43' } })
    assert.equal(tunnels(daemon).length, 1)
    await daemon.controller.removeNetwork('afar')
    assert.equal(tunnels(daemon).length, 1)
    assertConsistent(daemon, machine)
    await daemon.controller.removeNetwork('far')
    assert.equal(tunnels(daemon).length, 0)
  })

  it('has a number of its own behind its tunnel', async () => {
    const { machine, daemon } = await boot()
    await daemon.controller.createNetwork(AFAR)
    await assert.rejects(daemon.controller.createNetwork({ ...AFAR, Name: 'far' }), {
      code: 'VNI_IN_USE',
      message: 'network afar has the VNI 42 at 192.0.2.1, UDP port 4789, already',
    })
    assertConsistent(daemon, machine)
    const elsewhere = { ...AFAR.Options, port: '4790' }
    await daemon.controller.createNetwork({ ...AFAR, Name: 'far', Options: elsewhere })
  })

  it('has hosts that captures can name, there or not', async () => {
    const { daemon } = await boot()
    await daemon.controller.createNetwork(AFAR)
    const { places } = daemon.controller
    const [port] = [...daemon.fabric.tunnelling.peers].find(([, { address }]) => address === '192.0.2.3')!
    const chosen = (place: string): number[] => {
      const selection = places.select([place])
      return places.all().flatMap((one) => (selection.has(one) ? [one.port] : []))
    }
    assert.deepEqual(chosen('peer:192.0.2.3'), [port])
    assert.deepEqual(chosen('peer:192.0.2.3@afar'), [port])
    assert.deepEqual(chosen('peer:192.0.2.9'), [])
    assert.ok(!chosen('host').includes(port))
    assert.equal(places.at(port).name, 'peer:192.0.2.3')
    assert.throws(() => places.select(['peer:192.0.2.3@nowhere']), { code: 'NETWORK_UNKNOWN' })
  })

  it('cannot have another TTL than others behind its tunnel', async () => {
    const { daemon } = await boot()
    await daemon.controller.createNetwork(AFAR)
    const other = { ...AFAR.Options, vni: '43', ttl: '9' }
    await assert.rejects(daemon.controller.createNetwork({ ...AFAR, Name: 'far', Options: other }), {
      code: 'TUNNEL_UNUSABLE',
    })
  })

  it('has the router for its gateway, at every host, and names', async () => {
    const { machine, daemon } = await boot()
    await daemon.controller.createNetwork(AFAR)
    await run(daemon, 'c1', 'afar')
    const { Networks } = daemon.controller.inspectSandbox('c1').NetworkSettings
    const gateway = [...daemon.fabric.gateways.values()].find(({ mtu }) => mtu === 1450)
    assert.equal(Networks['afar']!.Gateway, gateway!.address)
    assert.ok([...daemon.fabric.zones.values()].some(({ name }) => name === 'afar'))
    assertConsistent(daemon, machine)
  })
})

describe('the MTU of a vxlan network', () => {
  const mtus = async (daemon: Daemon, machine: MemoryMachine): Promise<number[]> => {
    await settled()
    const interfaces = [...machine.sandboxes.values()].flatMap(({ namespace }) => [
      ...namespace.taps.values(),
    ])
    const ports = [...daemon.fabric.ports.values()]
    const gateways = [...daemon.fabric.gateways.values()].filter(({ address }) => address !== '172.17.0.1')
    return [...interfaces, ...ports, ...gateways].map(({ mtu }) => mtu)
  }

  it("is what the interfaces' super-frames are made for, so that each is sent in one piece", async () => {
    const { machine, daemon } = await boot()
    await daemon.controller.createNetwork(AFAR)
    await run(daemon, 'c1', 'afar')
    await run(daemon, 'c2', 'bridge')
    const sizes = (): number[] =>
      [...machine.sandboxes.values()].flatMap(({ namespace }) =>
        [...namespace.taps.values()].map(({ superFrameSize }) => superFrameSize),
      )
    // 44 segments of 1472 bytes are 64,768: one more and IP's length is exceeded. Each carries 1398 bytes.
    assert.deepEqual(sizes(), [44 * 1398 + 321, 65_536])
    daemon.fabric.tunnelling.changeWay('192.0.2.3', 1300)
    await settled()
    assert.deepEqual(sizes(), [49 * 1248 + 321, 65_536])
  })

  it('is that of the narrowest way, and follows', async () => {
    const { machine, daemon } = await boot()
    await daemon.controller.createNetwork(AFAR)
    await run(daemon, 'c1', 'afar')
    assert.deepEqual(await mtus(daemon, machine), [1450, 1450, 1450])
    daemon.fabric.tunnelling.changeWay('192.0.2.3', 1300)
    assert.deepEqual(await mtus(daemon, machine), [1300, 1300, 1300])
    daemon.fabric.tunnelling.changeWay('192.0.2.2', 1200)
    assert.deepEqual(await mtus(daemon, machine), [1200, 1200, 1200])
    const changes = daemon.events.filter(({ Type, Action }) => Type === 'network' && Action === 'update')
    assert.deepEqual(
      changes.map(({ Actor }) => Actor.Attributes['mtu']),
      ['1300', '1200'],
    )
    daemon.fabric.tunnelling.changeWay('192.0.2.2', undefined)
    daemon.fabric.tunnelling.changeWay('192.0.2.3', 1450)
    assert.deepEqual(await mtus(daemon, machine), [1450, 1450, 1450])
  })

  it('is what the user says, whatever the way takes', async () => {
    const { machine, daemon } = await boot()
    const fixed = { ...AFAR.Options, 'com.docker.network.driver.mtu': '1400' }
    await daemon.controller.createNetwork({ ...AFAR, Options: fixed })
    await run(daemon, 'c1', 'afar')
    daemon.fabric.tunnelling.changeWay('192.0.2.3', 1300)
    assert.deepEqual(await mtus(daemon, machine), [1400, 1400, 1400])
  })

  it('is no less than IPv6 needs on a network that has it', async () => {
    const { machine, daemon } = await boot()
    await daemon.controller.createNetwork({ ...AFAR, EnableIPv6: true })
    await run(daemon, 'c1', 'afar')
    daemon.fabric.tunnelling.changeWay('192.0.2.3', 1000)
    assert.deepEqual(await mtus(daemon, machine), [1280, 1280, 1280])
  })

  it('is less behind a tunnel of IPv6', async () => {
    const { machine, daemon } = await boot()
    await daemon.controller.createNetwork(
      network('n', { vni: '1', remote: '2001:db8::2', local: '2001:DB8:0::1' }),
    )
    await run(daemon, 'c1', 'n')
    assert.deepEqual(await mtus(daemon, machine), [1430, 1430, 1430])
    assert.equal(tunnels(daemon)[0]!.local, '2001:db8::1')
  })
})

describe('hosts that a vxlan network learns', () => {
  const LEARNING = network('n', { vni: '1', local: '192.0.2.1', remote: '192.0.2.2', 'learn-peers': 'true' })

  const stranger = async (daemon: Daemon, address: string): Promise<void> => {
    const [domain] = daemon.fabric.tunnelling.overlays.keys()
    daemon.fabric.tunnelling.tell({ kind: 'stranger', domain: domain!, address })
    await settled()
  }

  it('become peers', async () => {
    const { daemon } = await boot()
    await daemon.controller.createNetwork(LEARNING)
    await stranger(daemon, '192.0.2.9')
    await stranger(daemon, '192.0.2.9')
    assert.deepEqual(peers(daemon), ['192.0.2.2', '192.0.2.9'])
  })

  it('stay strangers where it does not', async () => {
    const { daemon } = await boot()
    await daemon.controller.createNetwork(AFAR)
    await stranger(daemon, '192.0.2.9')
    assert.deepEqual(peers(daemon), ['192.0.2.2', '192.0.2.3'])
  })

  it('are forgotten when they are silent for long, and those that are named are not', async () => {
    const { machine, daemon } = await boot()
    await daemon.controller.createNetwork(LEARNING)
    await stranger(daemon, '192.0.2.9')
    await stranger(daemon, '192.0.2.10')
    daemon.fabric.tunnelling.idle.set('192.0.2.10', LEARNED_PEER_AGEING_S)
    daemon.fabric.tunnelling.idle.set('192.0.2.9', LEARNED_PEER_AGEING_S + 1)
    daemon.fabric.tunnelling.idle.set('192.0.2.2', LEARNED_PEER_AGEING_S + 1)
    await machine.pass(60_000)
    assert.deepEqual(peers(daemon), ['192.0.2.2', '192.0.2.10'])
    daemon.fabric.tunnelling.idle.set('192.0.2.10', LEARNED_PEER_AGEING_S + 1)
    await machine.pass(60_000)
    assert.deepEqual(peers(daemon), ['192.0.2.2'])
  })

  it('are so many and no more', async () => {
    const { machine, daemon } = await boot()
    await daemon.controller.createNetwork(LEARNING)
    for (let i = 0; i < VXLAN_PEERS_MAX + 3; i++)
      await stranger(daemon, `198.51.${100 + (i >> 8)}.${i & 255}`)
    assert.equal(peers(daemon).length, VXLAN_PEERS_MAX)
    await daemon.controller.removeNetwork('n')
    assertConsistent(daemon, machine)
  })
})

describe('a daemon that comes back', () => {
  it('waits for the address of a tunnel', async () => {
    const { machine, daemon } = await boot()
    await daemon.controller.createNetwork(AFAR)
    await run(daemon, 'c1', 'afar')
    machine.die()
    const next = await machine.boot()
    assert.equal(tunnels(next)[0]!.patient, true)
    assertConsistent(next, machine)
  })

  it('waits for the route that decides the address', async () => {
    const { machine, daemon } = await boot()
    await daemon.controller.createNetwork(network('n', { vni: '1', remote: '192.0.2.2' }))
    await run(daemon, 'c1', 'n')
    machine.die()
    machine.localAddress = undefined
    const next = await machine.boot()
    assert.deepEqual(tunnels(next), [])
    next.fabric.tunnelling.local = '192.0.2.1'
    await machine.pass(3000)
    assert.deepEqual(peers(next), ['192.0.2.2'])
    assertConsistent(next, machine)
  })
})
