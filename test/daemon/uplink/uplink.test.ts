import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { FabricGateway, UplinkSpec } from '../../../src/control/model/machine.ts'
import { NO_IMPAIRMENT } from '../../../src/datapath/impairment/impairment-settings.ts'
import { UPLINK_DOMAIN, UPLINK_PORT } from '../../../src/limits.ts'
import { parseIpv4 } from '../../../src/wire/address.ts'
import { ETH0, MemoryUplinks, StepFails } from './memory-uplinks.ts'

const NIC: UplinkSpec = { kind: 'nic', interface: 'eth0' }
const ANY_NIC: UplinkSpec = { kind: 'nic', interface: '' }
const TAP: UplinkSpec = {
  kind: 'tap',
  name: 'up0',
  namespace: '/run/netns/world',
  address: '203.0.113.2',
  prefixLength: 24,
  gateway: '',
  mtu: 1500,
}
const GATEWAY: FabricGateway = {
  address: '198.51.100.1',
  prefixLength: 24,
  mac: '02:42:c6:33:64:01',
  mtu: 1500,
  mode: 'nat',
  internal: false,
  masquerade: true,
  hostIpv4: '',
  proxyArp: false,
  uplink: true,
}
const WORLD_DOMAIN = 5

/** Prefix and next hop, as people write them. */
const routesOf = ({ routes }: MemoryUplinks): string[] =>
  routes.map(({ prefix, prefixLength, domain, nextHop }) => [prefix, prefixLength, domain, nextHop].join(' '))
const route = (prefix: string, length: number, domain: number, nextHop = '0.0.0.0'): string =>
  [parseIpv4(prefix), length, domain, parseIpv4(nextHop)].join(' ')

async function withUplink(spec: UplinkSpec): Promise<MemoryUplinks> {
  const world = new MemoryUplinks()
  await world.uplink.set(spec)
  return world
}

describe('an uplink', () => {
  it('there is none of at first', async () => {
    const world = new MemoryUplinks()
    const { spec, up, reason } = world.uplink.state()
    assert.deepEqual([spec, up, reason], [undefined, false, 'none is set'])
    await world.uplink.set(undefined)
    assert.deepEqual(world.steps, [])
  })

  it("by an interface shares its address, and has a block of the machine's ports", async () => {
    const world = await withUplink(NIC)
    const settings = world.interfaces.get(UPLINK_DOMAIN)!
    assert.equal(settings.address, parseIpv4('192.0.2.7'))
    assert.deepEqual([settings.shared, settings.firstPort, settings.lastPort], [true, 61_000, 65_095])
    assert.deepEqual(routesOf(world), [route('0.0.0.0', 0, UPLINK_DOMAIN, '192.0.2.1')])
    assert.deepEqual(world.ports.get(UPLINK_PORT), { domain: UPLINK_DOMAIN, mtu: 1500, device: 'eth0' })
    assert.deepEqual(world.uplink.state(), {
      spec: NIC,
      up: true,
      reason: '',
      interface: 'eth0',
      mac: '02:00:00:00:00:01',
      address: '192.0.2.7',
      prefixLength: 24,
      gateway: '192.0.2.1',
      mtu: 1500,
      ports: [61_000, 65_095],
      domain: UPLINK_DOMAIN,
      port: UPLINK_PORT,
    })
  })

  it('by a TAP has an address of its own, and without a gateway all is on the link', async () => {
    const world = await withUplink(TAP)
    const settings = world.interfaces.get(UPLINK_DOMAIN)!
    assert.deepEqual([settings.shared, settings.firstPort, settings.lastPort], [false, 1024, 65_535])
    assert.deepEqual(routesOf(world), [route('0.0.0.0', 0, UPLINK_DOMAIN)])
    assert.equal(world.uplink.state().mac, '02:42:cb:00:71:02')
    assert.equal(world.reservations, 0)
  })

  it('leaves nothing when it is removed', async () => {
    for (const spec of [NIC, TAP]) {
      const world = await withUplink(spec)
      await world.uplink.set(undefined)
      assert.deepEqual(world.snapshot(), new MemoryUplinks().snapshot())
      assert.equal(world.isLooking, false)
    }
  })

  for (const [name, nics, reason] of [
    ['is not there', [], 'there is no interface eth0'],
    ['is down', [{ ...ETH0, up: false }], 'eth0 is down'],
    ['has no address', [{ ...ETH0, address: '' }], 'eth0 has no IPv4 address'],
    ['is none of Ethernet', [{ ...ETH0, ethernet: false }], 'eth0 is no Ethernet interface'],
  ] as const) {
    it(`is refused where the interface ${name}`, async () => {
      const world = new MemoryUplinks()
      const empty = world.snapshot()
      world.nics.clear()
      for (const nic of nics) world.nics.set(nic.name, nic)
      await assert.rejects(world.uplink.set(NIC), { code: 'UPLINK_UNUSABLE', message: reason })
      assert.deepEqual(world.snapshot(), empty)
    })
  }

  for (const [from, to] of [
    [undefined, NIC],
    [undefined, TAP],
    [NIC, TAP],
    [TAP, NIC],
    [NIC, ANY_NIC],
    [TAP, { ...TAP, name: 'up1' }],
    [TAP, { ...TAP, address: '203.0.113.9' }],
  ] as const) {
    it(`stays as it was where a step to another one fails: ${from?.kind} to ${to.kind}`, async () => {
      const arranged = async (): Promise<MemoryUplinks> =>
        from === undefined ? new MemoryUplinks() : await withUplink(from)
      const counted = await arranged()
      counted.failAt(0)
      await counted.uplink.set(to)
      assert.ok(counted.steps.length > 0)
      for (const [index, step] of counted.steps.entries()) {
        const world = await arranged()
        const before = world.snapshot()
        world.failAt(index + 1)
        await assert.rejects(world.uplink.set(to), { code: 'UPLINK_UNUSABLE' }, step)
        assert.deepEqual(world.snapshot(), before, `after step ${index + 1}, ${step}`)
        world.failAt(0)
        await world.uplink.set(to)
        assert.deepEqual(world.snapshot(), counted.snapshot())
      }
    })
  }

  it('keeps the TAP that is open when only its address changes', async () => {
    const world = await withUplink(TAP)
    world.failAt(0)
    await world.uplink.set({ ...TAP, address: '203.0.113.9' })
    assert.deepEqual(world.steps, ['setInterface', 'setRoutes'])
    assert.equal(world.uplink.state().address, '203.0.113.9')
  })
})

