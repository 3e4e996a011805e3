import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { pseudoHeaderIpv4 } from '../../src/wire/checksum.ts'
import * as udp from '../../src/wire/udp.ts'
import { assertWrites, hex, place } from '../support/wire-bytes.ts'

const HEADER = hex('0035 9c40 000d 52c1')
const DATAGRAM = new Uint8Array([...HEADER, ...hex('68656c6c6f')])
const VALUE: udp.Udp = { sourcePort: 53, destinationPort: 40_000, length: 13, checksum: 0x52c1 }

/** Of the IPv4 header that the datagram was sent with: 10.1.0.2 to 192.0.2.200. */
const IPV4 = new DataView(hex('4500 0021 0000 0000 4011 0000 0a010002 c00002c8').buffer as ArrayBuffer)
const PSEUDO_HEADER = pseudoHeaderIpv4(IPV4, 0, 17, DATAGRAM.length)

describe('udp', () => {
  it('reads each field', () => {
    const { view, offset, end } = place(DATAGRAM)
    assert.equal(udp.check(view, offset, end), true)
    assert.equal(udp.sourcePort(view, offset), 53)
    assert.equal(udp.destinationPort(view, offset), 40_000)
    assert.equal(udp.length(view, offset), 13)
    assert.equal(udp.checksum(view, offset), 0x52c1)
    assert.equal(udp.checksumValid(view, offset, PSEUDO_HEADER), true)
    udp.setSourcePort(view, offset, 54)
    assert.equal(udp.checksumValid(view, offset, PSEUDO_HEADER), false)
  })

  it('builds the header with setters', () => {
    assertWrites(DATAGRAM, (view, offset) => {
      for (const [at, byte] of hex('68656c6c6f').entries()) view.setUint8(offset + udp.HEADER_SIZE + at, byte)
      udp.setSourcePort(view, offset, 53)
      udp.setDestinationPort(view, offset, 40_000)
      udp.setLength(view, offset, 13)
      udp.fillChecksum(view, offset, PSEUDO_HEADER)
    })
  })

  it('parses', () => {
    const { view, offset, end } = place(DATAGRAM)
    assert.deepEqual(udp.parse(view, offset, end), VALUE)
    assert.equal(udp.parse(view, offset, end - 1), undefined, 'the data is cut short')
    udp.setLength(view, offset, 7)
    assert.equal(udp.parse(view, offset, end), undefined, 'shorter than its own header')
  })

  it('emits', () => {
    assertWrites(HEADER, (view, offset) => assert.equal(udp.emit(VALUE, view, offset), HEADER.length))
  })

  it('takes a checksum of 0 as none, and writes a computed 0 as 0xffff', () => {
    const { view, offset } = place(DATAGRAM)
    udp.setChecksum(view, offset, 0)
    assert.equal(udp.checksumValid(view, offset, PSEUDO_HEADER), true)
    // With the checksum added to a field it sums to 0xffff, so that what is computed is 0.
    udp.setSourcePort(view, offset, 53 + 0x52c1)
    udp.fillChecksum(view, offset, PSEUDO_HEADER)
    assert.equal(udp.checksum(view, offset), 0xffff)
    assert.equal(udp.checksumValid(view, offset, PSEUDO_HEADER), true)
  })
})
