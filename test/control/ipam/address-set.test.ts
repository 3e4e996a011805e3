import assert from 'node:assert/strict'
import { it } from 'node:test'
import * as fc from 'fast-check'
import { AddressSet } from '../../../src/control/ipam/address-set.ts'

/** Of both families, with the same numbers in both, and close together. */
const addresses = fc
  .integer({ min: 0, max: 23 })
  .map((n) => (n < 12 ? `0.0.0.${n}` : `::${(n - 12).toString(16)}`))
const steps = fc.array(
  fc.record({ what: fc.constantFrom('add' as const, 'delete' as const), address: addresses }),
)

it('a set of addresses holds what a set of texts holds', () => {
  fc.assert(
    fc.property(steps, addresses, (changes, one) => {
      const set = new AddressSet()
      const model = new Set<string>()
      for (const { what, address } of changes) {
        if (what === 'delete') assert.equal(set.delete(address), model.delete(address))
        else {
          set.add(address)
          model.add(address)
        }
      }
      assert.equal(set.has(one), model.has(one))
    }),
  )
})

it('what is no address is in no set of them', () => {
  const set = new AddressSet()
  assert.throws(() => set.add('10.0.0.256'), RangeError)
  assert.equal(set.has('10.0.0.256'), false)
  assert.equal(set.delete(''), false)
})
