import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { TupleTable } from '../../src/tables/tuple-table.ts'

describe('the table of tuples', () => {
  it('knows what a map knows', () => {
    const word = fc.constantFrom(0, 1, -1, 0xffff)
    const tuple = fc.tuple(word, word, fc.constant(0), word, word)
    const step = fc.tuple(tuple, fc.constantFrom('set', 'set', 'remove'), fc.integer())
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.integer(), (steps, seed) => {
        const table = new TupleTable(32, seed)
        const model = new Map<string, number>()
        for (const [[a, b, c, d, e], what, value] of steps) {
          const key = [a, b, c, d, e].join()
          if (what === 'remove') assert.equal(table.remove(a, b, c, d, e), model.delete(key))
          else {
            const hasRoom = model.has(key) || model.size < 32
            assert.equal(table.set(a, b, c, d, e, value, ~value), hasRoom)
            if (hasRoom) model.set(key, value)
          }
          assert.equal(table.size, model.size)
        }
        for (const [[a, b, c, d, e]] of steps) {
          const slot = table.find(a, b, c, d, e)
          const known = model.get([a, b, c, d, e].join())
          assert.equal(slot < 0 ? undefined : table.value(slot), known)
          if (known !== undefined) assert.equal(table.value2(slot), ~known)
        }
      }),
    )
  })

  it('refuses a capacity that is none', () => {
    for (const capacity of [0, -1, 1.5, 2 ** 25]) assert.throws(() => new TupleTable(capacity, 1), RangeError)
  })
})
