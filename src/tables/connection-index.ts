/**
 * Where a connection table finds references by tuple: open addressing with linear probing in words of reference + 1 and
 * the low bits of the tuple's hash, so that a chain is followed without a look at the entries that are in the way. The
 * high bits of the hash are the place, less than half of the words are in use, and deletion moves later words back:
 * there are no tombstones.
 */

import { BURST_MAX } from '../limits.ts'
import * as connectionEntries from './connection-entries.ts'
import { TupleHash } from './tuple-hash.ts'

/** A word of the index: the low bits of the tuple's hash, and reference + 1; 0 is free. */
const REFERENCE_BITS = 22
const REFERENCE_MASK = (1 << REFERENCE_BITS) - 1
/** More than four words for each flow, up to eight: its two are less than half of them, and in a large table a quarter. */
const INDEX_WORDS_SHIFT = 2

/** Hashes that `warmAll` takes at a time. */
export const WARM_STEP = 4

// Constants of this module that are on the path of each packet: V8 folds what a module keeps to itself, but loads and
// checks what it imports or exports at each use.
const { DESTINATION, HALF_SHIFT, PORTS, SOURCE } = connectionEntries
const ABSENT = -1
const STEP = 4

export class ConnectionIndex extends connectionEntries.ConnectionEntries {
  /** Where `warm` leaves what it has loaded: a load without a use is one that a compiler leaves out. */
  warmed = 0

  /** A power of two of words, so that `index.length - 1` takes a place around the end. */
  protected readonly index: Int32Array
  private readonly indexShift: number
  private readonly tupleHash: TupleHash
  /** Where the entries are that `warmAll` is about to load: words of `entries`. */
  private readonly candidates = new Int32Array(BURST_MAX)

  /** `seed`: a random int32 that nobody outside can know. */
  constructor(capacity: number, seed: number) {
    super(capacity)
    const indexBits = 32 - Math.clz32(capacity << INDEX_WORDS_SHIFT)
    this.index = new Int32Array(1 << indexBits)
    this.indexShift = 32 - indexBits
    this.tupleHash = new TupleHash(seed)
  }

  /** The tuple's hash (int32), for `warmAll` and `lookup`. */
  hash(protocol: number, source: number, destination: number, ports: number): number {
    return this.tupleHash.hash(protocol, source, destination, ports)
  }

  /**
   * Loads what lookups of the first `count` of these hashes will need, up to BURST_MAX. In a table that is larger than the caches
   * a lookup is mostly waiting for memory, twice: for its index word, and for the entry that this leads to. Here the
   * misses of a whole burst are waited for together. `hashes` has a multiple of WARM_STEP of words, whatever is in the
   * ones behind `count`.
   */
  warmAll(hashes: Int32Array, count: number): void {
    this.warmWords(hashes, count)
    this.findCandidates(hashes, count)
    this.warmEntries(count)
  }

  /** The same for one hash: loads the index word where its lookup begins, and returns it for `warmEntry`. */
  warm(hash: number): number {
    const word = this.index[hash >>> this.indexShift]!
    this.warmed = word
    return word
  }

  /** Loads the entry that an index word leads to. */
  warmEntry(word: number): number {
    if (word === 0) return 0
    const first = this.entries[((word & REFERENCE_MASK) - 1) << HALF_SHIFT]!
    this.warmed = first
    return first
  }

  /**
   * The reference whose tuple this is, or NONE. Only reads. A flow is there until it is removed, even though its deadline may
   * have passed.
   */
  lookup(hash: number, protocol: number, source: number, destination: number, ports: number): number {
    const index = this.index
    const mask = index.length - 1
    const tag = hash << REFERENCE_BITS
    let at = hash >>> this.indexShift
    for (;;) {
      const word = index[at]!
      if (word === 0) return ABSENT
      if ((word ^ tag) >>> REFERENCE_BITS === 0) {
        const reference = (word & REFERENCE_MASK) - 1
        if (this.isTuple(reference, protocol, source, destination, ports)) return reference
      }
      at = (at + 1) & mask
    }
  }