describe('an uplink that is kept up', () => {
  it('is down while its interface is, and up again when that is', async () => {
    const world = await withUplink(NIC)
    const before = world.snapshot()
    world.nics.set('eth0', { ...ETH0, up: false, carrier: false, routes: [] })
    world.lose(UPLINK_PORT)
    assert.deepEqual(
      [world.uplink.state().up, world.uplink.state().reason],
      [false, 'eth0 has gone down or away'],
    )
    await world.look()
    assert.equal(world.uplink.state().reason, 'eth0 is down')
    world.nics.delete('eth0')
    await world.look()
    assert.equal(world.uplink.state().reason, 'there is no interface eth0')
    assert.ok(world.interfaces.has(UPLINK_DOMAIN), 'the router keeps its place')
    world.nics.set('eth0', ETH0)
    await world.look()
    assert.deepEqual(world.snapshot(), before)
    assert.deepEqual(world.log, [
      'the uplink is set: eth0',
      'the uplink is down: eth0: eth0 has gone down or away',
      'the uplink is down: eth0: eth0 is down',
      'the uplink is down: eth0: there is no interface eth0',
      'the uplink is up: eth0',
    ])
  })

  it('tries again where it cannot be opened yet', async () => {
    const world = await withUplink(NIC)
    const before = world.snapshot()
    world.lose(UPLINK_PORT)
    world.failAt(0)
    await world.look()
    const steps = world.steps.length
    for (let step = 1; step <= steps; step++) {
      world.lose(UPLINK_PORT)
      world.failAt(step)
      await world.look()
      assert.match(world.uplink.state().reason, / fails$/)
      world.failAt(0)
      await world.look()
      assert.deepEqual(world.snapshot(), before)
    }
  })

  it('follows a changed address, gateway and route', async () => {
    const world = await withUplink(NIC)
    world.nics.set('eth0', {
      ...ETH0,
      address: '192.0.2.99',
      routes: [
        { prefix: '10.0.0.0', prefixLength: 8, gateway: '192.0.2.3' },
        { prefix: '10.99.0.0', prefixLength: 16, gateway: '' },
        { prefix: '0.0.0.0', prefixLength: 0, gateway: '192.0.2.2' },
        { prefix: '0.0.0.0', prefixLength: 0, gateway: '192.0.2.4' },
      ],
    })
    await world.look()
    const { address, gateway } = world.uplink.state()
    assert.deepEqual([address, gateway], ['192.0.2.99', '192.0.2.2'])
    assert.equal(world.interfaces.get(UPLINK_DOMAIN)!.address, parseIpv4('192.0.2.99'))
    assert.deepEqual(routesOf(world), [
      route('10.0.0.0', 8, UPLINK_DOMAIN, '192.0.2.3'),
      route('10.99.0.0', 16, UPLINK_DOMAIN),
      route('0.0.0.0', 0, UPLINK_DOMAIN, '192.0.2.2'),
    ])
  })

  it('looks again where something changes while it looks', async () => {
    const world = await withUplink(NIC)
    const unplugged = { ...ETH0, carrier: false }
    world.nics.set('eth0', unplugged)
    world.beforeRead = () => void world.nics.set('eth0', ETH0)
    await world.look()
    assert.equal(world.uplink.state().up, true)
    world.beforeRead = () => undefined
    world.nics.set('eth0', unplugged)
    await world.look()
    assert.equal(world.uplink.state().reason, 'eth0 has no carrier')
  })

  it('asks the machine nothing while nothing changes', async () => {
    const world = await withUplink(NIC)
    world.failAt(0)
    await world.look()
    await world.look()
    assert.deepEqual(world.steps, [])
  })

  it('says where the cable is out', async () => {
    const world = await withUplink(NIC)
    world.nics.set('eth0', { ...ETH0, carrier: false })
    await world.look()
    assert.equal(world.uplink.state().reason, 'eth0 has no carrier')
    world.nics.set('eth0', ETH0)
    await world.look()
    assert.equal(world.uplink.state().up, true)
  })

  it('sends nothing where the address goes, and keeps its place', async () => {
    const world = await withUplink(NIC)
    const before = world.snapshot()
    world.nics.set('eth0', { ...ETH0, address: '' })
    await world.look()
    assert.equal(world.uplink.state().reason, 'eth0 has no IPv4 address')
    assert.equal(world.interfaces.get(UPLINK_DOMAIN)!.address, parseIpv4('192.0.2.7'))
    assert.deepEqual([world.ports.size, world.open], [0, []])
    world.nics.set('eth0', ETH0)
    await world.look()
    assert.deepEqual(world.snapshot(), before)
  })

  it('leaves an interface that has another name now, and takes the one that has its name', async () => {
    const world = await withUplink(NIC)
    world.failAt(0)
    world.nics.set('eth0', { ...ETH0, index: 9, mac: '02:00:00:00:00:09' })
    await world.look()
    assert.equal(world.uplink.state().mac, '02:00:00:00:00:09')
    assert.deepEqual(world.steps, ['nic', 'setInterface', 'setRoutes', 'openNic', 'removePort', 'attachPort'])
    assert.deepEqual(world.open, ['eth0'])
  })

  it('follows the default route to another interface', async () => {
    const world = await withUplink(ANY_NIC)
    world.nics.set('eth1', { ...ETH0, name: 'eth1', address: '198.51.100.7', mtu: 9000 })
    world.defaultNic = 'eth1'
    await world.look()
    assert.deepEqual(world.ports.get(UPLINK_PORT), { domain: UPLINK_DOMAIN, mtu: 9000, device: 'eth1' })
    assert.deepEqual(world.open, ['eth1'])
    assert.equal(world.uplink.state().interface, 'eth1')
  })

  it('opens a TAP anew that somebody has deleted', async () => {
    const world = await withUplink(TAP)
    const before = world.snapshot()
    world.lose(UPLINK_PORT)
    assert.equal(world.uplink.state().up, false)
    await world.look()
    assert.deepEqual(world.snapshot(), before)
  })

  it('is waited for where it is patient', async () => {
    const world = new MemoryUplinks()
    world.nics.clear()
    await world.uplink.set(NIC, { patient: true })
    assert.deepEqual(
      [world.uplink.state().spec, world.uplink.state().up, world.uplink.state().reason],
      [NIC, false, 'there is no interface eth0'],
    )
    await world.look()
    world.nics.set('eth0', ETH0)
    await world.look()
    assert.deepEqual(world.snapshot(), (await withUplink(NIC)).snapshot())
    assert.deepEqual(world.log, ['the uplink is down: there is no interface eth0', 'the uplink is set: eth0'])
  })

  it('is waited for no more when another one is set, or none', async () => {
    for (const next of [TAP, undefined]) {
      const world = new MemoryUplinks()
      world.nics.clear()
      await world.uplink.set(NIC, { patient: true })
      await world.uplink.set(next)
      const expected = new MemoryUplinks()
      await expected.uplink.set(next)
      assert.deepEqual(world.snapshot(), expected.snapshot())
      assert.equal(world.isLooking, next !== undefined)
    }
  })

  it('is looked at no more when the daemon ends', async () => {
    const world = await withUplink(NIC)
    await world.uplink.close()
    assert.deepEqual([world.isLooking, world.reservations], [false, 0])
  })
})

