import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { RateLimit } from '../../src/protocols/rate-limit.ts'

const taken = (limit: RateLimit, slot: number, tries: number, nowS: number): number =>
  Array.from({ length: tries }, () => limit.take(slot, nowS)).filter(Boolean).length

describe('RateLimit', () => {
  it('gives a quiet slot a second and a burst at once, then a second at a time', () => {
    const limit = new RateLimit(2, 100, 50)
    assert.equal(taken(limit, 0, 1000, 1000), 150)
    assert.equal(taken(limit, 0, 1000, 1000), 0)
    assert.equal(taken(limit, 0, 1000, 1001), 100)
    assert.equal(taken(limit, 0, 1000, 1003), 150)
    assert.equal(taken(limit, 0, 60, 1004), 60)
    assert.equal(taken(limit, 0, 1000, 1005), 140)
  })

  it('works from second 0 on, and after 68 years of silence', () => {
    const limit = new RateLimit(1, 100, 50)
    assert.equal(taken(limit, 0, 1000, 0), 150)
    assert.equal(taken(limit, 0, 1000, 2 ** 31 - 1), 150)
  })

  it('keeps slots apart, and fills one anew', () => {
    const limit = new RateLimit(2, 3, 0)
    assert.equal(taken(limit, 0, 10, 5), 3)
    assert.equal(taken(limit, 1, 10, 5), 3)
    limit.reset(1)
    assert.equal(taken(limit, 0, 10, 5), 0)
    assert.equal(taken(limit, 1, 10, 5), 3)
  })

  it('never lets more through than rate and burst allow, and no less than is asked and allowed', () => {
    const step = fc.record({ wait: fc.nat(3), tries: fc.nat(20) })
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.nat(9),
        fc.array(step, { maxLength: 30 }),
        (perSecond, burst, steps) => {
          const limit = new RateLimit(1, perSecond, burst)
          let nowS = 100
          let tokens = perSecond + burst
          for (const { wait, tries } of steps) {
            nowS += wait
            tokens = Math.min(perSecond + burst, tokens + wait * perSecond)
            const expected = Math.min(tries, tokens)
            assert.equal(taken(limit, 0, tries, nowS), expected)
            tokens -= expected
          }
        },
      ),
    )
  })

  it('refuses limits that are none', () => {
    for (const [slots, perSecond, burst] of [
      [0, 1, 1],
      [1, 0, 1],
      [1, 1, -1],
    ] as const) {
      assert.throws(() => new RateLimit(slots, perSecond, burst), RangeError)
    }
  })
})
