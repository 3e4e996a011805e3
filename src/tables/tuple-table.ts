/**
 * Small numbers by tuples of five words: (tunnel, network identifier) -> domain, (domain, address of a peer) -> port. Shorter tuples are
 * filled up with zeroes by who asks.
 *
 * An entry is eight words, half a cache line, in one Int32Array. Open addressing with linear probing; at most half of the slots
 * are in use, so chains stay short:
 *
 *     | used | a | b | c | d | e | value | value2 |      used: 0 in a free slot
 *
 * Deletion moves later entries of the chain back, as in mac-table.ts; so a slot's number is good until the next change.
 */

import { KeyedHash } from './keyed-hash.ts'

const ENTRY_SHIFT = 3
const ENTRY_WORDS = 1 << ENTRY_SHIFT
const USED = 0
const A = 1
const B = 2
const C = 3
const D = 4
const E = 5
const VALUE = 6
const VALUE2 = 7

const SLOTS_MIN = 4

// Constants of this module: see mac-table.ts.
const ABSENT = -1

export class TupleTable {
  readonly capacity: number
  /** Entries in the table. */
  size = 0
  private readonly entries: Int32Array
  private readonly hashShift: number
  private readonly hash: KeyedHash

  /** `capacity`: entries that it holds at most. `seed`: a random int32 that nobody outside can know. */
  constructor(capacity: number, seed: number) {
    if (!Number.isInteger(capacity) || capacity < 1 || capacity > 1 << 24) {
      throw new RangeError(`TupleTable: capacity is ${capacity}; it must be an integer from 1 to ${1 << 24}`)
    }
    this.capacity = capacity
    const slotBits = 32 - Math.clz32(Math.max(2 * capacity, SLOTS_MIN) - 1)
    this.entries = new Int32Array((1 << slotBits) * ENTRY_WORDS)
    this.hashShift = 32 - slotBits
    this.hash = new KeyedHash(seed)
  }

  /** The slot of the tuple's entry, or -1. */
  find(a: number, b: number, c: number, d: number, e: number): number {
    const entries = this.entries
    let at = this.home(a, b, c, d, e)
    while (entries[at + USED] !== 0) {
      if (
        entries[at + B] === b &&
        entries[at + A] === a &&
        entries[at + E] === e &&
        entries[at + D] === d &&
        entries[at + C] === c
      ) {
        return at >>> ENTRY_SHIFT
      }
      at = (at + ENTRY_WORDS) & (entries.length - 1)
    }
    return ABSENT
  }

  value(slot: number): number {
    return this.entries[(slot << ENTRY_SHIFT) + VALUE]!
  }

  value2(slot: number): number {
    return this.entries[(slot << ENTRY_SHIFT) + VALUE2]!
  }

  /** Enters the tuple, or changes its values. False where there is no room. */
  set(a: number, b: number, c: number, d: number, e: number, value: number, value2 = 0): boolean {
    const entries = this.entries
    const slot = this.find(a, b, c, d, e)
    let at = slot << ENTRY_SHIFT
    if (slot === ABSENT) {
      if (this.size === this.capacity) return false
      at = this.home(a, b, c, d, e)
      while (entries[at + USED] !== 0) at = (at + ENTRY_WORDS) & (entries.length - 1)
      this.size++
    }
    entries[at + USED] = 1
    entries[at + A] = a
    entries[at + B] = b
    entries[at + C] = c
    entries[at + D] = d
    entries[at + E] = e
    entries[at + VALUE] = value
    entries[at + VALUE2] = value2
    return true
  }

  /** False where the table does not have it. */
  remove(a: number, b: number, c: number, d: number, e: number): boolean {
    const slot = this.find(a, b, c, d, e)
    if (slot === ABSENT) return false
    this.size--
    this.closeGap(slot << ENTRY_SHIFT)
    return true
  }

  private home(a: number, b: number, c: number, d: number, e: number): number {
    const { hash } = this
    return (hash.ofTwo(hash.ofFour(a, b, c, d), e) >>> this.hashShift) << ENTRY_SHIFT
  }

  /** An entry behind the gap moves into it unless its home lies behind the gap, too; and leaves a gap in turn. */
  private closeGap(removed: number): void {
    const entries = this.entries
    const mask = entries.length - 1
    let gap = removed
    let at = (gap + ENTRY_WORDS) & mask
    while (entries[at + USED] !== 0) {
      const home = this.home(
        entries[at + A]!,
        entries[at + B]!,
        entries[at + C]!,
        entries[at + D]!,
        entries[at + E]!,
      )
      if (((at - home) & mask) >= ((at - gap) & mask)) {
        entries.copyWithin(gap, at, at + ENTRY_WORDS)
        gap = at
      }
      at = (at + ENTRY_WORDS) & mask
    }
    entries[gap + USED] = 0
  }
}
