/**
 * The routers' neighbours: (bridge domain, IPv4 address) -> MAC address, with the states of RFC 4861, 7.3.2 that make
 * sense for ARP (RFC 826):
 *
 *     resolve ─► INCOMPLETE ──3 tries──► FAILED ──5 s──► gone       confirm leads from each state to REACHABLE
 *                    ▲
 *               PROBE ◄──use── STALE ◄──30 s── REACHABLE            RFC 4861's DELAY is left out: ARP is seldom
 *            (3 tries)           └──600 s──► gone                   confirmed by what lies above it
 *
 * An address of 48 bits is two integers: `high`, its first two bytes (uint16), and `low`, its last four (int32). IPv4 addresses
 * are int32. Times are whole seconds of a clock that never goes back, 0 to 2^31 - 1.
 *
 * An entry keeps its index for life, so that a flow may remember it instead of looking it up for each packet. Its
 * generation (1 to 65,535) changes whenever the index is given to another neighbour or the MAC address changes or is
 * forgotten: an index and a generation that were taken together are good as long as the generation is the same.
 *
 * The table asks nobody anything. Its caller sends the first request when it resolves, and then does what `nextDue` says.
 *
 * An entry is eight words, half a cache line:
 *
 *     | address | domain, MAC high: 16 bits each | MAC low | state | tries | generation | unused 2 |
 */

import {
  NEIGHBOUR_FAILED_S,
  NEIGHBOUR_REACHABLE_S,
  NEIGHBOUR_RETRY_S,
  NEIGHBOUR_STALE_S,
  NEIGHBOUR_TRIES_MAX,
  NEIGHBOURS_MAX,
} from '../limits.ts'
import { HashChains } from './hash-chains.ts'
import { KeyedHash } from './keyed-hash.ts'
import { LinkedLists, NONE } from './linked-lists.ts'
import { PortRanking } from './port-ranking.ts'
import { requireInteger } from './require-integer.ts'
import { TimerWheel } from './timer-wheel.ts'

/** The index belongs to no neighbour (any more). */
const FREE = 0
/** No request has found it so far. */
const FAILED = 1
/** It is asked for. It has no MAC address yet. */
const INCOMPLETE = 2
/** It has not been heard for a while. Packets go to its MAC address, and the first one makes it PROBE. */
const STALE = 3
/** It is asked at its MAC address whether it is still there; packets go on. */
const PROBE = 4
/** It was heard a moment ago. */
const REACHABLE = 5
/** Set by hand: asked for never, forgotten never. */
const PERMANENT = 6

/** A neighbour's state. From `stale` on it has a MAC address. */
export const NeighbourState = {
  free: FREE,
  failed: FAILED,
  incomplete: INCOMPLETE,
  stale: STALE,
  probe: PROBE,
  reachable: REACHABLE,
  permanent: PERMANENT,
} as const

export type NeighbourState = (typeof NeighbourState)[keyof typeof NeighbourState]

export interface NeighbourTableOptions {
  /** Neighbours that the table holds at most: 1 to NEIGHBOURS_MAX. */
  readonly capacity: number
  /** Domains are numbered 0 to `domains - 1`; up to 65,536. */
  readonly domains: number
  /** Neighbours that one domain may hold, permanent ones included; more than `capacity` means `capacity`. */
  readonly perDomain: number
  /** A random int32 that nobody outside can know. */
  readonly seed: number
}

/** One line of a listing. */
export interface Neighbour {
  readonly index: number
  readonly domain: number
  readonly address: number
  /** Both 0 where the state has no MAC address. */
  readonly high: number
  readonly low: number
  readonly state: NeighbourState
}

const ENTRY_SHIFT = 3
const ENTRY_WORDS = 1 << ENTRY_SHIFT
const ADDRESS = 0
const TOP = 1
const LOW = 2
const STATE = 3
const TRIES = 4
const GENERATION = 5

const GENERATION_MAX = 0xffff

/** Lists of each domain, one for each state; PROBE shares that of REACHABLE, since both are in use. */
const LISTS_SHIFT = 3
const LISTS = 1 << LISTS_SHIFT
const IN_USE = REACHABLE

// Constants of this module: see mac-table.ts.
const ABSENT = -1

