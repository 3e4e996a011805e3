import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { NetworkRecord } from '../../../src/control/model/records.ts'
import { bridgeDriver, macvlanDriver } from '../../../src/control/rules/built-in-drivers.ts'
import { endpointNames, nameKey } from '../../../src/control/rules/endpoint-names.ts'
import { networkNames } from '../../../src/control/rules/network-names.ts'
import { chooseResolver, type ResolverCandidate } from '../../../src/control/rules/resolver-choice.ts'
import { servicesOf } from '../../../src/control/rules/services.ts'
import { networkRecord } from '../model/records.ts'
import { config, sandbox } from './records.ts'

const MODE = 'com.docker.network.bridge.gateway_mode_ipv4'
const INHIBIT = 'com.docker.network.bridge.inhibit_ipv4'

describe('options about names', () => {
  const traits = { internal: false, ipv4: true, ipv6: false }
  const problem = (why: string, place = 'gateway'): string[] => [
    `failed to parse tapwire.dns value: ${place} (${why})`,
  ]

  it('are taken', () => {
    for (const place of ['gateway', 'loopback', 'none']) {
      const options = { 'tapwire.dns': place, 'tapwire.dns-ttl': '0' }
      assert.deepEqual(bridgeDriver.checkOptions(options, traits), [], place)
    }
    assert.deepEqual(macvlanDriver.checkOptions({ 'tapwire.dns': 'none' }, traits), [])
    const most = { 'tapwire.dns': 'loopback', 'tapwire.dns-ttl': '86400' }
    assert.deepEqual(macvlanDriver.checkOptions(most, traits), [])
  })

  it('are refused where the gateway cannot answer', () => {
    const options = { 'tapwire.dns': 'gateway' }
    const internal = { ...traits, internal: true }
    assert.deepEqual(
      bridgeDriver.checkOptions({ ...options, [MODE]: 'isolated' }, internal),
      problem("in the gateway mode 'isolated' there is no gateway"),
    )
    assert.deepEqual(
      bridgeDriver.checkOptions({ ...options, [INHIBIT]: 'true' }, traits),
      problem('the gateway has no IPv4 address'),
    )
    assert.deepEqual(
      bridgeDriver.checkOptions(options, { ...traits, ipv4: false }),
      problem('the network has no IPv4, and so no gateway that answers'),
    )
    assert.deepEqual(macvlanDriver.checkOptions(options, traits), problem("the gateway is the LAN's router"))
  })

  it('are refused where they are none', () => {
    const check = (options: Record<string, string>) => bridgeDriver.checkOptions(options, traits)
    assert.deepEqual(
      check({ 'tapwire.dns': 'Gateway' }),
      problem("must be 'gateway', 'loopback' or 'none'", 'Gateway'),
    )
    const refusal = 'failed to parse tapwire.dns-ttl value: '
    assert.deepEqual(check({ 'tapwire.dns-ttl': '86401' }), [`${refusal}86401 (must be from 0 to 86400)`])
    assert.deepEqual(check({ 'tapwire.dns-ttl': '-1' }), [`${refusal}-1 (must be from 0 to 86400)`])
    assert.equal(check({ 'tapwire.dns-ttl': '1.5' }).length, 1)
  })
})

describe('a network', () => {
  const network = (more: Partial<NetworkRecord>): NetworkRecord => ({
    ...networkRecord(1),
    options: {},
    ...more,
  })
  const cases: [string, Partial<NetworkRecord>, ReturnType<typeof networkNames>][] = [
    ['is asked at its gateway', {}, { gateway: '10.1.7.0', ttlS: 5 }],
    ['is asked at its gateway where it is internal', { internal: true }, { gateway: '10.1.7.0', ttlS: 5 }],
    ['has a time to live', { options: { 'tapwire.dns-ttl': '60' } }, { gateway: '10.1.7.0', ttlS: 60 }],
    [
      'is asked in the sandbox where the user wants it so',
      { options: { 'tapwire.dns': 'loopback' } },
      { gateway: undefined, ttlS: 5 },
    ],
    [
      'is asked in the sandbox where it has no gateway',
      { options: { [MODE]: 'isolated' }, internal: true },
      { gateway: undefined, ttlS: 5 },
    ],
    [
      'is asked in the sandbox where its gateway has no address',
      { options: { [INHIBIT]: 'true' } },
      { gateway: undefined, ttlS: 5 },
    ],
    [
      'is asked in the sandbox where its gateway is not ours',
      { driver: 'macvlan' },
      { gateway: undefined, ttlS: 5 },
    ],
    ['has no names where the user wants none', { options: { 'tapwire.dns': 'none' } }, undefined],
    ['has no names where it is the default bridge', { name: 'bridge' }, undefined],
    ['has no names where it only has settings', { configOnly: true }, undefined],
    ['has no names where another driver makes it', { driver: 'weave' }, undefined],
    ['has no names where it has no interfaces', { driver: 'host', name: 'host' }, undefined],
  ]
  for (const [title, more, expected] of cases) {
    it(title, () => assert.deepEqual(networkNames(network(more)), expected))
  }
})

