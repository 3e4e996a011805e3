import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { IntervalSet } from '../../../src/control/ipam/interval-set.ts'

const HIGHEST = 40
const numbers = fc.integer({ min: 0, max: HIGHEST })
const changes = fc.array(
  fc.record({
    what: fc.constantFrom('add' as const, 'remove' as const),
    first: numbers,
    length: fc.integer({ min: 1, max: 8 }),
  }),
  { maxLength: 40 },
)

const between = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index)

describe('an interval set', () => {
  it('holds what a set of single numbers holds', () => {
    fc.assert(
      fc.property(changes, numbers, numbers, (steps, one, other) => {
        const intervals = new IntervalSet()
        const model = new Set<number>()
        for (const { what, first, length } of steps) {
          const last = first + length - 1
          intervals[what](BigInt(first), BigInt(last))
          const method = what === 'add' ? 'add' : 'delete'
          for (const value of between(first, last)) model[method](value)
        }
        const all = between(0, HIGHEST + 8)
        assert.deepEqual(
          all.filter((value) => intervals.has(BigInt(value))),
          all.filter((value) => model.has(value)),
        )
        assert.equal(intervals.size, BigInt(model.size))
        const [low, high] = [Math.min(one, other), Math.max(one, other)]
        const inside = between(low, high).filter((value) => model.has(value))
        assert.equal(intervals.count(BigInt(low), BigInt(high)), BigInt(inside.length))
        const free = between(low, HIGHEST + 9).find((value) => !model.has(value))
        assert.equal(intervals.firstFree(BigInt(low)), BigInt(free!))
        const end =
          inside[0] === undefined
            ? undefined
            : between(inside[0], HIGHEST + 9).find((n) => !model.has(n))! - 1
        assert.equal(
          intervals.overlap(BigInt(low), BigInt(high)),
          end === undefined ? undefined : BigInt(end),
        )
      }),
    )
  })
})
