import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { pseudoHeaderIpv4 } from '../../src/wire/checksum.ts'
import * as tcp from '../../src/wire/tcp.ts'
import { assertWrites, hex, place } from '../support/wire-bytes.ts'

const HEADER = hex('01bb c350 89abcdef fedcba98 8098 01f5 8d7b 0003 0101080a0000000100000002')
const SEGMENT = new Uint8Array([...HEADER, ...hex('68656c6c6f')])
const VALUE: tcp.Tcp = {
  sourcePort: 443,
  destinationPort: 50_000,
  sequenceNumber: 0x89abcdef,
  acknowledgmentNumber: 0xfedcba98,
  controlBits: tcp.PSH | tcp.ACK | tcp.CWR,
  window: 501,
  checksum: 0x8d7b,
  urgentPointer: 3,
  options: hex('0101080a0000000100000002'),
}

/** Of the IPv4 header that the segment was sent with: 10.1.0.2 to 192.0.2.200. */
const IPV4 = new DataView(hex('4500 0039 0000 0000 4006 0000 0a010002 c00002c8').buffer as ArrayBuffer)
const PSEUDO_HEADER = pseudoHeaderIpv4(IPV4, 0, 6, SEGMENT.length)

const uint16 = fc.integer({ min: 0, max: 0xffff })
const uint32 = fc.integer({ min: 0, max: 0xffffffff })
const value = fc.record(
  {
    sourcePort: uint16,
    destinationPort: uint16,
    sequenceNumber: uint32,
    acknowledgmentNumber: uint32,
    controlBits: fc.integer({ min: 0, max: 0xff }),
    window: uint16,
    checksum: uint16,
    urgentPointer: uint16,
    options: fc
      .integer({ min: 0, max: 10 })
      .chain((words) => fc.uint8Array({ minLength: words * 4, maxLength: words * 4 })),
  },
  { noNullPrototype: true },
)

describe('tcp', () => {
  it('reads each field', () => {
    const { view, offset, end } = place(SEGMENT)
    assert.equal(tcp.check(view, offset, end), true)
    assert.equal(tcp.sourcePort(view, offset), 443)
    assert.equal(tcp.destinationPort(view, offset), 50_000)
    assert.equal(tcp.sequenceNumber(view, offset), 0x89abcdef)
    assert.equal(tcp.sequenceInt32(view, offset), 0x89abcdef | 0)
    assert.equal(tcp.acknowledgmentNumber(view, offset), 0xfedcba98)
    assert.equal(tcp.headerSize(view, offset), 32)
    assert.equal(tcp.controlBits(view, offset), tcp.PSH | tcp.ACK | tcp.CWR)
    assert.equal(tcp.window(view, offset), 501)
    assert.equal(tcp.checksum(view, offset), 0x8d7b)
    assert.equal(tcp.urgentPointer(view, offset), 3)
    assert.equal(tcp.checksumValid(view, offset, end, PSEUDO_HEADER), true)
    tcp.setWindow(view, offset, 502)
    assert.equal(tcp.checksumValid(view, offset, end, PSEUDO_HEADER), false)
  })

  it('builds the header with setters', () => {
    assertWrites(SEGMENT, (view, offset) => {
      for (const [at, byte] of SEGMENT.slice(tcp.MIN_HEADER_SIZE).entries()) {
        view.setUint8(offset + tcp.MIN_HEADER_SIZE + at, byte)
      }
      tcp.setSourcePort(view, offset, 443)
      tcp.setDestinationPort(view, offset, 50_000)
      tcp.setSequenceNumber(view, offset, 2 ** 32 + 0x89abcdef)
      tcp.setAcknowledgmentNumber(view, offset, 0xfedcba98)
      tcp.setHeaderSize(view, offset, 32)
      tcp.setControlBits(view, offset, tcp.PSH | tcp.ACK | tcp.CWR)
      tcp.setWindow(view, offset, 501)
      tcp.setUrgentPointer(view, offset, 3)
      tcp.fillChecksum(view, offset, offset + SEGMENT.length, PSEUDO_HEADER)
    })
  })

  it('parses', () => {
    const { view, offset, end } = place(SEGMENT)
    assert.deepEqual(tcp.parse(view, offset, end), VALUE)
    assert.equal(tcp.parse(view, offset, offset + HEADER.length - 1), undefined, 'the options are cut short')
    tcp.setHeaderSize(view, offset, 16)
    assert.equal(tcp.parse(view, offset, end), undefined, 'a data offset below 5')
  })

  it('emits', () => {
    assertWrites(HEADER, (view, offset) => assert.equal(tcp.emit(VALUE, view, offset), HEADER.length))
    const view = new DataView(new ArrayBuffer(100))
    for (const size of [2, 44]) {
      assert.throws(() => tcp.emit({ ...VALUE, options: new Uint8Array(size) }, view, 0), RangeError)
    }
  })

  it('parses what it emitted', () => {
    fc.assert(
      fc.property(value, (wanted) => {
        const view = new DataView(new ArrayBuffer(60))
        const size = tcp.emit(wanted, view, 0)
        assert.deepEqual(tcp.parse(view, 0, size), wanted)
      }),
    )
  })
})
