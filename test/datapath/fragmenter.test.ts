import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { Fragmenter } from '../../src/datapath/fragmenter.ts'
import { FrameMemory, frameLayout, VIRTIO_NET_HEADER_SIZE } from '../../src/datapath/frame-memory.ts'
import { decrementTimeToLive } from '../../src/datapath/rewrite.ts'
import { ARENA_SIZE, MTU_MIN } from '../../src/limits.ts'
import * as ipv4 from '../../src/wire/ipv4.ts'
import { ipv4Spec } from '../support/ipv4-arbitrary.ts'
import {
  ETHERNET_SIZE,
  frameOf,
  type Ipv4FrameSpec,
  joined,
  PLAIN_IPV4,
  text,
  upperOf,
  virtioOf,
} from '../support/ipv4-frame.ts'
import { kernelGateway } from '../support/kernel-gateway.ts'
import { noise } from '../support/super-frame.ts'
import { hex, naiveSum, POISON } from '../support/wire-bytes.ts'

const memory = new FrameMemory(frameLayout(1))
const { view, bytes } = memory
const fragmenter = new Fragmenter(memory)
const OFFSET = memory.slotFrame(0)
const ARENA = memory.layout.arena
const ARENA_END = ARENA + ARENA_SIZE

function receive(frame: Uint8Array, virtio: Uint8Array = new Uint8Array(VIRTIO_NET_HEADER_SIZE)): void {
  bytes.fill(POISON, ARENA, ARENA + 200_000)
  bytes.set(virtio, OFFSET - VIRTIO_NET_HEADER_SIZE)
  bytes.set(frame, OFFSET)
}

/** Fragments of the frame received, each with a header in front that asks for nothing. */
function fragments(length: number, mtu: number, linkSize = ETHERNET_SIZE): Uint8Array[] {
  assert.ok(fragmenter.fragment(OFFSET, length, OFFSET + linkSize, mtu, ARENA, ARENA_END))
  return Array.from({ length: fragmenter.count }, (_, index) => {
    const offset = fragmenter.firstOffset + index * fragmenter.stride
    assert.equal(offset % 8, 2)
    assert.equal(text(bytes.slice(offset - VIRTIO_NET_HEADER_SIZE, offset)), '00'.repeat(10))
    const end = offset + fragmenter.lengthOf(index)
    const next = offset + fragmenter.stride - VIRTIO_NET_HEADER_SIZE
    assert.ok(end <= next)
    assert.ok(
      bytes.slice(end, next).every((byte) => byte === POISON),
      'nothing is written behind a fragment',
    )
    return bytes.slice(offset, end)
  })
}

function fragmentsOf(spec: Ipv4FrameSpec, mtu: number, upper?: Uint8Array): Uint8Array[] {
  const frame = frameOf(spec, upper)
  receive(frame, virtioOf(spec))
  return fragments(frame.length, mtu)
}

interface Piece {
  readonly start: number
  readonly more: boolean
  readonly options: Uint8Array
  readonly payload: Uint8Array
}

/** What a receiver reads, with all that RFC 791 demands of a fragment asserted. */
function pieceOf(frame: Uint8Array, spec: Ipv4FrameSpec, mtu: number): Piece {
  const packet = frame.slice(ETHERNET_SIZE)
  const header = ipv4.parse(new DataView(packet.buffer), 0, packet.length)
  assert.ok(header !== undefined, 'the header is good')
  const size = 20 + header.options.length
  assert.ok(packet.length <= mtu, `${packet.length} bytes for an MTU of ${mtu}`)
  assert.equal(naiveSum(packet.slice(0, size)), 0xffff)
  assert.equal(header.totalLength, packet.length)
  assert.equal(header.identification, spec.identification)
  assert.equal(header.timeToLive, spec.timeToLive)
  assert.equal(header.protocol, spec.protocol)
  assert.equal((header.dscp << 2) | header.ecn, spec.typeOfService)
  assert.equal(text(packet.slice(12, 20)), addressesText(spec))
  const payload = packet.slice(size)
  assert.ok(payload.length > 0)
  if (header.moreFragments) assert.equal(payload.length % 8, 0)
  return { start: header.fragmentOffset, more: header.moreFragments, options: header.options, payload }
}

const addressesText = (spec: Ipv4FrameSpec): string => text(frameOf(spec, new Uint8Array()).slice(26, 34))

