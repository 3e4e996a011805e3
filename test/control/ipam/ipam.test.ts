import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { WantedPool, WantedPools } from '../../../src/control/ipam/address-space.ts'
import { Ipam, type IpamOptions } from '../../../src/control/ipam/ipam.ts'

const START_MS = 1_800_000_000_000
const GATEWAY_FIRST = { auxiliary: {} }

const newIpam = (options: Partial<IpamOptions> = {}): Ipam =>
  new Ipam({ hostId: 'host', now: () => START_MS, ...options })

const wanted = (pools: readonly Partial<WantedPool>[], more: Partial<WantedPools> = {}): WantedPools => ({
  ipv4: true,
  ipv6: false,
  wantsGateway: true,
  options: {},
  ...more,
  pools: pools.map((pool) => ({ ...GATEWAY_FIRST, ...pool })),
})

const add = (
  ipam: Ipam,
  name: string,
  pools: readonly Partial<WantedPool>[],
  more: Partial<WantedPools> = {},
) => ipam.addNetwork(name, wanted(pools, more), [])

const allocateAll = (ipam: Ipam, network: string, family: 4 | 6 = 4): string[] => {
  const addresses: string[] = []
  try {
    for (;;) addresses.push(ipam.allocate(network, family).address)
  } catch (error) {
    assert.match(String(error), /no available addresses on this pool/)
    return addresses
  }
}

describe('default pools', () => {
  it('give 31 networks, in this order, and then no more', () => {
    const ipam = newIpam()
    const subnets = Array.from({ length: 31 }, (_, index) => add(ipam, `n${index}`, [])[0]?.subnet)
    assert.deepEqual(subnets, [
      ...Array.from({ length: 15 }, (_, index) => `172.${17 + index}.0.0/16`),
      ...Array.from({ length: 16 }, (_, index) => `192.168.${16 * index}.0/20`),
    ])
    assert.throws(() => add(ipam, 'n31', []), {
      code: 'POOLS_EXHAUSTED',
      message: 'all predefined address pools have been fully subnetted',
    })
    ipam.removeNetwork('n3')
    assert.equal(add(ipam, 'n31', [])[0]?.subnet, '172.20.0.0/16')
  })

  it('stay clear of networks and of reserved prefixes', () => {
    const ipam = newIpam()
    add(ipam, 'a', [{ subnet: '172.17.3.0/24' }])
    const reserved = [
      '172.18.0.1/32',
      '172.19.255.0/24',
      '172.20.0.0/14',
      '192.168.0.5',
      '10.0.0.0/8',
      'fe80::1',
    ]
    const pools = Array.from(
      { length: 3 },
      (_, index) => ipam.addNetwork(`n${index}`, wanted([]), reserved)[0],
    )
    assert.deepEqual(
      pools.map((pool) => pool?.subnet),
      ['172.24.0.0/16', '172.25.0.0/16', '172.26.0.0/16'],
    )
  })

  it('say nothing against a subnet that was asked for: it may lie in them and in reserved prefixes', () => {
    const [pool] = newIpam().addNetwork('n', wanted([{ subnet: '172.17.0.0/16' }]), ['172.17.0.0/16'])
    assert.equal(pool?.subnet, '172.17.0.0/16')
  })

  it('can be others', () => {
    const ipam = newIpam({
      defaultPools: [
        { base: '10.1.0.0/23', size: 24 },
        { base: '2001:db8::/63', size: 64 },
      ],
    })
    const subnets = (name: string) => add(ipam, name, [], { ipv6: true }).map(({ subnet }) => subnet)
    assert.deepEqual(subnets('a'), ['10.1.0.0/24', '2001:db8::/64'])
    assert.deepEqual(subnets('b'), ['10.1.1.0/24', '2001:db8:0:1::/64'])
    assert.throws(() => subnets('c'), { code: 'POOLS_EXHAUSTED' })
  })

  for (const [base, size, message] of [
    ['10.1.0.7/16', 24, 'invalid default address pool 10.1.0.7/16: it should be 10.1.0.0/16'],
    ['ten', 24, 'invalid default address pool ten: it should be a subnet as 10.0.0.0/8'],
    ['10.1.0.0/16', 8, 'invalid default address pool 10.1.0.0/16: size 8 is not between 16 and 32'],
    ['10.1.0.0/16', 33, 'invalid default address pool 10.1.0.0/16: size 33 is not between 16 and 32'],
  ] as const) {
    it(`are refused: ${base} in blocks of ${size}`, () => {
      assert.throws(() => newIpam({ defaultPools: [{ base, size }] }), {
        code: 'NETWORK_CONFIG_INVALID',
        message,
      })
    })
  }

  it('of IPv6 are /64s of a /48 that follows from the host id', () => {
    const first = (hostId: string) => add(newIpam({ hostId }), 'n', [], { ipv4: false, ipv6: true })[0]
    // printf one | sha256sum: 7692c3ad3540bb80...; bytes 3 to 7 are the global id.
    assert.equal(first('one')?.subnet, 'fdad:3540:bb80::/64')
    assert.equal(first('one')?.gateway, 'fdad:3540:bb80::1')
    assert.notEqual(first('two')?.subnet, first('one')?.subnet)
    const ipam = newIpam({ hostId: 'one' })
    add(ipam, 'a', [], { ipv6: true })
    assert.deepEqual(
      add(ipam, 'b', [], { ipv6: true }).map(({ subnet }) => subnet),
      ['172.18.0.0/16', 'fdad:3540:bb80:1::/64'],
    )
  })

  it('give a subnet of another size', () => {
    const ipam = newIpam({ hostId: 'one' })
    const subnets = (name: string, ...texts: string[]) =>
      add(
        ipam,
        name,
        texts.map((subnet) => ({ subnet })),
        { ipv6: true },
      ).map(({ subnet, subnetGiven }) => [subnet, subnetGiven])
    assert.deepEqual(subnets('a', '0.0.0.0/24', '::/80'), [
      ['172.17.0.0/24', false],
      ['fdad:3540:bb80::/80', false],
    ])
    assert.deepEqual(subnets('b', '0.0.0.0/24'), [
      ['172.17.1.0/24', false],
      ['fdad:3540:bb80:1::/64', false],
    ])
    assert.deepEqual(subnets('c', '0.0.0.0/15'), [
      ['172.20.0.0/15', false],
      ['fdad:3540:bb80:2::/64', false],
    ])
    assert.throws(() => subnets('d', '0.0.0.0/13'), { code: 'POOLS_EXHAUSTED' })
    assert.throws(() => subnets('e', '::/47'), { code: 'POOLS_EXHAUSTED' })
  })
})