describe("an uplink's link", () => {
  const SLOW = {
    to: { ...NO_IMPAIRMENT, delayUs: 50_000 },
  }

  it('holds from the first frame on, on every port that the uplink has, and while there is none', async () => {
    const world = new MemoryUplinks()
    await world.uplink.setImpairment(SLOW)
    assert.equal(world.steps.length, 0)
    await world.uplink.set(NIC)
    assert.deepEqual(world.ports.get(UPLINK_PORT)?.impairment, SLOW)
    assert.ok(!world.steps.includes('setLink'))
    world.lose(UPLINK_PORT)
    await world.look()
    assert.deepEqual(world.ports.get(UPLINK_PORT)?.impairment, SLOW)
    await world.uplink.set(TAP)
    assert.deepEqual(world.ports.get(UPLINK_PORT)?.impairment, SLOW)
  })

  it('changes at once, or stays what it was', async () => {
    const world = await withUplink(NIC)
    await world.uplink.setImpairment(SLOW)
    assert.deepEqual(world.ports.get(UPLINK_PORT)?.impairment, SLOW)
    world.failAt(1)
    await assert.rejects(world.uplink.setImpairment(undefined), StepFails)
    world.failAt(0)
    world.lose(UPLINK_PORT)
    await world.look()
    assert.deepEqual(world.ports.get(UPLINK_PORT)?.impairment, SLOW)
    await world.uplink.setImpairment(undefined)
    assert.equal(world.ports.get(UPLINK_PORT)?.impairment, undefined)
  })
})