describe('the names of an endpoint', () => {
  it("are in Docker's order", () => {
    assert.deepEqual(endpointNames(sandbox(), { aliases: ['www', 'db'] }), [
      { text: 'c1', kind: 'sandbox' },
      { text: 'www', kind: 'alias' },
      { text: 'db', kind: 'alias' },
      { text: 'b2b2b2b2b2b2', kind: 'short-id' },
      { text: 'web', kind: 'hostname' },
    ])
  })

  it('are each there once, whatever the case, the first one', () => {
    const one = sandbox({ name: 'Web', config: config({ hostname: 'WEB' }) })
    assert.deepEqual(endpointNames(one, { aliases: ['web', 'web.', 'B2B2B2B2B2B2'] }), [
      { text: 'Web', kind: 'sandbox' },
      { text: 'B2B2B2B2B2B2', kind: 'alias' },
    ])
  })

  it('are compared as DNS compares them', () => {
    assert.equal(nameKey('Web.Example'), nameKey('wEB.eXAMPLE.'))
    assert.notEqual(nameKey('a.b'), nameKey('a\\.b'))
    for (const none of ['', '.', 'a..b', '.a', 'x'.repeat(64), 'a.'.repeat(128)]) {
      assert.equal(nameKey(none), undefined, none)
    }
    assert.notEqual(nameKey('x'.repeat(63)), undefined)
  })
})

describe('the services of a sandbox', () => {
  it('are the ports that it exposes or publishes, each once', () => {
    const ports = {
      exposedPorts: ['80/tcp', '53/udp', '3000-3009/tcp'],
      portBindings: { '3010/tcp': [{ hostIp: '', hostPort: '1' }], '80/tcp': [], '9/sctp': [] },
    }
    assert.deepEqual(servicesOf(ports), [
      { protocol: 'sctp', first: 9, last: 9 },
      { protocol: 'udp', first: 53, last: 53 },
      { protocol: 'tcp', first: 80, last: 80 },
      { protocol: 'tcp', first: 3000, last: 3010 },
    ])
  })
})

const candidate = (network: string, more: Partial<ResolverCandidate> = {}): ResolverCandidate => ({
  network,
  internal: false,
  gatewayPriority: 0,
  gateway4: `gateway of ${network}`,
  names: { gateway: `names of ${network}`, ttlS: 5 },
  ...more,
})
const inside = { names: { gateway: undefined, ttlS: 5 } }
const nameless = { names: undefined }

describe('the server that a sandbox asks', () => {
  const cases: [string, ResolverCandidate[], string | undefined, string[]][] = [
    ['is none where no network has names', [candidate('a', nameless)], undefined, []],
    ['is the gateway', [candidate('a')], 'names of a', ['a']],
    [
      'is the gateway of the default route',
      [candidate('a'), candidate('b', { gatewayPriority: 1 })],
      'names of b',
      ['b', 'a'],
    ],
    [
      'is not an internal one with a higher priority',
      [candidate('a', { internal: true, gatewayPriority: 9 }), candidate('b')],
      'names of b',
      ['a', 'b'],
    ],
    [
      'is the next gateway where that of the default route has no names',
      [candidate('a', nameless), candidate('c'), candidate('b', inside), candidate('d')],
      'names of c',
      ['b', 'c', 'd'],
    ],
    [
      'is an internal one where there is no other',
      [candidate('a', inside), candidate('b', { internal: true })],
      'names of b',
      ['a', 'b'],
    ],
    [
      'is in the sandbox where no gateway answers',
      [candidate('a', inside), candidate('b', nameless)],
      '127.0.0.11',
      ['a'],
    ],
  ]
  for (const [title, candidates, address, scopes] of cases) {
    it(title, () => {
      const choice = chooseResolver(candidates)
      assert.equal(choice?.address, address)
      assert.deepEqual(choice?.scopes.map(({ network }) => network) ?? [], scopes)
    })
  }

  it('does not depend on the order of the endpoints', () => {
    const some = fc.uniqueArray(
      fc.record({
        network: fc.constantFrom('a', 'b', 'c', 'd'),
        more: fc.constantFrom<Partial<ResolverCandidate>>(
          {},
          inside,
          nameless,
          { internal: true },
          { gateway4: undefined },
        ),
        gatewayPriority: fc.integer({ min: 0, max: 1 }),
      }),
      { selector: ({ network }) => network },
    )
    fc.assert(
      fc.property(some, (endpoints) => {
        const candidates = endpoints.map(({ network, more, gatewayPriority }) =>
          candidate(network, { ...more, gatewayPriority }),
        )
        assert.deepEqual(chooseResolver(candidates), chooseResolver(candidates.toReversed()))
      }),
    )
  })
})
