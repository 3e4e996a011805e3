/**
 * What was decided about IPv4 datagrams that come in fragments: only the first one carries ports (RFC 791, 3.2), the others
 * follow what it got. The key is RFC 791's (source, destination, identification, protocol) and the bridge domain in which
 * the fragments arrive. Addresses are int32, times whole seconds of a clock that never goes back, 0 to 2^31 - 1.
 *
 * Nobody says when a datagram is complete, since fragments overtake one another: an entry lives its FRAGMENT_LIFETIME_S out.
 * So all lists are in the order of age:
 *
 *     all            oldest ─► ... ─► newest      the next to expire is the first
 *     of owner 7     oldest ─► ... ─► newest      the first gives way to the owner's next one
 *
 * An entry is eight words, half a cache line:
 *
 *     | source | destination | identification, domain: 16 bits each | protocol | value | since | owner | unused |
 */

import {
  FRAGMENT_LIFETIME_S,
  FRAGMENTED_DATAGRAMS_EXPIRED_MAX,
  FRAGMENTED_DATAGRAMS_MAX,
  PORTS_MAX,
} from '../limits.ts'
import { HashChains } from './hash-chains.ts'
import { KeyedHash } from './keyed-hash.ts'
import { LinkedLists, NONE } from './linked-lists.ts'
import { PortRanking } from './port-ranking.ts'
import { requireInteger } from './require-integer.ts'

export interface FragmentTableOptions {
  /** Datagrams that the table holds at most: 1 to FRAGMENTED_DATAGRAMS_MAX. */
  readonly capacity: number
  /** Owners (the ports that fragments come from) are numbered 0 to `owners - 1`; up to PORTS_MAX. */
  readonly owners: number
  /** Datagrams that one owner may hold; more than `capacity` means `capacity`. */
  readonly perOwner: number
  /** A random int32 that nobody outside can know. */
  readonly seed: number
}

const ENTRY_SHIFT = 3
const ENTRY_WORDS = 1 << ENTRY_SHIFT
const SOURCE = 0
const DESTINATION = 1
const PLACE = 2
const PROTOCOL = 3
const VALUE = 4
const SINCE = 5
const OWNER = 6

/** The two lists of `ages`. */
const IN_USE = 0
const FREE = 1

// Constants of this module: see mac-table.ts.
const ABSENT = -1
const LIFETIME_S = FRAGMENT_LIFETIME_S

export class FragmentTable {
  readonly capacity: number
  /** Datagrams in the table, also those that await their expiry. */
  size = 0
  /** Datagrams forgotten to make room for others. */
  evicted = 0

  private readonly perOwner: number
  private readonly words: Int32Array
  private readonly hash: KeyedHash
  private readonly chains: HashChains
  private readonly ages: LinkedLists
  private readonly owned: LinkedLists
  private readonly ranking: PortRanking
  private ownersHolding = 0

  /** Throws RangeError where an option is out of its range. */
  constructor(options: FragmentTableOptions) {
    const integer = requireInteger.bind(undefined, 'FragmentTable')
    const capacity = integer('capacity', options.capacity, 1, FRAGMENTED_DATAGRAMS_MAX)
    const owners = integer('owners', options.owners, 1, PORTS_MAX)
    this.capacity = capacity
    this.perOwner = Math.min(integer('perOwner', options.perOwner, 1, FRAGMENTED_DATAGRAMS_MAX), capacity)
    this.words = new Int32Array(capacity * ENTRY_WORDS)
    this.hash = new KeyedHash(options.seed)
    this.chains = new HashChains(capacity)
    this.ages = new LinkedLists(capacity, 2)
    this.owned = new LinkedLists(capacity, owners)
    this.ranking = new PortRanking(owners, this.perOwner)
    for (let entry = 0; entry < capacity; entry++) this.ages.append(FREE, entry)
  }

  /** Datagrams that the owner holds. */
  countOf(owner: number): number {
    return this.ranking.countOf(owner)
  }

  /** What was decided about the datagram, or NONE. Changes nothing. */
  lookup(
    source: number,
    destination: number,
    identification: number,
    protocol: number,
    domain: number,
    nowS: number,
  ): number {
    const entry = this.find(source, destination, (identification << 16) | domain, protocol)
    if (entry === ABSENT) return ABSENT
    const at = entry << ENTRY_SHIFT
    return nowS - this.words[at + SINCE]! < LIFETIME_S ? this.words[at + VALUE]! : ABSENT
  }