describe('a network that plays the world', () => {
  const enter = async ({ uplink }: MemoryUplinks, domain = WORLD_DOMAIN): Promise<void> => {
    await uplink.claimWorld(domain, GATEWAY)
    await uplink.enterWorld(domain)
  }

  it('is the way out: everybody is on it', async () => {
    const world = new MemoryUplinks()
    await enter(world)
    assert.deepEqual(routesOf(world), [route('0.0.0.0', 0, WORLD_DOMAIN)])
    const { up, address, domain, port } = world.uplink.state()
    assert.deepEqual([up, address, domain, port], [true, '198.51.100.1', WORLD_DOMAIN, undefined])
    await world.uplink.leaveWorld(WORLD_DOMAIN + 1)
    assert.equal(world.routes.length, 1)
    await world.uplink.leaveWorld(WORLD_DOMAIN)
    assert.deepEqual(world.snapshot(), new MemoryUplinks().snapshot())
  })

  it('is the only one', async () => {
    const world = new MemoryUplinks()
    await enter(world)
    const message = 'a network that was made with tapwire.uplink=true is the way out'
    await assert.rejects(enter(world, WORLD_DOMAIN + 1), { code: 'UPLINK_UNUSABLE', message })
    await assert.rejects(world.uplink.set(TAP), { code: 'UPLINK_UNUSABLE', message })
    assert.deepEqual(routesOf(world), [route('0.0.0.0', 0, WORLD_DOMAIN)])
    const other = await withUplink(NIC)
    await assert.rejects(enter(other), { code: 'UPLINK_UNUSABLE', message: 'the uplink eth0 is set' })
  })
})
