import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { DropReason } from '../../src/datapath/drop-reason.ts'
import * as packets from '../../src/datapath/packets.ts'
import * as ipv4 from '../../src/wire/ipv4.ts'

const { inspect, LENGTH, OFFSET } = packets

/** Room for a virtio-net header of zeroes, and a frame behind it. */
const FRAME = 16
const NETWORK = FRAME + 14

/** An IPv4 header of UDP, as it may come: mostly right, with bytes changed here and there. */
const headers = fc.record({
  size: fc.constantFrom(20, 20, 20, 24, 60),
  payload: fc.integer({ min: 8, max: 40 }),
  behind: fc.integer({ min: -30, max: 10 }),
  timeToLive: fc.integer({ min: 0, max: 3 }),
  source: fc.oneof(fc.constant(0x0a000002), fc.integer()),
  destination: fc.oneof(fc.constant(0x08080808), fc.integer()),
  checksumIsRight: fc.boolean(),
  changes: fc.array(fc.tuple(fc.nat(19), fc.nat(255)), { maxLength: 2 }),
})

type Header = typeof headers extends fc.Arbitrary<infer T> ? T : never

/** The frame of the header; returns its length. */
function write(view: DataView, header: Header): number {
  const { size, payload } = header
  ipv4.setHeaderSize(view, NETWORK, size)
  ipv4.setTotalLength(view, NETWORK, size + payload)
  ipv4.setTimeToLive(view, NETWORK, header.timeToLive)
  ipv4.setProtocol(view, NETWORK, 17)
  ipv4.setSourceAddress(view, NETWORK, header.source)
  ipv4.setDestinationAddress(view, NETWORK, header.destination)
  // Options that do nothing, and a UDP header.
  for (let at = NETWORK + 20; at < NETWORK + size; at++) view.setUint8(at, 1)
  view.setInt32(NETWORK + size, (1000 << 16) | 53)
  view.setUint16(NETWORK + size + 4, payload)
  for (const [at, value] of header.changes) view.setUint8(NETWORK + at, value)
  // After the changes, so that many of them get past it.
  if (header.checksumIsRight && ipv4.headerSize(view, NETWORK) >= 20) ipv4.fillChecksum(view, NETWORK)
  return 14 + size + payload + header.behind
}

describe('packet check', () => {
  it('makes of an IPv4 header what wire/ipv4.ts does', () => {
    const seen = new Set<number>()
    fc.assert(
      fc.property(headers, (header) => {
        const view = new DataView(new ArrayBuffer(256))
        const length = write(view, header)
        const rows = new Int32Array(16)
        rows[OFFSET] = FRAME
        rows[LENGTH] = length
        const reason = inspect(view, rows, 0)
        seen.add(reason)
        const isWhole = ipv4.check(view, NETWORK, FRAME + length)
        assert.equal(reason === DropReason.ipMalformed, !isWhole)
        if (!isWhole) return
        const isRight = ipv4.checksumValid(view, NETWORK)
        assert.equal(reason === DropReason.ipChecksum, !isRight)
        if (reason !== DropReason.none) return
        const size = ipv4.headerSize(view, NETWORK)
        const expected = {
          [packets.NETWORK]: NETWORK,
          [packets.TRANSPORT]: NETWORK + size,
          [packets.END]: NETWORK + ipv4.totalLength(view, NETWORK),
          [packets.PROTOCOL]: ipv4.protocol(view, NETWORK),
          [packets.SOURCE]: ipv4.sourceAddress(view, NETWORK),
          [packets.DESTINATION]: ipv4.destinationAddress(view, NETWORK),
        }
        for (const [word, value] of Object.entries(expected)) assert.equal(rows[Number(word)], value)
        const isExpired = (rows[packets.TRAITS]! & packets.EXPIRED) !== 0
        assert.equal(isExpired, ipv4.timeToLive(view, NETWORK) <= 1)
        const isFragment = (rows[packets.TRAITS]! & (packets.FIRST_FRAGMENT | packets.LATER_FRAGMENT)) !== 0
        assert.equal(isFragment, ipv4.isFragment(view, NETWORK))
      }),
      { numRuns: 5000 },
    )
    const { none, ipMalformed, ipChecksum, martianAddress, fragmentInvalid } = DropReason
    for (const reason of [none, ipMalformed, ipChecksum, martianAddress, fragmentInvalid])
      assert.ok(seen.has(reason), `no packet with reason ${reason}`)
  })

  it('sums the words of a header as its bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 5, maxLength: 5 }), fc.boolean(), (words, isRight) => {
        const view = new DataView(new ArrayBuffer(20))
        for (const [i, word] of words.entries()) view.setInt32(4 * i, word)
        view.setUint8(0, 0x45)
        if (isRight) ipv4.fillChecksum(view, 0)
        const [a, b, c, d, e] = [0, 4, 8, 12, 16].map((at) => view.getInt32(at))
        assert.equal(ipv4.wordsChecksumValid(a!, b!, c!, d!, e!), ipv4.checksumValid(view, 0))
      }),
    )
    assert.equal(ipv4.wordsChecksumValid(-1, -1, -1, -1, -1), true)
    assert.equal(ipv4.wordsChecksumValid(0, 0, 0, 0, 0), false)
  })
})