export class NeighbourTable {
  readonly capacity: number
  /** Neighbours in the table, in whatever state. */
  size = 0
  /**
   * Whether the last `resolve`, `confirm` or `addPermanent` entered a new neighbour. Frames that still wait under its index were
   * for the one that had it before.
   */
  created = false
  /** Neighbours forgotten to make room for others. */
  evicted = 0

  private readonly perDomain: number
  private readonly words: Int32Array
  private readonly hash: KeyedHash
  private readonly chains: HashChains
  /** List `domain * LISTS + state`: in the order in which they came into it. The last list: free indexes. */
  private readonly lists: LinkedLists
  private readonly freeList: number
  private readonly counts: Int32Array
  /** How many neighbours of each domain may be evicted. */
  private readonly evictable: PortRanking
  private readonly held: Int32Array
  private domainsHolding = 0
  private readonly wheel: TimerWheel

  /** Throws RangeError where an option is out of its range. */
  constructor(options: NeighbourTableOptions) {
    const integer = requireInteger.bind(undefined, 'NeighbourTable')
    const capacity = integer('capacity', options.capacity, 1, NEIGHBOURS_MAX)
    const domains = integer('domains', options.domains, 1, 1 << 16)
    this.capacity = capacity
    this.perDomain = Math.min(integer('perDomain', options.perDomain, 1, NEIGHBOURS_MAX), capacity)
    this.words = new Int32Array(capacity * ENTRY_WORDS)
    this.hash = new KeyedHash(options.seed)
    this.chains = new HashChains(capacity)
    this.freeList = domains * LISTS
    this.lists = new LinkedLists(capacity, this.freeList + 1)
    this.counts = new Int32Array(domains * LISTS)
    this.evictable = new PortRanking(domains, this.perDomain)
    this.held = new Int32Array(domains)
    this.wheel = new TimerWheel(capacity)
    for (let index = 0; index < capacity; index++) {
      this.words[(index << ENTRY_SHIFT) + GENERATION] = 1
      this.lists.append(this.freeList, index)
    }
  }

  state(index: number): NeighbourState {
    return this.words[(index << ENTRY_SHIFT) + STATE]! as NeighbourState
  }

  /** The MAC address's first two bytes. Only valid in the states that have one. */
  macHigh(index: number): number {
    return this.words[(index << ENTRY_SHIFT) + TOP]! & 0xffff
  }

  /** Its last four bytes. */
  macLow(index: number): number {
    return this.words[(index << ENTRY_SHIFT) + LOW]!
  }

  domain(index: number): number {
    return this.words[(index << ENTRY_SHIFT) + TOP]! >>> 16
  }

  address(index: number): number {
    return this.words[(index << ENTRY_SHIFT) + ADDRESS]!
  }

  generation(index: number): number {
    return this.words[(index << ENTRY_SHIFT) + GENERATION]!
  }

  /** Neighbours of the domain, in whatever state. */
  countOf(domain: number): number {
    return this.held[domain]!
  }

  /** The neighbour's index, or NONE. Changes nothing. */
  lookup(domain: number, address: number): number {
    const words = this.words
    let index = this.chains.first(this.hash.ofTwo(address, domain))
    while (index !== ABSENT) {
      const at = index << ENTRY_SHIFT
      if (words[at + ADDRESS] === address && words[at + TOP]! >>> 16 === domain) return index
      index = this.chains.next(index)
    }
    return ABSENT
  }

  /**
   * The neighbour's index; one that is not there is entered as INCOMPLETE, and its caller sends the first request for it. NONE
   * where there is no room, because all that could give way is permanent.
   *
   * In a domain that holds all it may, one of its own gives way; in a full table one of the domain itself, if that
   * holds its share (capacity over the domains that hold any), or else one of the domain with most. So a scan of one
   * network costs the others nothing.
   */
  resolve(domain: number, address: number, nowS: number): number {
    this.created = false
    const known = this.lookup(domain, address)
    if (known !== NONE) return known
    const index = this.insert(domain, address)
    if (index === NONE) return NONE
    this.enter(index, INCOMPLETE)
    this.startTries(index, nowS)
    return index
  }

  /** A packet goes to the neighbour: has it probed if it has not been heard lately. */
  use(index: number, nowS: number): void {
    const at = index << ENTRY_SHIFT
    if (this.words[at + STATE] !== STALE) return
    this.moveTo(index, PROBE)
    this.words[at + TRIES] = 0
    this.wheel.set(index, nowS)
  }