  /**
   * The same for hash `i` of those that `warmAll` was given last, which has found the entry already. The table may have changed
   * in between: where that entry is not it, this looks again.
   */
  lookupWarmed(
    i: number,
    hash: number,
    protocol: number,
    source: number,
    destination: number,
    ports: number,
  ): number {
    const candidate = this.candidates[i]! >>> HALF_SHIFT
    return this.isTuple(candidate, protocol, source, destination, ports)
      ? candidate
      : this.lookup(hash, protocol, source, destination, ports)
  }

  // Four at a time, and nothing else in the loop: so the processor has some twenty misses under way, and half as many
  // where each turn of the loop has one.
  private warmWords(hashes: Int32Array, count: number): void {
    const index = this.index
    const shift = this.indexShift
    let warmed = 0
    for (let i = 0; i < count; i += STEP) {
      warmed ^=
        index[hashes[i]! >>> shift]! ^
        index[hashes[i + 1]! >>> shift]! ^
        index[hashes[i + 2]! >>> shift]! ^
        index[hashes[i + 3]! >>> shift]!
    }
    this.warmed = warmed
  }

  /** Notes for each hash where the entry is that its lookup will compare first; 0 where there is none. */
  private findCandidates(hashes: Int32Array, count: number): void {
    const index = this.index
    const mask = index.length - 1
    for (let i = 0; i < count; i++) {
      const tag = hashes[i]! << REFERENCE_BITS
      let at = hashes[i]! >>> this.indexShift
      let word = index[at]!
      while (word !== 0 && (word ^ tag) >>> REFERENCE_BITS !== 0) {
        at = (at + 1) & mask
        word = index[at]!
      }
      this.candidates[i] = word === 0 ? 0 : ((word & REFERENCE_MASK) - 1) << HALF_SHIFT
    }
  }

  private warmEntries(count: number): void {
    const entries = this.entries
    const candidates = this.candidates
    let warmed = 0
    for (let i = 0; i < count; i += STEP) {
      warmed ^=
        entries[candidates[i]!]! ^
        entries[candidates[i + 1]!]! ^
        entries[candidates[i + 2]!]! ^
        entries[candidates[i + 3]!]!
    }
    this.warmed = warmed
  }

  /** Enters a reference into the index. */
  protected enter(reference: number, hash: number): void {
    const index = this.index
    const mask = index.length - 1
    let at = hash >>> this.indexShift
    while (index[at] !== 0) at = (at + 1) & mask
    index[at] = (hash << REFERENCE_BITS) | (reference + 1)
  }

  /** Takes a reference out of the index. */
  protected leave(reference: number): void {
    const index = this.index
    const mask = index.length - 1
    let at = this.home(reference)
    while ((index[at]! & REFERENCE_MASK) - 1 !== reference) at = (at + 1) & mask
    this.closeGap(at)
  }

  /**
   * Frees a word without breaking the chains that run over it: a word behind it moves into the gap unless its home lies
   * behind the gap too, and leaves a gap in turn.
   *
   *     gap          word         distances go forward, around the end of the index
   *      │   home ─►  │           stays: it is found without crossing the gap
   *      │            │  ◄─ home  moves: home at the gap or before it
   */
  private closeGap(removed: number): void {
    const index = this.index
    const mask = index.length - 1
    let gap = removed
    let at = (gap + 1) & mask
    while (index[at] !== 0) {
      const home = this.home((index[at]! & REFERENCE_MASK) - 1)
      if (((at - home) & mask) >= ((at - gap) & mask)) {
        index[gap] = index[at]!
        gap = at
      }
      at = (at + 1) & mask
    }
    index[gap] = 0
  }

  /** Where the reference's chain begins in the index. */
  private home(reference: number): number {
    const entries = this.entries
    const at = reference << HALF_SHIFT
    const hash = this.hash(
      this.protocol(reference),
      entries[at + SOURCE]!,
      entries[at + DESTINATION]!,
      entries[at + PORTS]!,
    )
    return hash >>> this.indexShift
  }
}
