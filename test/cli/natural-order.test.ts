import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { naturalOrder } from '../../src/cli/natural-order.ts'

describe('the order of names', () => {
  it('is that of people', () => {
    const names = ['net10', 'net2', 'net', 'b', 'net1', '9/tcp', '80/tcp', 'net02', 'a-3', 'a-20']
    assert.deepEqual(names.toSorted(naturalOrder), [
      '9/tcp',
      '80/tcp',
      'a-3',
      'a-20',
      'b',
      'net',
      'net1',
      'net02',
      'net2',
      'net10',
    ])
  })

  it('is an order: of any three, and the same both ways', () => {
    const name = fc.string({ unit: fc.constantFrom('a', 'b', '-', '0', '1', '2', '12'), maxLength: 6 })
    fc.assert(
      fc.property(name, name, name, (a, b, c) => {
        assert.equal(Math.sign(naturalOrder(a, b)), -Math.sign(naturalOrder(b, a)) + 0)
        assert.equal(naturalOrder(a, b) === 0, a === b)
        if (naturalOrder(a, b) <= 0 && naturalOrder(b, c) <= 0) assert.ok(naturalOrder(a, c) <= 0)
      }),
    )
  })
})