  /**
   * An ARP request or reply said where the neighbour is (RFC 826): enters that, a new neighbour only where `create` says so.
   * The index, or NONE where there is none. A permanent neighbour stays as it is.
   */
  confirm(domain: number, address: number, high: number, low: number, nowS: number, create: boolean): number {
    this.created = false
    let index = this.lookup(domain, address)
    if (index === NONE) {
      if (!create) return NONE
      index = this.insert(domain, address)
      if (index === NONE) return NONE
      this.setMac(index, high, low)
      this.enter(index, REACHABLE)
    } else {
      if (this.state(index) === PERMANENT) return index
      this.setMac(index, high, low)
      this.moveTo(index, REACHABLE)
    }
    this.wheel.set(index, nowS + NEIGHBOUR_REACHABLE_S)
    return index
  }

  /** Binds the neighbour to a MAC address until it is removed. The index, or NONE where there is no room. */
  addPermanent(domain: number, address: number, high: number, low: number): number {
    this.created = false
    let index = this.lookup(domain, address)
    if (index === NONE) {
      index = this.insert(domain, address)
      if (index === NONE) return NONE
      this.setMac(index, high, low)
      this.enter(index, PERMANENT)
    } else {
      this.setMac(index, high, low)
      this.moveTo(index, PERMANENT)
      this.wheel.cancel(index)
    }
    return index
  }

  /** Forgets the neighbour, permanent or not. False where the table does not have it. */
  remove(domain: number, address: number): boolean {
    const index = this.lookup(domain, address)
    if (index === NONE) return false
    this.removeIndex(index)
    return true
  }

  /** Forgets the domain's neighbours but for the permanent ones. Returns how many there were. */
  flushDomain(domain: number): number {
    const before = this.size
    for (let state = FAILED; state < PERMANENT; state++) this.empty(domain, state)
    return before - this.size
  }

  /** Forgets all neighbours of the domain: before its number is given to another. */
  removeDomain(domain: number): number {
    const flushed = this.flushDomain(domain)
    const before = this.size
    this.empty(domain, PERMANENT)
    return flushed + before - this.size
  }

  /**
   * A neighbour whose time has run out, already in its next state, or NONE where there is no more. One call does the work of one
   * timer; the caller goes on until NONE, or leaves the rest for later. What it has to do:
   *
   *     INCOMPLETE   broadcast a request           FAILED   give up the frames that wait: host unreachable
   *     PROBE        a request to its MAC address  STALE, FREE   nothing
   */
  nextDue(nowS: number): number {
    this.wheel.advance(nowS)
    const index = this.wheel.takeExpired()
    if (index !== NONE) this.timeOut(index, nowS)
    return index
  }

  /** All neighbours, in the order of their indexes. The table must not change on the way. */
  *entries(): Generator<Neighbour, void, undefined> {
    for (let index = 0; index < this.capacity; index++) {
      const state = this.state(index)
      if (state === FREE) continue
      yield {
        index,
        domain: this.domain(index),
        address: this.address(index),
        high: this.macHigh(index),
        low: this.macLow(index),
        state,
      }
    }
  }

  private timeOut(index: number, nowS: number): void {
    switch (this.state(index)) {
      case REACHABLE:
        this.moveTo(index, STALE)
        this.wheel.set(index, nowS + NEIGHBOUR_STALE_S)
        return
      case PROBE:
        if (this.tryAgain(index, nowS)) return
        // Perhaps it lives, with another MAC address.
        this.setMac(index, 0, 0)
        this.moveTo(index, INCOMPLETE)
        this.startTries(index, nowS)
        return
      case INCOMPLETE:
        if (this.tryAgain(index, nowS)) return
        this.moveTo(index, FAILED)
        this.wheel.set(index, nowS + NEIGHBOUR_FAILED_S)
        return
      case FAILED:
      case STALE:
        this.removeIndex(index)
        return
      case FREE:
      case PERMANENT: // without a timer
    }
  }

  private startTries(index: number, nowS: number): void {
    this.words[(index << ENTRY_SHIFT) + TRIES] = 1
    this.wheel.set(index, nowS + NEIGHBOUR_RETRY_S)
  }