describe('a network', () => {
  it('overlaps with no other one, whichever is the larger', () => {
    const ipam = newIpam()
    add(ipam, 'a', [{ subnet: '10.1.2.0/24' }])
    for (const subnet of ['10.1.2.0/24', '10.1.0.0/16', '10.1.2.128/25', '10.0.0.0/8']) {
      assert.throws(() => add(ipam, 'b', [{ subnet }]), {
        code: 'POOL_OVERLAP',
        message: 'invalid pool request: Pool overlaps with other one on this address space',
      })
    }
    add(ipam, 'b', [{ subnet: '10.1.3.0/24' }, { subnet: '10.1.1.0/24' }])
    ipam.removeNetwork('a')
    add(ipam, 'c', [{ subnet: '10.1.2.0/25' }])
  })

  it('that is refused leaves nothing behind', () => {
    const ipam = newIpam()
    add(ipam, 'a', [{ subnet: '10.2.0.0/24' }])
    assert.throws(() => add(ipam, 'b', [{ subnet: '10.1.0.0/24' }, { subnet: '10.2.0.0/16' }]), {
      code: 'POOL_OVERLAP',
    })
    assert.throws(() => add(ipam, 'b', [{ subnet: '10.1.0.0/24', gateway: '10.1.0.255' }]), {
      code: 'ADDRESS_IN_USE',
      message: 'failed to allocate gateway (10.1.0.255): Address already in use',
    })
    assert.throws(() => ipam.usage('b'))
    assert.equal(add(ipam, 'b', [{ subnet: '10.1.0.0/24' }])[0]?.subnet, '10.1.0.0/24')
  })

  it('has IPv4 pools before IPv6 ones, and none of a family that it does not have', () => {
    const pools = [{ subnet: '2001:db8:1::/64' }, { subnet: '10.1.0.0/24' }, { subnet: '2001:db8:2::/64' }]
    const subnets = (more: Partial<WantedPools>) =>
      add(newIpam(), 'n', pools, more).map(({ subnet }) => subnet)
    assert.deepEqual(subnets({ ipv6: true }), ['10.1.0.0/24', '2001:db8:1::/64', '2001:db8:2::/64'])
    assert.deepEqual(subnets({}), ['10.1.0.0/24'])
    assert.deepEqual(subnets({ ipv4: false, ipv6: true }), ['2001:db8:1::/64', '2001:db8:2::/64'])
    assert.deepEqual(subnets({ ipv4: false }), [])
  })

  it('refuses pools with mistakes, all told at once', () => {
    assert.throws(() => add(newIpam(), 'n', [{ subnet: '10.1.0.5/24', gateway: '10.2.0.1' }]), {
      code: 'NETWORK_CONFIG_INVALID',
      message:
        'invalid network config:\ninvalid subnet 10.1.0.5/24: it should be 10.1.0.0/24\n' +
        "invalid gateway 10.2.0.1: parent subnet 10.1.0.5/24 doesn't contain this address",
    })
  })

  for (const rest of ['-1', 'soon', '1.5', '86401', '']) {
    it(`refuses a rest of '${rest}'`, () => {
      assert.throws(() => add(newIpam(), 'n', [], { options: { 'tapwire.ipam.rest': rest } }), {
        message: `invalid IPAM option tapwire.ipam.rest=${rest}: it should be seconds, 0 to 86400`,
      })
    })
  }
})