  /**
   * Remembers what was decided about a datagram: `value`, 0 to 2^31 - 1. One that is there already is forgotten: its
   * identification has come round.
   *
   * An owner that holds all it may gives up its oldest. So does, in a full table, one that holds its share or more
   * (capacity over the owners that hold any); below that, the owner with most. So fragments that are never completed
   * cost their sender alone.
   */
  insert(
    source: number,
    destination: number,
    identification: number,
    protocol: number,
    domain: number,
    value: number,
    owner: number,
    nowS: number,
  ): void {
    const place = (identification << 16) | domain
    const known = this.find(source, destination, place, protocol)
    if (known !== NONE) this.remove(known)
    this.makeRoom(owner)
    const entry = this.ages.first(FREE)
    const at = entry << ENTRY_SHIFT
    this.words[at + SOURCE] = source
    this.words[at + DESTINATION] = destination
    this.words[at + PLACE] = place
    this.words[at + PROTOCOL] = protocol
    this.words[at + VALUE] = value
    this.words[at + SINCE] = nowS
    this.words[at + OWNER] = owner
    this.link(entry, owner)
  }

  /** Forgets datagrams whose time is over, up to FRAGMENTED_DATAGRAMS_EXPIRED_MAX. Returns how many. */
  expire(nowS: number): number {
    for (let count = 0; count < FRAGMENTED_DATAGRAMS_EXPIRED_MAX; count++) {
      const entry = this.ages.first(IN_USE)
      if (entry === NONE || nowS - this.words[(entry << ENTRY_SHIFT) + SINCE]! < LIFETIME_S) return count
      this.remove(entry)
    }
    return FRAGMENTED_DATAGRAMS_EXPIRED_MAX
  }

  /** Forgets the owner's datagrams: before its number is given to another. Returns how many there were. */
  removeOwner(owner: number): number {
    const before = this.size
    for (let entry = this.owned.first(owner); entry !== NONE; entry = this.owned.first(owner))
      this.remove(entry)
    return before - this.size
  }

  /** Forgets all: what was decided may not be right any more. */
  clear(): void {
    for (let entry = this.ages.first(IN_USE); entry !== NONE; entry = this.ages.first(IN_USE))
      this.remove(entry)
  }

  private find(source: number, destination: number, place: number, protocol: number): number {
    const words = this.words
    let entry = this.chains.first(this.hash.ofFour(source, destination, place, protocol))
    while (entry !== ABSENT) {
      const at = entry << ENTRY_SHIFT
      if (
        words[at + SOURCE] === source &&
        words[at + DESTINATION] === destination &&
        words[at + PLACE] === place &&
        words[at + PROTOCOL] === protocol
      ) {
        return entry
      }
      entry = this.chains.next(entry)
    }
    return ABSENT
  }

  private makeRoom(owner: number): void {
    const held = this.ranking.countOf(owner)
    if (held < this.perOwner && this.size < this.capacity) return
    const isOwn = held >= this.perOwner || held * this.ownersHolding >= this.capacity
    this.remove(this.owned.first(isOwn ? owner : this.ranking.richest()))
    this.evicted++
  }

  private hashOf(entry: number): number {
    const at = entry << ENTRY_SHIFT
    return this.hash.ofFour(
      this.words[at + SOURCE]!,
      this.words[at + DESTINATION]!,
      this.words[at + PLACE]!,
      this.words[at + PROTOCOL]!,
    )
  }

  private link(entry: number, owner: number): void {
    this.ages.unlink(entry)
    this.ages.append(IN_USE, entry)
    this.owned.append(owner, entry)
    this.chains.link(this.hashOf(entry), entry)
    if (this.ranking.countOf(owner) === 0) this.ownersHolding++
    this.ranking.increment(owner)
    this.size++
  }

  private remove(entry: number): void {
    const owner = this.words[(entry << ENTRY_SHIFT) + OWNER]!
    this.ages.unlink(entry)
    this.ages.append(FREE, entry)
    this.owned.unlink(entry)
    this.chains.unlink(this.hashOf(entry), entry)
    this.ranking.decrement(owner)
    if (this.ranking.countOf(owner) === 0) this.ownersHolding--
    this.size--
  }
}
