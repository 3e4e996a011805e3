/**
 * DNS names by (scope, name), and the bytes of each: entry numbers stay while the name does, its bytes may move.
 *
 * The records stand in one Int32Array, eight words each: half a cache line, with what the owner keeps of a name, so that a lookup has
 * both at once. Bytes are compared only where the whole hash and the scope are those of the name that is looked for:
 *
 *     | hash | scope | offset | sizes | the owner's |      offset: in `bytes`; sizes: those of the name and of its rest, 8 bits each
 *
 * A name's rest is a second name that stands behind it: what a link stands for.
 *
 * New names go to the end of what is written; where that meets the end of the buffer, all names are moved together, in the order in
 * which they stand:
 *
 *     bytes   | web.. | (free) | db.. | (free) | api.. | end ──► free |      order: web, db, api
 *
 * The buffer is twice as large as all names may be together. So whatever is within the maximum fits, however long names come and go,
 * and each time that names are moved at least as many bytes have been written since the last as are moved at most.
 *
 * Nothing else happens meanwhile: 0.2 ms with 5,000 names, 1 ms with 20,000, 7 ms and more with all that there may be; in that case once
 * in some 17,000 hosts that are set, and else in 60,000.
 */

import { fold } from '../wire/dns-name.ts'
import { FreeNumbers } from './free-numbers.ts'
import { HashChains } from './hash-chains.ts'
import { LinkedLists, NONE } from './linked-lists.ts'

/** Words of a record, and where they are. */
export const RECORD_SHIFT = 3
const RECORD_WORDS = 1 << RECORD_SHIFT
const HASH = 0
const SCOPE = 1
const OFFSET = 2
const SIZES = 3
/** The first of the words that are the owner's. */
export const OWN = 4

/** The word SIZES: a name has 254 bytes at most without its root. */
const SIZE_MASK = 0xff
const REST_SHIFT = 8

// Constant and function of this module, on the path of each lookup: V8 folds what a module keeps to itself.
const ABSENT = -1
const lowerCase = fold

const NO_BYTES = new Uint8Array()

export class NameIndex {
  /** All names, in wire form without their roots, in small letters. Stays the same array. */
  readonly bytes: Uint8Array
  /** Bytes of all names. */
  bytesUsed = 0
  /** Of each record, the words from OWN on are the owner's; they are 0 in a new one. */
  readonly records: Int32Array

  private readonly bytesMax: number
  private readonly chains: HashChains
  private readonly free: FreeNumbers
  /** One list: the entries by their offsets. */
  private readonly order: LinkedLists
  private end = 0

  /** Room for `names` names of `bytesMax` bytes in all. */
  constructor(names: number, bytesMax: number) {
    this.bytes = new Uint8Array(2 * bytesMax)
    this.bytesMax = bytesMax
    this.records = new Int32Array(names << RECORD_SHIFT)
    this.chains = new HashChains(names)
    this.free = new FreeNumbers(names)
    this.order = new LinkedLists(names, 1)
  }

  /** The entry of the name of `size` bytes at `at`, in letters of any case, or NONE. `key`: its hash with its scope. */
  find(key: number, scope: number, bytes: Uint8Array, at: number, size: number): number {
    const records = this.records
    for (let entry = this.chains.first(key); entry !== ABSENT; entry = this.chains.next(entry)) {
      const record = entry << RECORD_SHIFT
      if (records[record + HASH] !== key || records[record + SCOPE] !== scope) continue
      if ((records[record + SIZES]! & SIZE_MASK) !== size) continue
      if (this.equals(records[record + OFFSET]!, bytes, at, size)) return entry
    }
    return ABSENT
  }

  /**
   * Enters a name that is not there, with a rest: both of wire form without root, in small letters. There must be room: a free entry,
   * and `bytesMax` not exceeded.
   */
  add(key: number, scope: number, name: Uint8Array, rest: Uint8Array = NO_BYTES): number {
    const size = name.length + rest.length
    if (this.end + size > this.bytes.length) this.compact()
    const entry = this.free.take()
    const record = entry << RECORD_SHIFT
    this.records[record + HASH] = key
    this.records[record + SCOPE] = scope
    this.records[record + OFFSET] = this.end
    this.records[record + SIZES] = name.length | (rest.length << REST_SHIFT)
    this.records.fill(0, record + OWN, record + RECORD_WORDS)
    this.bytes.set(name, this.end)
    this.bytes.set(rest, this.end + name.length)
    this.end += size
    this.bytesUsed += size
    this.chains.link(key, entry)
    this.order.append(0, entry)
    return entry
  }

  remove(entry: number): void {
    this.chains.unlink(this.records[(entry << RECORD_SHIFT) + HASH]!, entry)
    this.order.unlink(entry)
    this.bytesUsed -= this.size(entry) + this.restSize(entry)
    this.free.giveBack(entry)
    if (this.bytesUsed === 0) this.end = 0
  }

  /** Whether so many bytes more would be within the maximum. */
  hasRoom(bytes: number): boolean {
    return this.bytesUsed + bytes <= this.bytesMax
  }

  scope(entry: number): number {
    return this.records[(entry << RECORD_SHIFT) + SCOPE]!
  }

  /** Where the name stands in `bytes`, until names are added. */
  offset(entry: number): number {
    return this.records[(entry << RECORD_SHIFT) + OFFSET]!
  }

  size(entry: number): number {
    return this.records[(entry << RECORD_SHIFT) + SIZES]! & SIZE_MASK
  }

  restOffset(entry: number): number {
    return this.offset(entry) + this.size(entry)
  }

  restSize(entry: number): number {
    return this.records[(entry << RECORD_SHIFT) + SIZES]! >>> REST_SHIFT
  }

  private equals(offset: number, bytes: Uint8Array, at: number, size: number): boolean {
    const own = this.bytes
    for (let index = 0; index < size; index++) {
      if (own[offset + index] !== lowerCase(bytes[at + index]!)) return false
    }
    return true
  }

  private compact(): void {
    let end = 0
    for (let entry = this.order.first(0); entry !== NONE; entry = this.order.next(entry)) {
      const from = this.offset(entry)
      const size = this.size(entry) + this.restSize(entry)
      if (from !== end) this.bytes.copyWithin(end, from, from + size)
      this.records[(entry << RECORD_SHIFT) + OFFSET] = end
      end += size
    }
    this.end = end
  }
}
