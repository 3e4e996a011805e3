import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as vxlan from '../../src/wire/vxlan.ts'
import { assertWrites, hex, place } from '../support/wire-bytes.ts'

const HEADER = hex('08000000 abcdef00')

describe('vxlan', () => {
  it('reads each field', () => {
    const { view, offset, end } = place(HEADER)
    assert.equal(vxlan.check(view, offset, end), true)
    assert.equal(vxlan.flags(view, offset), vxlan.FLAG_VALID)
    assert.equal(vxlan.networkIdentifier(view, offset), 0xabcdef)
    assert.deepEqual(vxlan.parse(view, offset, end), { networkIdentifier: 0xabcdef })
  })

  it('refuses what is too short or has no valid identifier', () => {
    const { view, offset, end } = place(HEADER)
    assert.equal(vxlan.parse(view, offset, end - 1), undefined)
    const other = place(hex('f7ffffff abcdef00'))
    assert.equal(vxlan.check(other.view, other.offset, other.end), false)
  })

  it('emits', () => {
    assertWrites(HEADER, (view, offset) =>
      assert.equal(vxlan.emit({ networkIdentifier: 0xabcdef }, view, offset), vxlan.HEADER_SIZE),
    )
  })
})
