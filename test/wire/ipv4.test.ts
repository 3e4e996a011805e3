import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import * as ipv4 from '../../src/wire/ipv4.ts'
import { assertWrites, hex, naiveChecksum, place } from '../support/wire-bytes.ts'

const HEADER = hex('46b9 0025 1234 4000 3f11 c70b 0a010002 c00002c8 94040000')
const PACKET = new Uint8Array([...HEADER, ...hex('0035 9c40 000d 52c1 68656c6c6f')])
const VALUE: ipv4.Ipv4 = {
  dscp: 46,
  ecn: 1,
  totalLength: 37,
  identification: 0x1234,
  dontFragment: true,
  moreFragments: false,
  fragmentOffset: 0,
  timeToLive: 63,
  protocol: 17,
  source: '10.1.0.2',
  destination: '192.0.2.200',
  options: hex('94040000'),
}

const byte = fc.integer({ min: 0, max: 255 })
const address = fc.tuple(byte, byte, byte, byte).map((bytes) => bytes.join('.'))
const value = fc.record(
  {
    dscp: fc.integer({ min: 0, max: 63 }),
    ecn: fc.integer({ min: 0, max: 3 }),
    totalLength: fc.integer({ min: 60, max: 100 }),
    identification: fc.integer({ min: 0, max: 0xffff }),
    dontFragment: fc.boolean(),
    moreFragments: fc.boolean(),
    fragmentOffset: fc.integer({ min: 0, max: 0x1fff }).map((units) => units * 8),
    timeToLive: byte,
    protocol: byte,
    source: address,
    destination: address,
    options: fc
      .integer({ min: 0, max: 10 })
      .chain((words) => fc.uint8Array({ minLength: words * 4, maxLength: words * 4 })),
  },
  { noNullPrototype: true },
)

describe('ipv4', () => {
  it('reads each field', () => {
    const { view, offset, end } = place(PACKET)
    assert.equal(ipv4.check(view, offset, end), true)
    assert.equal(ipv4.version(view, offset), 4)
    assert.equal(ipv4.headerSize(view, offset), 24)
    assert.equal(ipv4.dscp(view, offset), 46)
    assert.equal(ipv4.ecn(view, offset), 1)
    assert.equal(ipv4.totalLength(view, offset), 37)
    assert.equal(ipv4.identification(view, offset), 0x1234)
    assert.equal(ipv4.dontFragment(view, offset), true)
    assert.equal(ipv4.moreFragments(view, offset), false)
    assert.equal(ipv4.fragmentOffset(view, offset), 0)
    assert.equal(ipv4.isFragment(view, offset), false)
    assert.equal(ipv4.timeToLive(view, offset), 63)
    assert.equal(ipv4.protocol(view, offset), 17)
    assert.equal(ipv4.headerChecksum(view, offset), 0xc70b)
    assert.equal(ipv4.checksumValid(view, offset), true)
    assert.equal(ipv4.sourceAddress(view, offset), 0x0a010002)
    assert.equal(ipv4.destinationAddress(view, offset), 0xc00002c8 | 0)
  })

  it('builds the header with setters', () => {
    assertWrites(HEADER, (view, offset) => {
      ipv4.setHeaderSize(view, offset, 24)
      ipv4.setTypeOfService(view, offset, (46 << 2) | 1)
      ipv4.setTotalLength(view, offset, 37)
      ipv4.setIdentification(view, offset, 0x51234)
      ipv4.setFragment(view, offset, ipv4.DONT_FRAGMENT, 0)
      ipv4.setTimeToLive(view, offset, 63)
      ipv4.setProtocol(view, offset, 17)
      ipv4.setSourceAddress(view, offset, 0x0a010002)
      ipv4.setDestinationAddress(view, offset, 0xc00002c8)
      view.setUint32(offset + ipv4.MIN_HEADER_SIZE, 0x94040000)
      ipv4.fillChecksum(view, offset)
    })
  })

  it('parses', () => {
    const { view, offset, end } = place(PACKET)
    assert.deepEqual(ipv4.parse(view, offset, end), VALUE)
    ipv4.setTimeToLive(view, offset, 62)
    assert.equal(ipv4.parse(view, offset, end), undefined, 'the header checksum is wrong now')
  })

  it('emits', () => {
    assertWrites(HEADER, (view, offset) => assert.equal(ipv4.emit(VALUE, view, offset), HEADER.length))
    const view = new DataView(new ArrayBuffer(100))
    for (const size of [3, 44]) {
      assert.throws(() => ipv4.emit({ ...VALUE, options: new Uint8Array(size) }, view, 0), RangeError)
    }
    assert.throws(() => ipv4.emit({ ...VALUE, source: '10.1.0' }, view, 0), RangeError)
  })

  it('parses what it emitted, and its checksum is that of the model', () => {
    fc.assert(
      fc.property(value, (wanted) => {
        const view = new DataView(new ArrayBuffer(100))
        const size = ipv4.emit(wanted, view, 0)
        assert.deepEqual(ipv4.parse(view, 0, 100), wanted)
        const header = new Uint8Array(view.buffer.slice(0, size))
        header.fill(0, 10, 12)
        assert.equal(ipv4.headerChecksum(view, 0), naiveChecksum(header))
      }),
    )
  })

  it('tells fragments, the first one too', () => {
    const { view, offset } = place(PACKET)
    ipv4.setFragment(view, offset, ipv4.MORE_FRAGMENTS, 0)
    assert.equal(ipv4.isFragment(view, offset), true)
    assert.equal(ipv4.moreFragments(view, offset), true)
    ipv4.setFragment(view, offset, 0, 65_528)
    assert.equal(ipv4.isFragment(view, offset), true)
    assert.equal(ipv4.fragmentOffset(view, offset), 65_528)
    assert.equal(ipv4.dontFragment(view, offset), false)
  })

  for (const { what, first, total } of [
    { what: 'version 6', first: 0x65, total: 37 },
    { what: 'an IHL below 5', first: 0x44, total: 37 },
    { what: 'a header that is longer than the packet', first: 0x4f, total: 37 },
    { what: 'a total length below the header', first: 0x46, total: 23 },
    { what: 'a total length behind the end', first: 0x46, total: 38 },
  ]) {
    it(`refuses ${what}`, () => {
      const { view, offset, end } = place(PACKET)
      view.setUint8(offset, first)
      ipv4.setTotalLength(view, offset, total)
      assert.equal(ipv4.check(view, offset, end), false)
    })
  }
})
