/**
 * Makes frames wrong where they lie in the frame memory: at random, and in the ways in which it hurts, which is in
 * lengths, counts and offsets.
 */

import { FRAME_MAX, VIRTIO_NET_HEADER_SIZE } from '../../src/datapath/frame-memory.ts'
import type { Random } from './random.ts'

const BYTES = Int32Array.of(0, 1, 0x0f, 0x40, 0x45, 0x4f, 0x60, 0x7f, 0x80, 0xf0, 0xff)
const WORDS = Int32Array.of(
  0,
  1,
  7,
  8,
  13,
  14,
  20,
  39,
  40,
  46,
  0xff,
  0x0100,
  0x05dc,
  0x7fff,
  0x8000,
  0xfffe,
  0xffff,
)
const TYPES = Int32Array.of(0x0800, 0x86dd, 0x8100, 0x88a8, 0x0806, 0x0000, 0x05dc, 0x88cc)

/** Of an untagged frame: IPv4's IHL, length, fragment and protocol; IPv6's length and next header; TCP's and UDP's. */
const LENGTH_FIELDS = Int32Array.of(14, 16, 18, 20, 22, 23, 38, 46, 54, 58, 66)

const OFFLOAD_FLAGS = Int32Array.of(0, 1, 1, 1, 2, 3, 4, 0x80)
const GSO_TYPES = Int32Array.of(0, 1, 1, 3, 4, 4, 5, 5, 0x81, 0x84, 0x85, 2, 0xff)
const GSO_SIZES = Int32Array.of(0, 1, 2, 48, 100, 536, 1400, 1460, 1461, 8960, 0x7fff, 0xffff)
const CHECKSUM_STARTS = Int32Array.of(0, 13, 14, 34, 38, 42, 54, 58, 62, 0xffff)
const CHECKSUM_OFFSETS = Int32Array.of(0, 2, 6, 6, 16, 16, 17, 0xffff)

export class FrameMutator {
  readonly #view: DataView
  readonly #bytes: Uint8Array
  readonly #random: Random

  constructor(view: DataView, bytes: Uint8Array, random: Random) {
    this.#view = view
    this.#bytes = bytes
    this.#random = random
  }

  /** Changes the frame at `offset` in one way, or what is said of it. `other` is a frame to take bytes of. Its new length. */
  mutate(offset: number, length: number, other: number): number {
    const random = this.#random
    switch (random.below(12)) {
      case 0:
        return random.below(length + 1)
      case 1:
        return Math.min(FRAME_MAX, length + 1 + random.below(64))
      case 2:
        return random.oneIn(64) ? random.below(FRAME_MAX + 1) : random.below(Math.min(length, 64) + 1)
      case 3:
        return this.#insertTag(offset, length)
      case 4:
        this.#splice(offset, length, other)
        return length
      case 5:
        this.#putWord(offset, length, random.from(LENGTH_FIELDS) + 4 * random.below(3), random.from(WORDS))
        return length
      case 6:
        this.#putWord(offset, length, 12 + 4 * random.below(3), random.from(TYPES))
        return length
      case 7:
        this.#askForOffload(offset - VIRTIO_NET_HEADER_SIZE)
        return length
      case 8:
        this.#bytes[offset - 1 - random.below(VIRTIO_NET_HEADER_SIZE)] = random.next()
        return length
      case 9:
        if (length > 0) this.#bytes[offset + random.below(length)] = random.from(BYTES)
        return length
      default:
        // Headers are where a flipped bit matters.
        if (length > 0) this.#bytes[offset + random.below(Math.min(length, 80))]! ^= 1 << random.below(8)
        return length
    }
  }

  #insertTag(offset: number, length: number): number {
    if (length < 14 || length + 4 > FRAME_MAX) return length
    this.#bytes.copyWithin(offset + 16, offset + 12, offset + length)
    this.#view.setUint16(offset + 12, this.#random.oneIn(2) ? 0x8100 : 0x88a8)
    this.#view.setUint16(offset + 14, this.#random.next() & 0xffff)
    return length + 4
  }

  #splice(offset: number, length: number, other: number): void {
    const from = this.#random.below(Math.min(length, 256) + 1)
    this.#bytes.copyWithin(
      offset + from,
      other + from,
      other + Math.min(length, from + this.#random.below(256)),
    )
  }

  #putWord(offset: number, length: number, at: number, value: number): void {
    if (at + 2 <= length) this.#view.setUint16(offset + at, value)
  }

  /** Mostly one field of the virtio-net header, so that the others still fit the frame. */
  #askForOffload(header: number): void {
    const random = this.#random
    const field = random.below(8)
    if (field === 0 || field > 5) this.#view.setUint8(header, random.from(OFFLOAD_FLAGS))
    if (field === 1 || field > 5) this.#view.setUint8(header + 1, random.from(GSO_TYPES))
    if (field === 2 || field > 6) this.#view.setUint16(header + 2, random.from(WORDS), true)
    if (field === 3 || field > 6) this.#view.setUint16(header + 4, random.from(GSO_SIZES), true)
    if (field === 4 || field > 6) this.#view.setUint16(header + 6, random.from(CHECKSUM_STARTS), true)
    if (field === 5 || field > 6) this.#view.setUint16(header + 8, random.from(CHECKSUM_OFFSETS), true)
  }
}