describe('the gateway', () => {
  const gateway = (pool: Partial<WantedPool>, more: Partial<WantedPools> = {}) =>
    add(newIpam(), 'n', [pool], { ipv6: true, ...more }).find(({ subnet }) => subnet === pool.subnet)

  it('is the first free address, of the range if there is one', () => {
    assert.equal(gateway({ subnet: '10.1.0.0/24' })?.gateway, '10.1.0.1')
    assert.equal(gateway({ subnet: '10.1.0.0/24', range: '10.1.0.64/26' })?.gateway, '10.1.0.64')
    assert.equal(gateway({ subnet: '10.1.0.0/24', range: '10.1.0.0/26' })?.gateway, '10.1.0.1')
    assert.equal(gateway({ subnet: '2001:db8::/64' })?.gateway, '2001:db8::1')
    assert.equal(gateway({ subnet: '10.1.0.0/24' })?.gatewayGiven, false)
  })

  it('is the one that was asked for, in normal form', () => {
    const pool = gateway({ subnet: '2001:db8::/64', gateway: '2001:DB8:0::FE' })
    assert.deepEqual([pool?.gateway, pool?.gatewayGiven], ['2001:db8::fe', true])
  })

  it('is none where the driver wants none and none was asked for', () => {
    const pool = { subnet: '10.1.0.0/24' }
    assert.equal(gateway(pool, { wantsGateway: false })?.gateway, undefined)
    assert.equal(gateway({ ...pool, gateway: '10.1.0.9' }, { wantsGateway: false })?.gateway, '10.1.0.9')
  })

  it('and auxiliary addresses are given to nobody else', () => {
    const ipam = newIpam()
    const [pool] = add(ipam, 'n', [
      { subnet: '10.1.0.0/29', gateway: '10.1.0.3', auxiliary: { router: '10.1.0.1', printer: '10.1.0.5' } },
    ])
    assert.deepEqual(pool?.auxiliary, { router: '10.1.0.1', printer: '10.1.0.5' })
    for (const address of ['10.1.0.1', '10.1.0.3', '10.1.0.5']) {
      assert.throws(() => ipam.allocate('n', 4, address), { message: 'Address already in use' })
      ipam.release('n', address)
    }
    assert.deepEqual(allocateAll(ipam, 'n'), ['10.1.0.2', '10.1.0.4', '10.1.0.6'])
  })

  it('comes before auxiliary addresses', () => {
    const pool = { subnet: '10.1.0.0/29', auxiliary: { router: '10.1.0.1' } }
    assert.throws(() => add(newIpam(), 'n', [pool]), {
      message: 'failed to allocate secondary ip address (router:10.1.0.1): Address already in use',
    })
  })
})

