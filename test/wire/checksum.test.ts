import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import * as checksum from '../../src/wire/checksum.ts'
import { hex, naiveChecksum, naiveSum, place } from '../support/wire-bytes.ts'

const uint16 = fc.integer({ min: 0, max: 0xffff })
const int32 = fc.integer({ min: -0x80000000, max: 0x7fffffff })
/** Many zeros and ones, because the two zeros of ones-complement arithmetic are where mistakes hide. */
const extreme = fc.oneof(fc.constant(0), fc.constant(0xff), fc.nat(255))
const bytes = (options: { minLength?: number; maxLength: number }): fc.Arbitrary<Uint8Array> =>
  fc.array(extreme, options).map((array) => Uint8Array.from(array))

const viewOf = (array: Uint8Array): DataView => new DataView(array.buffer, array.byteOffset, array.length)

describe('checksum.sum', () => {
  it('gives the sum of the example in RFC 1071, 3', () => {
    const { view, offset } = place(hex('0001 f203 f4f5 f6f7'))
    assert.equal(checksum.sum(view, offset, 8), 0xddf2)
    assert.equal(checksum.finish(checksum.sum(view, offset, 8)), 0x220d)
  })

  it('equals the model for any bytes, any length and any alignment', () => {
    fc.assert(
      fc.property(bytes({ maxLength: 200 }), fc.nat(9), uint16, (data, skip, initial) => {
        const from = Math.min(skip, data.length)
        const part = data.subarray(from)
        const expected = naiveSum(Uint8Array.of(initial >> 8, initial & 0xff), part)
        assert.equal(checksum.sum(viewOf(data), from, part.length, initial), expected)
      }),
      { numRuns: 1000 },
    )
  })

  it('loses no carry at the longest lengths', () => {
    for (const length of [65_535, 65_536, 131_071, 131_072]) {
      const ones = new Uint8Array(length).fill(0xff)
      assert.equal(checksum.sum(viewOf(ones), 0, length, 0xffff), naiveSum(Uint8Array.of(0xff, 0xff), ones))
      const ramp = ones.map((_, index) => index * 7)
      assert.equal(checksum.sum(viewOf(ramp), 0, length), naiveSum(ramp))
    }
  })

  it('can be summed in pieces of even length', () => {
    fc.assert(
      fc.property(bytes({ maxLength: 100 }), fc.nat(50), (data, half) => {
        const first = Math.min(half, data.length >> 1) * 2
        const view = viewOf(data)
        const pieces = checksum.sum(view, first, data.length - first, checksum.sum(view, 0, first))
        assert.equal(pieces, checksum.sum(view, 0, data.length))
      }),
    )
  })
})

describe('checksum of a pseudo-header', () => {
  it('sums what RFC 9293 shows for IPv4', () => {
    fc.assert(
      fc.property(
        bytes({ minLength: 8, maxLength: 8 }),
        fc.nat(255),
        uint16,
        (addresses, protocol, length) => {
          const header = place(new Uint8Array([...new Uint8Array(12), ...addresses]))
          const model = naiveSum(addresses, Uint8Array.of(0, protocol, length >> 8, length & 0xff))
          assert.equal(checksum.pseudoHeaderIpv4(header.view, header.offset, protocol, length), model)
        },
      ),
    )
  })

  it('sums what RFC 8200 shows for IPv6', () => {
    fc.assert(
      fc.property(
        bytes({ minLength: 32, maxLength: 32 }),
        fc.nat(255),
        fc.nat(70_000),
        (addresses, protocol, length) => {
          const header = place(new Uint8Array([...new Uint8Array(8), ...addresses]))
          const rest = new DataView(new ArrayBuffer(8))
          rest.setUint32(0, length)
          rest.setUint32(4, protocol)
          const model = naiveSum(addresses, new Uint8Array(rest.buffer))
          assert.equal(checksum.pseudoHeaderIpv6(header.view, header.offset, protocol, length), model)
        },
      ),
    )
  })
})

describe('incremental checksum update', () => {
  it('gives the result of the example in RFC 1624, 4', () => {
    assert.equal(checksum.update16(0xdd2f, 0x5555, 0x3285), 0x0000)
  })

  // A header is never all zeros: here the last byte is not.
  const header = bytes({ minLength: 20, maxLength: 20 }).map((data) => Uint8Array.from([...data, 0, 1]))

  it('equals the full computation after a 16-bit change', () => {
    fc.assert(
      fc.property(header, fc.nat(9), fc.oneof(fc.constantFrom(0, 0xffff), uint16), (data, word, after) => {
        const view = viewOf(data)
        const before = view.getUint16(word * 2)
        const old = naiveChecksum(data)
        view.setUint16(word * 2, after)
        assert.equal(checksum.update16(old, before, after), naiveChecksum(data))
      }),
      { numRuns: 1000 },
    )
  })

  it('equals the full computation after a 32-bit change, signed or not', () => {
    fc.assert(
      fc.property(header, fc.nat(8), fc.oneof(fc.constantFrom(0, -1), int32), (data, word, after) => {
        const view = viewOf(data)
        const before = view.getInt32(word * 2)
        const old = naiveChecksum(data)
        view.setInt32(word * 2, after)
        assert.equal(checksum.update32(old, before, after), naiveChecksum(data))
        assert.equal(checksum.update32(old, before >>> 0, after >>> 0), naiveChecksum(data))
      }),
      { numRuns: 1000 },
    )
  })

  it('keeps a UDP checksum of 0, and never makes one', () => {
    assert.equal(checksum.updateUdp16(0, 0x1234, 0x4321), 0)
    assert.equal(checksum.updateUdp32(0, 0x12345678, -1), 0)
    assert.equal(checksum.updateUdp16(0xdd2f, 0x5555, 0x3285), 0xffff)
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 0xffff }), int32, int32, (old, before, after) => {
        const updated = checksum.updateUdp32(old, before, after)
        assert.notEqual(updated, 0)
        assert.equal(updated, checksum.update32(old, before, after) || 0xffff)
      }),
    )
  })
})

describe('partial checksum update', () => {
  /** A UDP datagram behind 8 bytes of addresses, as a sum sees it. */
  const datagram = fc.record({
    addresses: bytes({ minLength: 8, maxLength: 8 }),
    data: bytes({ minLength: 8, maxLength: 40 }),
  })
  const pseudoHeader = (addresses: Uint8Array, length: number): Uint8Array =>
    Uint8Array.from([...addresses, 0, 17, length >> 8, length & 0xff])

  it('gives, once finished, the checksum of the changed packet: address folded in, port left alone', () => {
    fc.assert(
      fc.property(datagram, int32, uint16, ({ addresses, data }, address, port) => {
        const view = viewOf(data)
        let partial = naiveSum(pseudoHeader(addresses, data.length))
        partial = checksum.updatePartial32(partial, viewOf(addresses).getInt32(4), address)
        viewOf(addresses).setInt32(4, address)
        view.setUint16(2, port)
        assert.equal(partial, naiveSum(pseudoHeader(addresses, data.length)))

        view.setUint16(6, partial)
        const finished = checksum.finish(checksum.sum(view, 0, data.length))
        view.setUint16(6, 0)
        assert.equal(finished, naiveChecksum(pseudoHeader(addresses, data.length), data))
      }),
      { numRuns: 1000 },
    )
  })
})
