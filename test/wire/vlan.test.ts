import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as vlan from '../../src/wire/vlan.ts'
import { assertWrites, hex, place } from '../support/wire-bytes.ts'

const TAG = hex('8100 b123')
const VALUE: vlan.Vlan = { protocol: 0x8100, priority: 5, dropEligible: true, id: 0x123 }
const ADDRESSES = '02420a010003 02420a010002'

describe('vlan', () => {
  it('reads each field', () => {
    const { view, offset, end } = place(hex('8100 b123 86dd'))
    assert.equal(vlan.check(view, offset, end), true)
    assert.equal(vlan.protocol(view, offset), 0x8100)
    assert.equal(vlan.control(view, offset), 0xb123)
    assert.equal(vlan.priority(view, offset), 5)
    assert.equal(vlan.dropEligible(view, offset), true)
    assert.equal(vlan.id(view, offset), 0x123)
    assert.equal(vlan.nextType(view, offset), 0x86dd)
  })

  it('builds the tag with setters', () => {
    assertWrites(TAG, (view, offset) => {
      vlan.setProtocol(view, offset, 0x8100)
      vlan.setControl(view, offset, (5 << 13) | vlan.DROP_ELIGIBLE | 0x123)
    })
  })

  it('parses', () => {
    const { view, offset, end } = place(hex('8100 b123 86dd'))
    assert.deepEqual(vlan.parse(view, offset, end), VALUE)
    assert.equal(vlan.parse(view, offset, end - 1), undefined, 'the type field behind the tag is cut off')
    const untagged = place(hex('0800 4500 0054'))
    assert.equal(vlan.parse(untagged.view, untagged.offset, untagged.end), undefined)
  })

  it('emits', () => {
    assertWrites(TAG, (view, offset) => assert.equal(vlan.emit(VALUE, view, offset), TAG.length))
  })

  const tagged = [
    { tags: '', size: 0 },
    { tags: '8100 0001', size: 4 },
    { tags: '88a8 0001 8100 0002', size: 8 },
    { tags: '88a8 0001 8100 0002 8100 0003', size: 8 },
  ]
  for (const { tags, size } of tagged) {
    it(`counts ${size} bytes of tags in '${tags}'`, () => {
      const { view, offset, end } = place(hex(`${ADDRESSES} ${tags} 0800`))
      assert.equal(vlan.tagsSize(view, offset, end), size)
    })
  }

  it('does not count a tag that the frame cuts off', () => {
    for (const cut of [1, 2, 3, 4]) {
      const { view, offset, end } = place(hex(`${ADDRESSES} 88a8 0001 8100 0002 0800`).slice(0, -cut))
      assert.equal(vlan.tagsSize(view, offset, end), 4)
    }
    const { view, offset, end } = place(hex(`${ADDRESSES} 8100`))
    assert.equal(vlan.tagsSize(view, offset, end), 0)
  })
})
