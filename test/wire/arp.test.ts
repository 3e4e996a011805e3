import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as arp from '../../src/wire/arp.ts'
import { assertWrites, hex, place } from '../support/wire-bytes.ts'

const PACKET = hex('0001 0800 06 04 0002 02420a010002 0a010002 0242ff010003 c00002c8')
const VALUE: arp.Arp = {
  operation: arp.OPERATION_REPLY,
  senderHardware: '02:42:0a:01:00:02',
  senderProtocol: '10.1.0.2',
  targetHardware: '02:42:ff:01:00:03',
  targetProtocol: '192.0.2.200',
}

describe('arp', () => {
  it('reads each field', () => {
    const { view, offset, end } = place(PACKET)
    assert.equal(arp.check(view, offset, end), true)
    assert.equal(arp.operation(view, offset), 2)
    assert.equal(arp.senderHardwareHigh(view, offset), 0x0242)
    assert.equal(arp.senderHardwareLow(view, offset), 0x0a010002)
    assert.equal(arp.senderProtocol(view, offset), 0x0a010002)
    assert.equal(arp.targetHardwareHigh(view, offset), 0x0242)
    assert.equal(arp.targetHardwareLow(view, offset), 0xff010003 | 0)
    assert.equal(arp.targetProtocol(view, offset), 0xc00002c8 | 0)
  })

  it('builds the packet with setters', () => {
    assertWrites(PACKET, (view, offset) => {
      arp.setFormat(view, offset)
      arp.setOperation(view, offset, arp.OPERATION_REPLY)
      arp.setSender(view, offset, 0x0242, 0x0a010002, 0x0a010002)
      arp.setTarget(view, offset, 0x0242, 0xff010003, 0xc00002c8)
    })
  })

  it('parses', () => {
    const { view, offset, end } = place(PACKET)
    assert.deepEqual(arp.parse(view, offset, end), VALUE)
    assert.equal(arp.parse(view, offset, end - 1), undefined)
  })

  it('emits', () => {
    assertWrites(PACKET, (view, offset) => assert.equal(arp.emit(VALUE, view, offset), PACKET.length))
  })

  for (const [at, what] of [
    [1, 'hardware type'],
    [2, 'protocol type'],
    [4, 'hardware address length'],
    [5, 'protocol address length'],
  ] as const) {
    it(`refuses another ${what}`, () => {
      const { view, offset, end } = place(PACKET)
      view.setUint8(offset + at, 7)
      assert.equal(arp.check(view, offset, end), false)
    })
  }
})
