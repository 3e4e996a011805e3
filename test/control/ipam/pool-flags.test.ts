import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { pairPools } from '../../../src/control/ipam/pool-flags.ts'

describe('pairPools', () => {
  it('puts everything with the subnet that contains it', () => {
    const pools = pairPools(
      ['10.1.0.0/16', '2001:db8::/64', '10.2.0.0/16'],
      ['10.2.128.0/17'],
      ['2001:db8::fe', '10.2.0.9'],
      { printer: '10.1.7.7', router: '10.2.0.1', host: '10.1.0.3' },
    )
    assert.deepEqual(pools, [
      {
        subnet: '10.1.0.0/16',
        range: undefined,
        gateway: undefined,
        auxiliary: { printer: '10.1.7.7', host: '10.1.0.3' },
      },
      { subnet: '2001:db8::/64', range: undefined, gateway: '2001:db8::fe', auxiliary: {} },
      {
        subnet: '10.2.0.0/16',
        range: '10.2.128.0/17',
        gateway: '10.2.0.9',
        auxiliary: { router: '10.2.0.1' },
      },
    ])
    assert.deepEqual(pairPools([], [], [], {}), [])
  })

  it('leaves a single subnet that is none to the daemon', () => {
    assert.deepEqual(pairPools(['ten'], [], [], {}), [
      { subnet: 'ten', range: undefined, gateway: undefined, auxiliary: {} },
    ])
  })

  const subnets = ['10.1.0.0/24', '10.2.0.0/24']
  const refused: readonly (readonly [message: string, flags: Parameters<typeof pairPools>])[] = [
    ['every ip-range or gateway must have a corresponding subnet', [[], ['10.1.0.0/25'], [], {}]],
    ['every ip-range or gateway must have a corresponding subnet', [[], [], ['10.1.0.1'], {}]],
    [
      'multiple overlapping subnet configuration is not supported',
      [['10.1.0.0/24', '10.1.0.128/25'], [], [], {}],
    ],
    [
      'multiple overlapping subnet configuration is not supported',
      [['10.1.0.0/24', '10.0.0.0/8'], [], [], {}],
    ],
    ['invalid subnet: invalid CIDR address: ten', [['ten'], ['10.1.0.0/25'], [], {}]],
    ['invalid subnet: invalid CIDR address: ten', [['10.1.0.0/24', 'ten'], [], [], {}]],
    ['invalid CIDR address: ten', [subnets, ['ten'], [], {}]],
    ['no matching subnet for range 10.0.0.0/8', [subnets, ['10.0.0.0/8'], [], {}]],
    ['no matching subnet for gateway ten', [subnets, [], ['ten'], {}]],
    ['no matching subnet for range 10.3.0.0/25', [subnets, ['10.3.0.0/25'], [], {}]],
    ['invalid CIDR address: 10.1.0.0/99', [subnets, ['10.1.0.0/99'], [], {}]],
    ['no matching subnet for gateway 10.3.0.1', [subnets, [], ['10.3.0.1'], {}]],
    ['no matching subnet for aux-address 10.3.0.1', [subnets, [], [], { a: '10.3.0.1' }]],
    ['no matching subnet for aux-address x', [[], [], [], { a: 'x' }]],
    [
      'cannot configure multiple ranges (10.1.0.128/25, 10.1.0.0/25) on the same subnet (10.1.0.0/24)',
      [subnets, ['10.1.0.0/25', '10.1.0.128/25'], [], {}],
    ],
    [
      'cannot configure multiple gateways (10.1.0.2, 10.1.0.1) for the same subnet (10.1.0.0/24)',
      [subnets, [], ['10.1.0.1', '10.1.0.2'], {}],
    ],
  ]
  for (const [message, flags] of refused) {
    it(`refuses: ${message}`, () => {
      assert.throws(() => pairPools(...flags), { code: 'NETWORK_CONFIG_INVALID', message })
    })
  }
})
