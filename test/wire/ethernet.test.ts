import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as ethernet from '../../src/wire/ethernet.ts'
import { assertWrites, hex, place } from '../support/wire-bytes.ts'

const HEADER = hex('02420a01f003 02420a010002 0800')
const VALUE: ethernet.Ethernet = {
  target: '02:42:0a:01:f0:03',
  source: '02:42:0a:01:00:02',
  etherType: ethernet.TYPE_IPV4,
}

describe('ethernet', () => {
  it('reads each field', () => {
    const { view, offset, end } = place(HEADER)
    assert.equal(ethernet.check(view, offset, end), true)
    assert.equal(ethernet.targetHigh(view, offset), 0x0242)
    assert.equal(ethernet.targetLow(view, offset), 0x0a01f003)
    assert.equal(ethernet.sourceHigh(view, offset), 0x0242)
    assert.equal(ethernet.sourceLow(view, offset), 0x0a010002)
    assert.equal(ethernet.etherType(view, offset), 0x0800)
  })

  it('builds the header with setters', () => {
    assertWrites(HEADER, (view, offset) => {
      ethernet.setTarget(view, offset, 0x0242, 0x0a01f003)
      ethernet.setSource(view, offset, 0x0242, 0x0a010002)
      ethernet.setEtherType(view, offset, ethernet.TYPE_IPV4)
    })
  })

  it('parses', () => {
    const { view, offset, end } = place(HEADER)
    assert.deepEqual(ethernet.parse(view, offset, end), VALUE)
    assert.equal(ethernet.parse(view, offset, end - 1), undefined)
  })

  it('emits', () => {
    assertWrites(HEADER, (view, offset) => assert.equal(ethernet.emit(VALUE, view, offset), HEADER.length))
    assert.throws(
      () => ethernet.emit({ ...VALUE, target: '02:42' }, new DataView(new ArrayBuffer(14)), 0),
      RangeError,
    )
  })

  it('has low halves as int32, so that a station reads the same from a frame and from an Int32Array', () => {
    const { view, offset } = place(hex('ffffffffffff 0242fffffffe 0800'))
    assert.equal(ethernet.targetLow(view, offset), -1)
    assert.equal(ethernet.sourceLow(view, offset), new Int32Array([0xfffffffe])[0])
  })

  it('tells group addresses', () => {
    assert.equal(ethernet.isMulticast(0x0180), true)
    assert.equal(ethernet.isMulticast(0xffff), true)
    assert.equal(ethernet.isMulticast(0x0242), false)
    assert.equal(ethernet.isMulticast(0xfeff), false)
    assert.equal(ethernet.isBroadcast(0xffff, -1), true)
    assert.equal(ethernet.isBroadcast(0xffff, -2), false)
    assert.equal(ethernet.isBroadcast(0x0180, -1), false)
  })
})