  private tryAgain(index: number, nowS: number): boolean {
    const tries = (index << ENTRY_SHIFT) + TRIES
    if (this.words[tries]! >= NEIGHBOUR_TRIES_MAX) return false
    this.words[tries]!++
    this.wheel.set(index, nowS + NEIGHBOUR_RETRY_S)
    return true
  }

  private setMac(index: number, high: number, low: number): void {
    const at = index << ENTRY_SHIFT
    const top = (this.words[at + TOP]! & ~0xffff) | high
    if (this.words[at + TOP] === top && this.words[at + LOW] === low) return
    this.words[at + TOP] = top
    this.words[at + LOW] = low
    this.renew(at)
  }

  /** The next generation; it skips 0, which may so stand for none. */
  private renew(at: number): void {
    const generation = this.words[at + GENERATION]!
    this.words[at + GENERATION] = generation === GENERATION_MAX ? 1 : generation + 1
  }

  /** An index for a neighbour that is not in the table, in no state yet, or NONE. */
  private insert(domain: number, address: number): number {
    if (!this.makeRoom(domain)) return NONE
    const index = this.lists.first(this.freeList)
    this.lists.unlink(index)
    const at = index << ENTRY_SHIFT
    this.words[at + ADDRESS] = address
    this.words[at + TOP] = domain << 16
    this.words[at + LOW] = 0
    this.chains.link(this.hash.ofTwo(address, domain), index)
    if (this.held[domain] === 0) this.domainsHolding++
    this.held[domain]!++
    this.size++
    this.created = true
    return index
  }

  private removeIndex(index: number): void {
    const at = index << ENTRY_SHIFT
    const domain = this.domain(index)
    this.leave(index)
    this.wheel.cancel(index)
    this.chains.unlink(this.hash.ofTwo(this.address(index), domain), index)
    this.words[at + STATE] = FREE
    this.renew(at)
    this.lists.append(this.freeList, index)
    this.held[domain]!--
    if (this.held[domain] === 0) this.domainsHolding--
    this.size--
  }

  private moveTo(index: number, state: NeighbourState): void {
    this.leave(index)
    this.enter(index, state)
  }

  private enter(index: number, state: NeighbourState): void {
    const at = index << ENTRY_SHIFT
    const domain = this.domain(index)
    const list = listOf(domain, state)
    this.words[at + STATE] = state
    this.lists.append(list, index)
    this.counts[list]!++
    if (state !== PERMANENT) this.evictable.increment(domain)
  }

  private leave(index: number): void {
    const domain = this.domain(index)
    const state = this.state(index)
    this.lists.unlink(index)
    this.counts[listOf(domain, state)]!--
    if (state !== PERMANENT) this.evictable.decrement(domain)
  }

  private empty(domain: number, state: number): void {
    const list = listOf(domain, state)
    for (let index = this.lists.first(list); index !== NONE; index = this.lists.first(list))
      this.removeIndex(index)
  }

  /** Sees to it that the domain may hold one neighbour more. False if it may not. */
  private makeRoom(domain: number): boolean {
    if (this.held[domain]! >= this.perDomain) return this.evictFrom(domain)
    if (this.size < this.capacity) return true
    const hasItsShare = this.held[domain]! * this.domainsHolding >= this.capacity
    return this.evictFrom(hasItsShare ? domain : this.evictable.richest())
  }

  /**
   * The least useful first: who failed, who is not in use, who is not known yet, who was heard longest ago. Where half of a
   * domain's neighbours or more are unknown, somebody scans it; then the unknown ones come before all with a MAC address.
   */
  private evictFrom(domain: number): boolean {
    const base = domain << LISTS_SHIFT
    const unknown = this.counts[base + FAILED]! + this.counts[base + INCOMPLETE]!
    let index = this.lists.first(base + FAILED)
    if (index === NONE && 2 * unknown >= this.held[domain]!) index = this.lists.first(base + INCOMPLETE)
    if (index === NONE) index = this.lists.first(base + STALE)
    if (index === NONE) index = this.lists.first(base + INCOMPLETE)
    if (index === NONE) index = this.lists.first(base + IN_USE)
    if (index === NONE) return false
    this.removeIndex(index)
    this.evicted++
    return true
  }
}

function listOf(domain: number, state: number): number {
  return (domain << LISTS_SHIFT) + (state === PROBE ? IN_USE : state)
}
