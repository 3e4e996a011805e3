import assert from 'node:assert/strict'
import { it } from 'node:test'
import * as fc from 'fast-check'
import { SortedKeys } from '../../../src/control/registry/sorted-keys.ts'

/** Of one byte, two, three (below and above the surrogates) and four. */
const key = fc.string({
  unit: fc.constantFrom('a', '/', 'é', '\ud7ff', '\uffee', '\u{10400}'),
  minLength: 1,
  maxLength: 4,
})
const steps = fc.array(
  fc.record({ what: fc.constantFrom('add' as const, 'add' as const, 'delete' as const), key }),
)

it('sorted keys are what a set holds, in the order of their bytes', () => {
  fc.assert(
    fc.property(fc.array(key), steps, key, (first, changes, prefix) => {
      const keys = new SortedKeys(new Set(first))
      const model = new Set(first)
      for (const change of changes) {
        keys[change.what](change.key)
        model[change.what](change.key)
      }
      const expected = [...model]
        .filter((one) => one.startsWith(prefix))
        .toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      assert.deepEqual(keys.withPrefix(prefix), expected)
      assert.equal(keys.hasPrefix(prefix), expected.length > 0)
    }),
  )
})
