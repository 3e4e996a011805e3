/**
 * Frames outside of the frame memory, where none lives longer than one poll. Each stands in a slot of the smallest size that takes it:
 *
 *     256       | slot | slot | ... 256 of them |  chunk 0       an ACK, a question
 *     2,048     | slot | ... 32 |  chunk 1                       a full frame of most networks
 *     16,384    | slot | ... 4 |   chunk 2                       a jumbo frame, a short super-frame
 *     65,664    | slot |           chunk 3                       the longest frame with its virtio-net header
 *
 * Memory comes in chunks of some 64 KB, the first time that all slots of a size are in use; nothing is moved then, and nothing is
 * allocated any more once there are enough. A slot that was given back is the next to be used: its lines are in the cache.
 *
 * All stores share one memory. A store grows as long as it has no more than what is left for the others, so one alone may have a half,
 * two a third each: who fills a link that is late leaves room on all others (Choudhury and Hahne, "Dynamic queue length thresholds for
 * shared-memory packet switches", 1998).
 */

import { IMPAIRMENT_MEMORY_MAX } from '../../limits.ts'
import { FRAME_MAX, VIRTIO_NET_HEADER_SIZE } from '../frame-memory.ts'

const CLASS_SHIFT = 2
const CLASS_MASK = 3
const SLOT_SIZES = [256, 2048, 16_384, (VIRTIO_NET_HEADER_SIZE + FRAME_MAX + 7) & ~7]
/** Slots of a chunk, as a power of two. */
const CHUNK_SHIFTS = [8, 5, 2, 0]

/** Up to here a loop of words is faster than a view, which is an object to be allocated. */
const WORDS_MAX = 2048

export const NO_SLOT = -1

/** What all stores together may take. */
export class StoreMemory {
  left: number

  constructor(size: number = IMPAIRMENT_MEMORY_MAX) {
    this.left = size
  }
}

/** Slots of one size. */
class SlotPool {
  readonly slotSize: number
  readonly chunkShift: number
  readonly bytes: Uint8Array[] = []
  readonly words: Int32Array[] = []
  /** A stack of the slots that are not in use. */
  free = new Int32Array(64)
  freeCount = 0
  /** Something has been put here since `trim` looked last. */
  isUsed = false

  constructor(index: number) {
    this.slotSize = SLOT_SIZES[index]!
    this.chunkShift = CHUNK_SHIFTS[index]!
  }

  give(slot: number): void {
    if (this.freeCount === this.free.length) {
      const longer = new Int32Array(2 * this.free.length)
      longer.set(this.free)
      this.free = longer
    }
    this.free[this.freeCount++] = slot
  }

  get chunkSize(): number {
    return this.slotSize << this.chunkShift
  }

  get isFree(): boolean {
    return this.freeCount === this.bytes.length << this.chunkShift
  }

  grow(): void {
    const slots = 1 << this.chunkShift
    const buffer = new ArrayBuffer(this.chunkSize)
    const first = this.bytes.length << this.chunkShift
    this.bytes.push(new Uint8Array(buffer))
    this.words.push(new Int32Array(buffer))
    for (let slot = first + slots - 1; slot >= first; slot--) this.give(slot)
  }
}

export class FrameStore {
  private readonly memory: StoreMemory
  /** Of the memory, what this store has. */
  private taken = 0
  private readonly pools = SLOT_SIZES.map((_, index) => new SlotPool(index))

  constructor(memory: StoreMemory) {
    this.memory = memory
  }

  /** Copies `length` bytes that begin at `start`; `words` are the same memory as `from`. Returns the slot, or NO_SLOT where there is no memory left for it. */
  put(from: Uint8Array, words: Int32Array, start: number, length: number): number {
    const index = classOf(length)
    const pool = this.pools[index]!
    if (pool.freeCount === 0 && !this.grow(pool)) return NO_SLOT
    pool.isUsed = true
    const slot = pool.free[--pool.freeCount]!
    const chunk = slot >> pool.chunkShift
    const at = (slot & ((1 << pool.chunkShift) - 1)) * pool.slotSize
    copy(from, words, start, pool.bytes[chunk]!, pool.words[chunk]!, at, length)
    return (slot << CLASS_SHIFT) | index
  }

  /** Copies what stands in the slot to `start`, and frees the slot. */
  take(slot: number, length: number, to: Uint8Array, words: Int32Array, start: number): void {
    const pool = this.pools[slot & CLASS_MASK]!
    const number = slot >> CLASS_SHIFT
    const chunk = number >> pool.chunkShift
    const at = (number & ((1 << pool.chunkShift) - 1)) * pool.slotSize
    copy(pool.bytes[chunk]!, pool.words[chunk]!, at, to, words, start, length)
    pool.give(number)
  }

  /** Frees the slot. */
  release(slot: number): void {
    this.pools[slot & CLASS_MASK]!.give(slot >> CLASS_SHIFT)
  }

  /** Turns one bit of what stands in the slot over. */
  turnBit(slot: number, byte: number, bit: number): void {
    const pool = this.pools[slot & CLASS_MASK]!
    const number = slot >> CLASS_SHIFT
    const at = (number & ((1 << pool.chunkShift) - 1)) * pool.slotSize
    pool.bytes[number >> pool.chunkShift]![at + byte]! ^= 1 << bit
  }

  /** Gives all memory back, with what stands in it. */
  clear(): void {
    for (let index = 0; index < this.pools.length; index++) this.giveBack(index)
  }

  /** Gives the slots of those sizes back that nobody has used since the call before. */
  trim(): void {
    for (let index = 0; index < this.pools.length; index++) {
      const pool = this.pools[index]!
      if (pool.isFree && !pool.isUsed && pool.bytes.length > 0) this.giveBack(index)
      pool.isUsed = false
    }
  }

  private grow(pool: SlotPool): boolean {
    const { memory } = this
    const size = pool.chunkSize
    if (this.taken + size > memory.left - size) return false
    memory.left -= size
    this.taken += size
    pool.grow()
    return true
  }

  private giveBack(index: number): void {
    const pool = this.pools[index]!
    const size = pool.bytes.length * pool.chunkSize
    this.memory.left += size
    this.taken -= size
    this.pools[index] = new SlotPool(index)
  }
}

function classOf(length: number): number {
  if (length <= SLOT_SIZES[0]!) return 0
  if (length <= SLOT_SIZES[1]!) return 1
  return length <= SLOT_SIZES[2]! ? 2 : 3
}

/** Copies beyond the end, up to the next word: what is there is part of no frame. */
function copy(
  from: Uint8Array,
  fromWords: Int32Array,
  start: number,
  to: Uint8Array,
  toWords: Int32Array,
  at: number,
  length: number,
): void {
  if (length > WORDS_MAX || ((start | at) & 3) !== 0) {
    to.set(from.subarray(start, start + length), at)
    return
  }
  const source = start >> 2
  const target = at >> 2
  const count = (length + 3) >> 2
  for (let i = 0; i < count; i++) toWords[target + i] = fromWords[source + i]!
}
