/**
 * Longest-prefix match for IPv4: (address, prefix length) -> value. Addresses are int32, values 0 to 2^31 - 1.
 *
 * A trie that takes 16, 8 and 8 bits of the address at a time, so that a lookup reads three words at most, and one where no
 * prefix under the first 16 bits is longer than that:
 *
 *     root     | value | chunk 3 | NONE | ...        65,536 words, by the first 16 bits
 *                          │
 *     chunk 3  | value | value | chunk 5 | ...       256 words, by the next 8
 *                                   │
 *     chunk 5  | value | NONE | ...                  256 words, by the last 8
 *
 *     a word   0 or more: a value      NONE (-1): no prefix      ~chunk (-2 or less): go on there
 *
 * A prefix is written into all words that it covers, unless a longer one stands there; beside each word stands the length
 * that it came from. When a prefix is removed, its words take the next shorter prefix around it. So changes cost up
 * to 65,536 words (0.0.0.0/0), and lookups nothing.
 *
 * A chunk lives as long as a prefix needs it: one prefix needs two at most, so `capacity` bounds the memory too.
 */

import { ROUTES_MAX } from '../limits.ts'
import { NONE } from './linked-lists.ts'

const ADDRESS_BITS = 32
const ROOT_BITS = 16
const CHUNK_BITS = 8
const CHUNK_WORDS = 1 << CHUNK_BITS
/** Chunks of a new table. Number 0 is never used: ~0 is NONE. */
const CHUNKS_MIN = 16
const NO_CHUNK = 0

/** One line of a listing. */
export interface PrefixEntry {
  /** int32; the bits behind `length` are zero. */
  readonly prefix: number
  readonly length: number
  readonly value: number
}

// Constants of this module: see mac-table.ts.
const ABSENT = -1

export class PrefixTable {
  readonly capacity: number
  /** Prefixes in the table. */
  size = 0

  private root = new Int32Array(1 << ROOT_BITS).fill(ABSENT)
  private rootLengths = new Uint8Array(1 << ROOT_BITS)
  private chunks = new Int32Array(CHUNKS_MIN * CHUNK_WORDS)
  private chunkLengths = new Uint8Array(CHUNKS_MIN * CHUNK_WORDS)
  /** How many prefixes need the chunk: those that end in it or below it. */
  private chunkUsers = new Int32Array(CHUNKS_MIN)
  private freeChunks: number[] = []
  private chunksUsed = 1
  /** For each length, prefix -> value. Only changes and listings look here. */
  private readonly prefixes = Array.from({ length: ADDRESS_BITS + 1 }, () => new Map<number, number>())

  /** Holds up to `capacity` prefixes, 1 to ROUTES_MAX; throws RangeError otherwise. */
  constructor(capacity: number) {
    if (!Number.isInteger(capacity) || capacity < 1 || capacity > ROUTES_MAX) {
      throw new RangeError(
        `PrefixTable: capacity is ${capacity}; it must be an integer from 1 to ${ROUTES_MAX}`,
      )
    }
    this.capacity = capacity
  }

  /** The value of the longest prefix that contains the address, or NONE. */
  lookup(address: number): number {
    let word = this.root[address >>> ROOT_BITS]!
    if (word >= ABSENT) return word
    word = this.chunks[(~word << CHUNK_BITS) | ((address >>> CHUNK_BITS) & (CHUNK_WORDS - 1))]!
    if (word >= ABSENT) return word
    return this.chunks[(~word << CHUNK_BITS) | (address & (CHUNK_WORDS - 1))]!
  }

  /**
   * Enters a prefix of 0 to 32 bits, or gives the one that is there another value; the bits behind `length` do not count.
   * False where the table is full. Throws RangeError where `length` or `value` is out of its range.
   */
  add(prefix: number, length: number, value: number): boolean {
    requireLength(length)
    if ((value | 0) !== value || value < 0) throw new RangeError(`PrefixTable: ${value} is no value`)
    const network = prefix & maskOf(length)
    const known = this.prefixes[length]!
    if (!known.has(network)) {
      if (this.size === this.capacity) return false
      this.size++
      this.retainChunks(network, length)
    }
    known.set(network, value)
    this.write(network, length, value, length)
    return true
  }

  /** False where the table does not have exactly this prefix. */
  remove(prefix: number, length: number): boolean {
    requireLength(length)
    const network = prefix & maskOf(length)
    if (!this.prefixes[length]!.delete(network)) return false
    this.size--
    const around = this.lengthAround(network, length)
    const value = around === NONE ? ABSENT : this.prefixes[around]!.get(network & maskOf(around))!
    this.write(network, length, value, around === NONE ? 0 : around)
    this.releaseChunks(network, length)
    return true
  }

  clear(): void {
    for (const known of this.prefixes) known.clear()
    this.size = 0
    this.root.fill(ABSENT)
    this.rootLengths.fill(0)
    this.chunkUsers.fill(0)
    this.freeChunks = []
    this.chunksUsed = 1
  }

  /** All prefixes, in the order of their addresses, and a shorter one before a longer one. */
  *entries(): Generator<PrefixEntry, void, undefined> {
    const all = this.prefixes.flatMap((known, length) =>
      [...known].map(([prefix, value]) => ({ prefix, length, value })),
    )
    yield* all.sort((a, b) => (a.prefix >>> 0) - (b.prefix >>> 0) || a.length - b.length)
  }

  /** The length of the longest prefix around this one, or NONE. */
  private lengthAround(network: number, length: number): number {
    for (let shorter = length - 1; shorter >= 0; shorter--) {
      if (this.prefixes[shorter]!.has(network & maskOf(shorter))) return shorter
    }
    return NONE
  }