describe('addresses of small subnets', () => {
  for (const [subnet, gateway, others] of [
    ['10.1.0.0/29', '10.1.0.1', ['10.1.0.2', '10.1.0.3', '10.1.0.4', '10.1.0.5', '10.1.0.6']],
    ['10.1.0.0/30', '10.1.0.1', ['10.1.0.2']],
    ['10.1.0.0/31', '10.1.0.0', ['10.1.0.1']],
    ['10.1.0.0/32', '10.1.0.0', []],
    ['2001:db8::/126', '2001:db8::1', ['2001:db8::2', '2001:db8::3']],
    ['2001:db8::/127', '2001:db8::1', []],
  ] as const) {
    it(subnet, () => {
      const ipam = newIpam()
      const family = subnet.includes(':') ? 6 : 4
      const [pool] = add(ipam, 'n', [{ subnet }], { ipv4: family === 4, ipv6: family === 6 })
      assert.equal(pool?.gateway, gateway)
      assert.deepEqual(allocateAll(ipam, 'n', family), others)
    })
  }

  it('2001:db8::/128 has none, not even for a gateway', () => {
    assert.throws(() => add(newIpam(), 'n', [{ subnet: '2001:db8::/128' }], { ipv4: false, ipv6: true }), {
      code: 'ADDRESSES_EXHAUSTED',
      message: 'failed to allocate gateway (): no available addresses on this pool',
    })
  })
})

describe('addresses', () => {
  it('come with the prefix length of their subnet', () => {
    const ipam = newIpam()
    add(ipam, 'n', [{ subnet: '10.0.0.0/8' }, { subnet: '2001:db8::/64' }], { ipv6: true })
    assert.deepEqual(ipam.allocate('n', 4), { address: '10.0.0.2', prefixLength: 8 })
    assert.deepEqual(ipam.allocate('n', 6), { address: '2001:db8::2', prefixLength: 64 })
    assert.deepEqual(ipam.allocate('n', 6, '2001:DB8::0:F'), { address: '2001:db8::f', prefixLength: 64 })
  })

  it('come from the next pool where one is full', () => {
    const ipam = newIpam()
    add(ipam, 'n', [{ subnet: '10.1.0.0/30' }, { subnet: '10.2.0.0/30' }])
    assert.deepEqual(allocateAll(ipam, 'n'), ['10.1.0.2', '10.2.0.2'])
  })

  it('that are asked for may lie outside the range, but not outside the subnet', () => {
    const ipam = newIpam()
    add(ipam, 'n', [{ subnet: '10.1.0.0/24', range: '10.1.0.128/30' }])
    assert.equal(ipam.allocate('n', 4, '10.1.0.7').address, '10.1.0.7')
    assert.deepEqual(allocateAll(ipam, 'n'), ['10.1.0.129', '10.1.0.130', '10.1.0.131'])
    for (const address of ['10.1.1.1', '2001:db8::1', '10.1.0', '']) {
      assert.throws(() => ipam.allocate('n', 4, address), {
        code: 'ADDRESS_OUT_OF_RANGE',
        message: 'requested address is out of range',
      })
    }
  })

  it('rest 30 seconds, unless somebody asks for them', () => {
    let nowMs = START_MS
    const ipam = newIpam({ now: () => nowMs })
    add(ipam, 'n', [{ subnet: '10.1.0.0/24' }])
    for (const expected of ['10.1.0.2', '10.1.0.3']) assert.equal(ipam.allocate('n', 4).address, expected)
    ipam.release('n', '10.1.0.2')
    ipam.release('n', '10.1.0.3')
    nowMs += 29_999
    assert.equal(ipam.allocate('n', 4).address, '10.1.0.4')
    assert.equal(ipam.allocate('n', 4, '10.1.0.3').address, '10.1.0.3')
    nowMs += 1
    assert.equal(ipam.allocate('n', 4).address, '10.1.0.2')
    assert.equal(ipam.allocate('n', 4).address, '10.1.0.5')
  })
})

describe('a clock that is set back', () => {
  it('lets each address rest until its own time', () => {
    let nowMs = START_MS
    const ipam = newIpam({ now: () => nowMs })
    add(ipam, 'n', [{ subnet: '10.1.0.0/24' }])
    for (let count = 0; count < 2; count++) ipam.allocate('n', 4)
    ipam.release('n', '10.1.0.2')
    nowMs -= 5000
    ipam.release('n', '10.1.0.3')
    nowMs = START_MS + 27_000
    assert.equal(ipam.allocate('n', 4).address, '10.1.0.3')
    assert.equal(ipam.allocate('n', 4).address, '10.1.0.4')
    nowMs = START_MS + 30_000
    assert.equal(ipam.allocate('n', 4).address, '10.1.0.2')
  })
})

