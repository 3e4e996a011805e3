import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { chooseDefaultRoutes, type RouteCandidate } from '../../../src/control/rules/default-route.ts'

function candidate(network: string, more: Partial<RouteCandidate> = {}): RouteCandidate {
  return { network, internal: false, gatewayPriority: 0, gateway4: '10.0.0.1', ...more }
}

const DUAL = { gateway6: 'fd00::1' }

describe('the default route', () => {
  const cases: [
    title: string,
    RouteCandidate[],
    network4: string,
    reason4: string,
    network6?: string,
    reason6?: string,
  ][] = [
    ['of nothing', [], '', 'The sandbox is on no network.'],
    [
      'of one network',
      [candidate('a')],
      'a',
      'a is the only network.',
      '',
      'No network of the sandbox has an IPv6 gateway.',
    ],
    ['of an internal network', [candidate('a', { internal: true })], '', 'a is internal.'],
    [
      'of internal networks',
      [candidate('b', { internal: true }), candidate('a', { internal: true })],
      '',
      'a and b are internal.',
    ],
    [
      'passes an internal network by, whatever its priority',
      [candidate('a', { internal: true, gatewayPriority: 100 }), candidate('b')],
      'b',
      'b is the only network with an IPv4 gateway; a is internal.',
      '',
      'a is internal, and no other network has an IPv6 gateway.',
    ],
    [
      'goes by priority',
      [
        candidate('a', { gatewayPriority: -1 }),
        candidate('b', DUAL),
        candidate('c', { gatewayPriority: 10 }),
      ],
      'c',
      'c has the gateway priority 10, b has 0.',
      'b',
      'b is the only network with an IPv6 gateway.',
    ],
    [
      'prefers both families',
      [candidate('a'), candidate('b', DUAL)],
      'b',
      'b has an IPv4 and an IPv6 gateway, a has only an IPv4 one.',
      'b',
      'b is the only network with an IPv6 gateway.',
    ],
    [
      'prefers both families for IPv6 too',
      [candidate('a', { ...DUAL, gateway4: undefined }), candidate('b', DUAL)],
      'b',
      'b is the only network with an IPv4 gateway.',
      'b',
      'b has an IPv4 and an IPv6 gateway, a has only an IPv6 one.',
    ],
    [
      'goes by name',
      [candidate('b'), candidate('B'), candidate('a')],
      'B',
      'B comes before a by name; both have the gateway priority 0.',
    ],
    [
      'of networks without gateways',
      [candidate('a', { gateway4: undefined })],
      '',
      'No network of the sandbox has an IPv4 gateway.',
    ],
  ]
  for (const [title, candidates, network4, reason4, network6, reason6] of cases) {
    it(title, () => {
      const { ipv4, ipv6 } = chooseDefaultRoutes(candidates)
      assert.deepEqual([ipv4.endpoint?.network ?? '', ipv4.reason], [network4, reason4])
      if (network6 !== undefined)
        assert.deepEqual([ipv6.endpoint?.network ?? '', ipv6.reason], [network6, reason6])
    })
  }

  const anyCandidates = fc.uniqueArray(
    fc.record({
      network: fc.string({
        unit: fc.constantFrom('a', 'b', 'A', 'B', '1', '_', '-'),
        minLength: 1,
        maxLength: 3,
      }),
      internal: fc.boolean(),
      gatewayPriority: fc.integer({ min: -2, max: 2 }),
      gateway4: fc.constantFrom(undefined, '10.0.0.1'),
      gateway6: fc.constantFrom(undefined, 'fd00::1'),
    }),
    { selector: ({ network }) => network, maxLength: 8 },
  )

  it('does not depend on the order of joining', () => {
    const shuffled = anyCandidates.chain((candidates) =>
      fc.tuple(
        fc.constant(candidates),
        fc.shuffledSubarray(candidates, { minLength: candidates.length, maxLength: candidates.length }),
      ),
    )
    fc.assert(
      fc.property(shuffled, ([candidates, others]) =>
        assert.deepEqual(chooseDefaultRoutes(others), chooseDefaultRoutes(candidates)),
      ),
    )
  })

  it('is the one that wins against each other one by itself', () => {
    fc.assert(
      fc.property(anyCandidates, (candidates) => {
        const winner = chooseDefaultRoutes(candidates).ipv4.endpoint
        for (const other of candidates) {
          const duel = winner === undefined ? [other] : [other, winner]
          assert.equal(chooseDefaultRoutes(duel).ipv4.endpoint, winner)
        }
      }),
    )
  })
})
