import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { TapwireError } from '../../../src/control/errors.ts'
import type { WantedPools } from '../../../src/control/ipam/address-space.ts'
import { Ipam } from '../../../src/control/ipam/ipam.ts'
import { IpamModel, type ModelPool } from './ipam.model.ts'

const START_MS = 1_800_000_000_000

/** Subnets of 10.9.8.0/28 up to /30, with a range of any size in it, small enough to run out often. */
const pools = fc
  .record({
    prefixLength: fc.constantFrom(28, 29, 30),
    rangeBits: fc.integer({ min: 0, max: 4 }),
    rangeAt: fc.nat(15),
    gatewayAt: fc.option(fc.nat(15), { nil: undefined }),
    serial: fc.boolean(),
    restS: fc.constantFrom(0, 1, 30),
  })
  .map(({ prefixLength, rangeBits, rangeAt, gatewayAt, serial, restS }) => {
    const last = 2 ** (32 - prefixLength) - 1
    const rangeSize = Math.min(2 ** rangeBits, last + 1)
    const rangeFirst = (rangeAt % (last + 1)) & ~(rangeSize - 1)
    const rangeLast = rangeFirst + rangeSize - 1
    // The first of the range that is neither network nor broadcast address; in between where the range has none.
    const free = Math.max(rangeFirst, 1)
    const gateway =
      gatewayAt === undefined && free <= Math.min(rangeLast, last - 1)
        ? undefined
        : 1 + ((gatewayAt ?? 0) % (last - 1))
    const pool: ModelPool = {
      first: 0,
      last,
      rangeFirst,
      rangeLast,
      gateway: gateway ?? free,
      serial,
      restMs: restS * 1000,
    }
    const wanted: WantedPools = {
      ipv4: true,
      ipv6: false,
      wantsGateway: true,
      pools: [
        {
          subnet: `10.9.8.0/${prefixLength}`,
          range: `10.9.8.${rangeFirst}/${32 - Math.log2(rangeSize)}`,
          gateway: gateway === undefined ? undefined : text(gateway),
          auxiliary: {},
        },
      ],
      options: {
        'com.docker.network.ipam.serial': String(serial),
        'tapwire.ipam.rest': String(restS),
      },
    }
    return { pool, wanted }
  })

const address = fc.nat(17)
const commands = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ what: fc.constant('allocate' as const) }) },
    { weight: 2, arbitrary: fc.record({ what: fc.constant('allocateGiven' as const), address }) },
    { weight: 4, arbitrary: fc.record({ what: fc.constant('release' as const), address }) },
    { weight: 1, arbitrary: fc.record({ what: fc.constant('unallocate' as const), address }) },
    // The machine's clock may be set back as well.
    {
      weight: 2,
      arbitrary: fc.record({
        what: fc.constant('wait' as const),
        ms: fc.integer({ min: -5000, max: 40_000 }),
      }),
    },
  ),
  { maxLength: 60 },
)

const text = (value: number): string => `10.9.8.${value}`

describe('Ipam', () => {
  it('does what a linear search over single addresses does', () => {
    fc.assert(
      fc.property(pools, commands, ({ pool, wanted }, steps) => {
        let nowMs = START_MS
        const ipam = new Ipam({ hostId: 'host', now: () => nowMs })
        const model = new IpamModel(pool)
        const [record] = ipam.addNetwork('n', wanted, [])
        assert.equal(record?.gateway, text(pool.gateway))
        for (const step of steps) {
          if (step.what === 'wait') nowMs += step.ms
          else if (step.what === 'allocate') compareAllocate(ipam, model, nowMs)
          else if (step.address > pool.last) {
            assert.equal(
              messageOf(() => ipam.allocate('n', 4, text(step.address))),
              'requested address is out of range',
            )
          } else if (step.what === 'allocateGiven') compareAllocateGiven(ipam, model, step.address)
          else {
            ipam[step.what]('n', text(step.address))
            model[step.what](step.address, nowMs)
          }
          assert.deepEqual(ipam.usage('n'), [{ subnet: wanted.pools[0]?.subnet, ...model.usage(nowMs) }])
          assert.deepEqual(byAddress(restingOf(ipam)), byAddress(model.resting(nowMs)))
        }
      }),
      { numRuns: 500 },
    )
  })
})

function compareAllocate(ipam: Ipam, model: IpamModel, nowMs: number): void {
  const expected = model.allocate(nowMs)
  if (expected === undefined) {
    assert.equal(
      messageOf(() => ipam.allocate('n', 4)),
      'no available addresses on this pool',
    )
  } else {
    assert.equal(ipam.allocate('n', 4).address, text(expected))
  }
}

function compareAllocateGiven(ipam: Ipam, model: IpamModel, wanted: number): void {
  if (model.allocateGiven(wanted)) assert.equal(ipam.allocate('n', 4, text(wanted)).address, text(wanted))
  else
    assert.equal(
      messageOf(() => ipam.allocate('n', 4, text(wanted))),
      'Address already in use',
    )
}

const restingOf = (ipam: Ipam): { address: number; untilMs: number }[] =>
  ipam
    .resting()
    .map((resting) => ({ address: Number(resting.address.split('.')[3]), untilMs: resting.untilMs }))

const byAddress = <T extends { address: number }>(entries: T[]): T[] =>
  entries.toSorted((a, b) => a.address - b.address)

function messageOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof TapwireError)
    return error.message
  }
  throw new Error('nothing was thrown')
}