  /**
   * Gives `value`, which comes from a prefix of `from` bits, to all words that network/length covers and that do
   * not belong to a longer prefix.
   */
  private write(network: number, length: number, value: number, from: number): void {
    if (length <= 16) {
      const first = network >>> ROOT_BITS
      this.writeRoot(first, first + (1 << (ROOT_BITS - length)), length, value, from)
      return
    }
    const chunk = ~this.root[network >>> ROOT_BITS]!
    if (length <= 24) {
      const first = (network >>> CHUNK_BITS) & (CHUNK_WORDS - 1)
      this.writeChunk(chunk, first, first + (1 << (24 - length)), length, value, from)
      return
    }
    const below = ~this.chunks[(chunk << CHUNK_BITS) | ((network >>> CHUNK_BITS) & (CHUNK_WORDS - 1))]!
    const first = network & (CHUNK_WORDS - 1)
    this.writeChunk(below, first, first + (1 << (ADDRESS_BITS - length)), length, value, from)
  }

  private writeRoot(first: number, end: number, length: number, value: number, from: number): void {
    for (let at = first; at < end; at++) {
      const word = this.root[at]!
      if (word < ABSENT) {
        this.writeChunk(~word, 0, CHUNK_WORDS, length, value, from)
      } else if (this.rootLengths[at]! <= length) {
        this.root[at] = value
        this.rootLengths[at] = from
      }
    }
  }

  private writeChunk(
    chunk: number,
    first: number,
    end: number,
    length: number,
    value: number,
    from: number,
  ): void {
    const base = chunk << CHUNK_BITS
    for (let at = base + first; at < base + end; at++) {
      const word = this.chunks[at]!
      if (word < ABSENT) {
        this.writeChunk(~word, 0, CHUNK_WORDS, length, value, from)
      } else if (this.chunkLengths[at]! <= length) {
        this.chunks[at] = value
        this.chunkLengths[at] = from
      }
    }
  }

  /** Sees to it that the chunks are there which a prefix that is new needs. */
  private retainChunks(network: number, length: number): void {
    if (length <= 16) return
    const rootAt = network >>> ROOT_BITS
    if (this.root[rootAt]! >= ABSENT) {
      this.root[rootAt] = ~this.newChunk(this.root[rootAt]!, this.rootLengths[rootAt]!)
    }
    const chunk = ~this.root[rootAt]!
    this.chunkUsers[chunk]!++
    if (length <= 24) return
    const at = (chunk << CHUNK_BITS) | ((network >>> CHUNK_BITS) & (CHUNK_WORDS - 1))
    if (this.chunks[at]! >= ABSENT) {
      const below = this.newChunk(this.chunks[at]!, this.chunkLengths[at]!)
      this.chunks[at] = ~below // newChunk may have exchanged `chunks`
    }
    this.chunkUsers[~this.chunks[at]!]!++
  }

  /** Gives back the chunks that only a removed prefix needed. All words of such a chunk are alike: its parent's word says it. */
  private releaseChunks(network: number, length: number): void {
    if (length <= 16) return
    const rootAt = network >>> ROOT_BITS
    const chunk = ~this.root[rootAt]!
    if (length > 24) {
      const at = (chunk << CHUNK_BITS) | ((network >>> CHUNK_BITS) & (CHUNK_WORDS - 1))
      const below = ~this.chunks[at]!
      if (this.releaseChunk(below)) {
        this.chunks[at] = this.chunks[below << CHUNK_BITS]!
        this.chunkLengths[at] = this.chunkLengths[below << CHUNK_BITS]!
      }
    }
    if (this.releaseChunk(chunk)) {
      this.root[rootAt] = this.chunks[chunk << CHUNK_BITS]!
      this.rootLengths[rootAt] = this.chunkLengths[chunk << CHUNK_BITS]!
    }
  }

  private releaseChunk(chunk: number): boolean {
    this.chunkUsers[chunk]!--
    if (this.chunkUsers[chunk] !== 0) return false
    this.freeChunks.push(chunk)
    return true
  }

  /** A chunk whose words all have this value, from a prefix of this length. */
  private newChunk(value: number, length: number): number {
    let chunk = this.freeChunks.pop() ?? NO_CHUNK
    if (chunk === NO_CHUNK) {
      if (this.chunksUsed === this.chunkUsers.length) this.growChunks()
      chunk = this.chunksUsed++
    }
    const at = chunk << CHUNK_BITS
    this.chunks.fill(value, at, at + CHUNK_WORDS)
    this.chunkLengths.fill(length, at, at + CHUNK_WORDS)
    return chunk
  }

  private growChunks(): void {
    const count = Math.min(2 * this.chunkUsers.length, 2 * this.capacity + 1)
    const { chunks, chunkLengths, chunkUsers } = this
    this.chunks = new Int32Array(count * CHUNK_WORDS)
    this.chunks.set(chunks)
    this.chunkLengths = new Uint8Array(count * CHUNK_WORDS)
    this.chunkLengths.set(chunkLengths)
    this.chunkUsers = new Int32Array(count)
    this.chunkUsers.set(chunkUsers)
  }
}

/** 24 as 255.255.255.0, int32. A shift by 32 would be one by 0. */
export function maskOf(length: number): number {
  return length === 0 ? 0 : -1 << (ADDRESS_BITS - length)
}

function requireLength(length: number): void {
  if (Number.isInteger(length) && length >= 0 && length <= ADDRESS_BITS) return
  throw new RangeError(`PrefixTable: ${length} is no prefix length`)
}