/** Puts pieces together in any order: each byte once. */
function reassemble(pieces: readonly Piece[]): Uint8Array {
  const sorted = pieces.toSorted((a, b) => a.start - b.start)
  let at = sorted[0]!.start
  for (const { start, payload } of sorted) {
    assert.equal(start, at, 'neither a gap nor an overlap')
    at += payload.length
  }
  return joined(...sorted.map((piece) => piece.payload))
}

/** An option that is copied, one that is not, and padding (RFC 791, 3.1). */
const option = fc.constantFrom(
  '94040000',
  '880400ff',
  '8206aabbccdd',
  '01',
  '0707040a010001',
  '440c05000000000000000000',
)
const options = fc.array(option, { maxLength: 8 }).map((list) => {
  let all = ''
  for (const one of list) if ((all.length + one.length) / 2 <= 40) all += one
  return hex(all.padEnd(Math.ceil(all.length / 8) * 8, '0'))
})

/** The copied ones among options of the kind that `option` makes, padded. */
function naiveCopied(all: Uint8Array): string {
  let copied = ''
  for (let at = 0; at < all.length && all[at] !== 0; ) {
    const size = all[at] === 1 ? 1 : all[at + 1]!
    if (all[at]! >= 0x80) copied += text(all.slice(at, at + size))
    at += size
  }
  return copied.padEnd(Math.ceil(copied.length / 8) * 8, '0')
}