describe('a restarted daemon', () => {
  it('goes on where it was', () => {
    let nowMs = START_MS
    const before = newIpam({ now: () => nowMs })
    const options = { 'tapwire.ipam.rest': '10' }
    const pools = add(
      before,
      'n',
      [{ subnet: '10.1.0.0/28', range: '10.1.0.8/29', auxiliary: { printer: '10.1.0.9' } }],
      { options },
    )
    for (let count = 0; count < 3; count++) before.allocate('n', 4)
    before.allocate('n', 4, '10.1.0.2')
    before.release('n', '10.1.0.11')
    nowMs += 4000

    const after = newIpam({ now: () => nowMs })
    after.restoreNetwork('n', pools, options)
    for (const address of ['10.1.0.10', '10.1.0.12', '10.1.0.2']) after.restore('n', address)
    after.restoreResting([...before.resting(), { network: 'gone', address: '10.1.0.13', untilMs: nowMs + 5 }])
    assert.deepEqual(after.usage('n'), before.usage('n'))
    assert.deepEqual(after.resting(), [{ network: 'n', address: '10.1.0.11', untilMs: START_MS + 10_000 }])
    assert.throws(() => after.restore('n', '10.1.0.12'), { code: 'ADDRESS_IN_USE' })
    assert.throws(() => add(after, 'm', [{ subnet: '10.1.0.0/24' }]), { code: 'POOL_OVERLAP' })
    nowMs += 6000
    assert.deepEqual(allocateAll(after, 'n'), allocateAll(before, 'n'))
  })

  it('lets no address rest longer than from now on, whatever the clock was', () => {
    const ipam = newIpam()
    add(ipam, 'n', [{ subnet: '10.1.0.0/24' }])
    ipam.restoreResting([{ network: 'n', address: '10.1.0.2', untilMs: START_MS + 10 ** 9 }])
    assert.deepEqual(ipam.resting(), [{ network: 'n', address: '10.1.0.2', untilMs: START_MS + 30_000 }])
  })

  it('goes on serially behind the highest address', () => {
    const ipam = newIpam()
    const options = { 'com.docker.network.ipam.serial': 'true', 'tapwire.ipam.rest': '0' }
    const pools = add(newIpam(), 'n', [{ subnet: '10.1.0.0/29' }], { options })
    ipam.restoreNetwork('n', pools, options)
    ipam.restore('n', '10.1.0.4')
    assert.deepEqual(allocateAll(ipam, 'n'), ['10.1.0.5', '10.1.0.6', '10.1.0.2', '10.1.0.3'])
  })
})

describe('a large pool', () => {
  for (const [subnet, family] of [
    ['10.0.0.0/8', 4],
    ['2001:db8::/64', 6],
  ] as const) {
    it(`${subnet} gives 100,000 addresses and takes back every other one`, (t) => {
      const ipam = newIpam()
      add(ipam, 'n', [{ subnet }], {
        ipv4: family === 4,
        ipv6: family === 6,
        options: { 'tapwire.ipam.rest': '0' },
      })
      const heapBefore = process.memoryUsage().heapUsed
      const startedNs = process.hrtime.bigint()
      const addresses = Array.from({ length: 100_000 }, () => ipam.allocate('n', family).address)
      const allocatedNs = process.hrtime.bigint()
      for (let index = 0; index < addresses.length; index += 2) ipam.release('n', addresses[index]!)
      const releasedNs = process.hrtime.bigint()
      const us = (from: bigint, to: bigint, count: number): string =>
        (Number(to - from) / 1000 / count).toFixed(2)
      t.diagnostic(
        `${us(startedNs, allocatedNs, 100_000)} us an allocation, ${us(allocatedNs, releasedNs, 50_000)} us a release`,
      )
      t.diagnostic(
        `heap grew by ${Math.round((process.memoryUsage().heapUsed - heapBefore) / 1024)} KB, the texts included`,
      )
      assert.equal(new Set(addresses).size, 100_000)
      assert.equal(ipam.usage('n')[0]?.inUse, 50_000 + (family === 4 ? 3 : 2))
      assert.equal(ipam.allocate('n', family).address, addresses[0])
      assert.equal(ipam.allocate('n', family).address, addresses[2])
    })
  }
})
