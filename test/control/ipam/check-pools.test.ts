import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { WantedPool } from '../../../src/control/ipam/address-space.ts'
import { checkPools } from '../../../src/control/ipam/check-pools.ts'

const check = (pool: Partial<WantedPool>, families = { ipv4: true, ipv6: true }): string[] =>
  checkPools({ ...families, pools: [{ auxiliary: {}, ...pool }] })

describe('checkPools', () => {
  for (const [what, pool, problems] of [
    ['nothing wanted', {}, []],
    ['a subnet', { subnet: '10.1.0.0/24' }, []],
    [
      'all there is',
      { subnet: '10.1.0.0/24', range: '10.1.0.0/24', gateway: '10.1.0.1', auxiliary: { a: '10.1.0.2' } },
      [],
    ],
    ['only a size', { subnet: '0.0.0.0/24' }, []],
    ['text', { subnet: 'foo' }, ['invalid subnet foo: invalid CIDR block notation']],
    ['no prefix length', { subnet: '10.1.0.0' }, ['invalid subnet 10.1.0.0: invalid CIDR block notation']],
    [
      'a prefix length of 33',
      { subnet: '10.1.0.0/33' },
      ['invalid subnet 10.1.0.0/33: invalid CIDR block notation'],
    ],
    ['host bits', { subnet: '10.1.0.7/24' }, ['invalid subnet 10.1.0.7/24: it should be 10.1.0.0/24']],
    [
      'IPv6 host bits',
      { subnet: '2001:DB8::7/64' },
      ['invalid subnet 2001:db8::7/64: it should be 2001:db8::/64'],
    ],
    ['a gateway of no subnet', { gateway: '10.1.0.1' }, ['invalid subnet : invalid CIDR block notation']],
    [
      'a range that is none',
      { subnet: '10.1.0.0/24', range: '10.1.0.0' },
      ['invalid ip-range 10.1.0.0: invalid CIDR block notation'],
    ],
    [
      'a range of the other family',
      { subnet: '10.1.0.0/24', range: '2001:db8::/64' },
      ['invalid ip-range 2001:db8::/64: parent subnet is an IPv4 block'],
    ],
    [
      'a range that is too big',
      { subnet: '10.1.0.0/24', range: '10.0.0.0/8' },
      ['invalid ip-range 10.0.0.0/8: CIDR block is bigger than its parent subnet 10.1.0.0/24'],
    ],
    [
      'a range with all mistakes',
      { subnet: '10.1.0.0/24', range: '11.0.0.1/23' },
      [
        'invalid ip-range 11.0.0.1/23: CIDR block is bigger than its parent subnet 10.1.0.0/24',
        'invalid ip-range 11.0.0.1/23: it should be 11.0.0.0/23',
        "invalid ip-range 11.0.0.1/23: parent subnet 10.1.0.0/24 doesn't contain ip-range",
      ],
    ],
    [
      'a gateway that is none',
      { subnet: '10.1.0.0/24', gateway: '10.1.0' },
      ['invalid gateway 10.1.0: invalid address'],
    ],
    [
      'a gateway of the other family',
      { subnet: '2001:db8::/64', gateway: '10.1.0.1' },
      ['invalid gateway 10.1.0.1: parent subnet is an IPv6 block'],
    ],
    [
      'a gateway outside',
      { subnet: '10.1.0.0/24', gateway: '10.1.1.1' },
      ["invalid gateway 10.1.1.1: parent subnet 10.1.0.0/24 doesn't contain this address"],
    ],
    [
      'a gateway where only the size is known',
      { subnet: '0.0.0.0/24', gateway: '0.0.0.1' },
      ["invalid gateway 0.0.0.1: parent subnet 0.0.0.0/24 doesn't contain this address"],
    ],
    [
      'auxiliary addresses',
      { subnet: '10.1.0.0/24', auxiliary: { a: 'x', b: '10.2.0.1', c: '::1' } },
      [
        'invalid auxiliary address a: invalid address',
        "invalid auxiliary address b: parent subnet 10.1.0.0/24 doesn't contain this address",
        'invalid auxiliary address c: parent subnet is an IPv4 block',
      ],
    ],
  ] as const) {
    it(what, () => assert.deepEqual(check(pool), problems))
  }

  it('passes over pools of a family that the network does not have', () => {
    assert.deepEqual(check({ subnet: '2001:db8::1/64' }, { ipv4: true, ipv6: false }), [])
    assert.deepEqual(check({ subnet: '10.1.0.1/24' }, { ipv4: false, ipv6: true }), [])
  })
})