describe('Fragmenter', () => {
  it('cuts where Linux cuts', () => {
    const { packet, fragments: expected } = kernelGateway.fragments
    receive(packet)
    decrementTimeToLive(view, OFFSET + ETHERNET_SIZE)
    const made = fragments(packet.length, 1000)
    // The link header is that of the way in.
    assert.deepEqual(
      made.map((frame) => text(frame.slice(ETHERNET_SIZE))),
      expected.map((frame) => text(frame.slice(ETHERNET_SIZE))),
    )
  })

  it('carries the same bytes as Linux behind a Record Route option, which only the first fragment keeps', () => {
    const { packet, fragments: expected } = kernelGateway.recordRoute
    receive(packet)
    const made = fragments(packet.length, 1000)
    assert.equal(made.length, expected.length)
    assert.equal(text(made[0]!.slice(74)), text(expected[0]!.slice(74)))
    assert.equal(text(made[0]!.slice(34, 74)), text(packet.slice(34, 74)))
    // Linux fills the later header up with No Operation.
    assert.equal(text(expected[1]!.slice(34, 74)), '01'.repeat(40))
    assert.equal(text(made[1]!.slice(34)), text(expected[1]!.slice(74)))
    assert.equal(text(made[1]!.slice(18, 22)), text(expected[1]!.slice(18, 22)))
  })

  it('makes what a receiver puts together to the packet, of any packet and MTU', () => {
    fc.assert(
      fc.property(
        ipv4Spec,
        options,
        fc.integer({ min: MTU_MIN, max: 1600 }),
        fc.nat(4000),
        fc.boolean(),
        (anySpec, ipOptions, mtu, size, sharpEdge) => {
          // Around a multiple of what fits is where off-by-one errors are.
          const length = sharpEdge ? 2 * ((mtu - 20 - ipOptions.length) & ~7) + (size % 20) - 10 : size
          const spec = { ...anySpec, ipOptions, fragment: 0, payload: noise(length, size) }
          const made = fragmentsOf(spec, mtu)
          const pieces = made.map((frame) => pieceOf(frame, spec, mtu))
          const finished = spec.checksum === 'partial' ? { ...spec, checksum: 'whole' as const } : spec
          assert.equal(text(reassemble(pieces)), text(upperOf(finished)))
          assert.deepEqual(
            pieces.map((piece) => piece.more),
            pieces.map((_, index) => index < pieces.length - 1),
          )
          assert.equal(text(pieces[0]!.options), text(ipOptions))
          for (const piece of pieces.slice(1)) assert.equal(text(piece.options), naiveCopied(ipOptions))
          // No fewer fragments would have done: all but the last are as full as units of 8 bytes allow.
          for (const piece of pieces.slice(0, -1)) {
            assert.ok(20 + piece.options.length + piece.payload.length + 8 > mtu)
          }
        },
      ),
      { numRuns: 400 },
    )
  })

  it('continues the offset and the flag of a fragment', () => {
    const upper = noise(1480, 3)
    for (const more of [0x2000, 0]) {
      const spec: Ipv4FrameSpec = { ...PLAIN_IPV4, protocol: 17, fragment: more | 185 }
      const pieces = fragmentsOf(spec, 576, upper).map((frame) => pieceOf(frame, spec, 576))
      assert.deepEqual(
        pieces.map((piece) => piece.start),
        [1480, 1480 + 552, 1480 + 1104],
      )
      assert.deepEqual(
        pieces.map((piece) => piece.more),
        [true, true, more !== 0],
      )
      assert.equal(text(reassemble(pieces)), text(upper))
    }
  })

  it('cuts the longest packet', () => {
    const spec: Ipv4FrameSpec = { ...PLAIN_IPV4, fragment: 0, protocol: 17, payload: noise(65_507, 9) }
    const pieces = fragmentsOf(spec, MTU_MIN).map((frame) => pieceOf(frame, spec, MTU_MIN))
    assert.equal(pieces.length, Math.ceil(65_515 / 552))
    assert.equal(text(reassemble(pieces)), text(upperOf(spec)))
  })

  it('gives back a packet that fits as it is, without padding of the frame', () => {
    const frame = frameOf({ ...PLAIN_IPV4, fragment: 0 })
    receive(joined(frame, new Uint8Array(9)))
    assert.deepEqual(fragments(frame.length + 9, 576).map(text), [text(frame)])
    assert.ok(fragmenter.stride < 10 + frame.length + 8)
    // As long as the MTU, also where that leaves the payload no multiple of 8.
    for (const mtu of [576, 577, 583]) {
      const longest = frameOf({ ...PLAIN_IPV4, fragment: 0, payload: noise(mtu - 40, 4) })
      receive(longest)
      assert.deepEqual(fragments(longest.length, mtu).map(text), [text(longest)])
    }
  })

  it('keeps a VLAN tag', () => {
    const plain = frameOf({ ...PLAIN_IPV4, fragment: 0, payload: noise(1000, 5) })
    const tagged = joined(plain.slice(0, 12), hex('81000007'), plain.slice(12))
    receive(tagged)
    const made = fragments(tagged.length, 600, ETHERNET_SIZE + 4)
    receive(plain)
    const untagged = fragments(plain.length, 600)
    assert.deepEqual(
      made.map((frame) => text(joined(frame.slice(0, 12), frame.slice(16)))),
      untagged.map(text),
    )
    for (const frame of made) assert.equal(text(frame.slice(12, 16)), '81000007')
  })

  it('stops at malformed options', () => {
    for (const malformed of [
      '94040000 94010000',
      '94040000 88000000',
      '94040000 88ff0000',
      '94040000 01010188',
      '94040000 01018804',
    ]) {
      const spec: Ipv4FrameSpec = {
        ...PLAIN_IPV4,
        fragment: 0,
        ipOptions: hex(malformed),
        payload: noise(900, 1),
      }
      const made = fragmentsOf(spec, 576)
      assert.equal(text(made[0]!.slice(34, 42)), malformed.replace(' ', ''))
      assert.equal(text(pieceOf(made[1]!, spec, 576).options), '94040000')
    }
  })

  it('copies every byte of the payload once, whatever the options are', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 40, maxLength: 40 }),
        fc.integer({ min: 1, max: 10 }),
        (random, words) => {
          const ipOptions = random.slice(0, words * 4)
          const spec: Ipv4FrameSpec = {
            ...PLAIN_IPV4,
            protocol: 17,
            fragment: 0,
            ipOptions,
            payload: noise(1500, words),
          }
          const pieces = fragmentsOf(spec, 576).map((frame) => pieceOf(frame, spec, 576))
          assert.equal(text(reassemble(pieces)), text(upperOf(spec)))
        },
      ),
    )
  })

  it('says when the rest of the arena is too small, and writes nothing then', () => {
    const frame = frameOf({ ...PLAIN_IPV4, fragment: 0, payload: noise(3000, 2) })
    receive(frame)
    fragments(frame.length, 576)
    const size = fragmenter.arenaNext - ARENA
    assert.equal(size, fragmenter.count * fragmenter.stride)
    receive(frame)
    const network = OFFSET + ETHERNET_SIZE
    assert.equal(fragmenter.fragment(OFFSET, frame.length, network, 576, ARENA, ARENA + size - 1), false)
    assert.equal(fragmenter.fragment(OFFSET, frame.length, network, 576, ARENA + 1, ARENA + size + 7), false)
    assert.ok(bytes.slice(ARENA, ARENA + size + 8).every((byte) => byte === POISON))
    assert.equal(fragmenter.fragment(OFFSET, frame.length, network, 576, ARENA, ARENA + size), true)
    assert.equal(text(bytes.slice(OFFSET, OFFSET + frame.length)), text(frame), 'the packet stays as it is')
  })
})
