/**
 * Frames that wait, each for its time: a binary heap by time and, among equal times, by order of arrival. Times are microseconds of the
 * data path's clock, and may have fractions. They are handed over in arrays: a number with a fraction that is passed to a function may
 * have to be allocated for it.
 */

import { type FrameStore, NO_SLOT } from './frame-store.ts'

const FIRST_CAPACITY = 64

export const NEVER = Number.POSITIVE_INFINITY

export class DelayQueue {
  /** Frames that wait. */
  size = 0
  /** The latest time for which one has been put in. */
  readonly latest = new Float64Array(1)
  private readonly store: FrameStore
  private sequence = 0
  // By entry.
  private due = new Float64Array(FIRST_CAPACITY)
  private order = new Float64Array(FIRST_CAPACITY)
  private slot = new Int32Array(FIRST_CAPACITY)
  private bytes = new Int32Array(FIRST_CAPACITY)
  private number = new Int32Array(FIRST_CAPACITY)
  /** The first `size` are the heap's entries, the others are free ones. */
  private heap = entries(FIRST_CAPACITY)
  /** `sequence` when `trim` looked last. */
  private trimmed = 0

  constructor(store: FrameStore) {
    this.store = store
  }

  /** When the next one is due, or NEVER. */
  get next(): number {
    return this.size === 0 ? NEVER : this.due[this.heap[0]!]!
  }

  /** Bytes of the next one; there must be one. */
  get nextLength(): number {
    return this.bytes[this.heap[0]!]!
  }

  /** What `push` was given of the next one; there must be one. */
  get nextNumber(): number {
    return this.number[this.heap[0]!]!
  }

  /** Whether the next one's time has come; `nowUs` has one element. */
  isDue(nowUs: Float64Array): boolean {
    return this.size > 0 && this.due[this.heap[0]!]! <= nowUs[0]!
  }

  /**
   * Puts a copy in that waits until `dueUs[0]`; the slot in the store, or NO_SLOT where that has no room. `number` is for who looks on: by
   * which the frame is known to them, 0 where nobody looks.
   */
  push(
    from: Uint8Array,
    words: Int32Array,
    start: number,
    length: number,
    dueUs: Float64Array,
    number = 0,
  ): number {
    const slot = this.store.put(from, words, start, length)
    if (slot === NO_SLOT) return NO_SLOT
    if (this.size === this.heap.length) this.grow()
    const entry = this.heap[this.size]!
    this.due[entry] = dueUs[0]!
    this.order[entry] = this.sequence++
    this.slot[entry] = slot
    this.bytes[entry] = length
    this.number[entry] = number
    if (dueUs[0]! > this.latest[0]!) this.latest[0] = dueUs[0]!
    this.rise(this.size++, entry)
    return slot
  }

  /** Copies the next one to `start`, and forgets it. There must be one. */
  pop(to: Uint8Array, words: Int32Array, start: number): void {
    const entry = this.unlinkFirst()
    this.store.take(this.slot[entry]!, this.bytes[entry]!, to, words, start)
  }

  /** Forgets all, and gives the memory back; returns how many there were. */
  clear(): number {
    const { size } = this
    this.size = 0
    this.latest[0] = 0
    this.store.clear()
    return size
  }

  /** Gives the memory back that nothing has waited in since the call before. */
  trim(): void {
    const isIdle = this.size === 0 && this.sequence === this.trimmed
    if (isIdle && this.heap.length > FIRST_CAPACITY) this.shrink()
    this.trimmed = this.sequence
    this.store.trim()
  }

  private unlinkFirst(): number {
    const { heap } = this
    const entry = heap[0]!
    const last = --this.size
    const moved = heap[last]!
    heap[last] = entry
    if (last > 0) this.sink(moved)
    return entry
  }

  /** Finds the place of `entry`, whose children at `index` are later than it. */
  private rise(from: number, entry: number): void {
    const { heap } = this
    let index = from
    while (index > 0) {
      const parent = (index - 1) >> 1
      const above = heap[parent]!
      if (!this.isBefore(entry, above)) break
      heap[index] = above
      index = parent
    }
    heap[index] = entry
  }

  /** Finds the place of `entry`, from the top on. */
  private sink(entry: number): void {
    const { heap, size } = this
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= size) break
      if (child + 1 < size && this.isBefore(heap[child + 1]!, heap[child]!)) child++
      const below = heap[child]!
      if (!this.isBefore(below, entry)) break
      heap[index] = below
      index = child
    }
    heap[index] = entry
  }

  private isBefore(one: number, other: number): boolean {
    const first = this.due[one]!
    const second = this.due[other]!
    return first < second || (first === second && this.order[one]! < this.order[other]!)
  }

  private grow(): void {
    const capacity = 2 * this.heap.length
    this.due = longer(this.due, new Float64Array(capacity))
    this.order = longer(this.order, new Float64Array(capacity))
    this.slot = longer(this.slot, new Int32Array(capacity))
    this.bytes = longer(this.bytes, new Int32Array(capacity))
    this.number = longer(this.number, new Int32Array(capacity))
    this.heap = longer(this.heap, entries(capacity))
  }

  private shrink(): void {
    this.due = new Float64Array(FIRST_CAPACITY)
    this.order = new Float64Array(FIRST_CAPACITY)
    this.slot = new Int32Array(FIRST_CAPACITY)
    this.bytes = new Int32Array(FIRST_CAPACITY)
    this.number = new Int32Array(FIRST_CAPACITY)
    this.heap = entries(FIRST_CAPACITY)
  }
}

const entries = (count: number): Int32Array<ArrayBuffer> =>
  Int32Array.from({ length: count }, (_, index) => index)

function longer<Words extends Int32Array | Float64Array>(words: Words, into: Words): Words {
  into.set(words)
  return into
}
