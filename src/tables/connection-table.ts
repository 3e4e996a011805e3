/**
 * The connections (flows) that a router has seen, as conntrack has them: each is one entry with two tuples, of the
 * packets as they come in, in the original direction and in the reply direction. What translation there is shows in
 * the difference: the tuple of one direction, turned round, is what leaves in the other.
 *
 *     original   tcp 10.1.0.2:40000 -> 192.0.2.7:80           a sandbox behind SNAT: its packets leave as those of
 *     reply      tcp 192.0.2.7:80 -> 198.51.100.1:61007       198.51.100.1:61007, where the answers come in
 *
 * A *reference* is a flow's number and a direction, `flow << 1 | direction`; `reference ^ 1` is the other direction. It
 * holds until the flow is removed, which `insert` (eviction) and `expire` do too; the number is then given out again.
 *
 * Protocols are 8 bits, addresses int32, `ports` is source << 16 | destination (int32), domains are 16 bits, times whole
 * seconds of a clock that never goes back, 0 to 2^31 - 1.
 *
 * Entries are 16 words in two halves, one for each direction, in one cache line:
 *
 *     | source | destination | ports | hop | packets | place | deadline | status |    place: owner << 16 | domain
 *     | source | destination | ports | hop | packets | place | mapping  | -      |    status: see below
 *
 * The index finds references by tuple: open addressing with linear probing in words of reference + 1 and the low bits of the
 * tuple's hash, so that a chain is followed without a look at the entries that are in the way. Its high bits are the
 * place, less than half of the words are in use, and deletion moves later words back: there are no tombstones.
 *
 * Each flow has a timer and is in one of two lists of its owner: connections without a reply, oldest first, and
 * confirmed ones. A confirmed connection gives way to nobody.
 *
 *     bytes of a flow     64 entry, 16 to 32 index (32 where the capacity is a power of two), 12 timer, 8 list, and up to 8
 *                         ranking of the owners (one list for each count up to the quota): 124 at most
 *     beside that         24 KB, and 36 bytes an owner
 */

import { BURST_MAX, CONNECTIONS_MAX, PORTS_MAX } from '../limits.ts'
import { LinkedLists, NONE } from './linked-lists.ts'
import { PortRanking } from './port-ranking.ts'
import { DEALT, TimerWheel } from './timer-wheel.ts'
import { TupleHash } from './tuple-hash.ts'

export { NONE } from './linked-lists.ts'

export const Direction = { original: 0, reply: 1 } as const

/** Insertion refused: the owner has all the flows that it may, and a reply to each. */
export const INSERT_QUOTA = -2
/** Insertion refused: the table is full of flows that have had a reply. */
export const INSERT_FULL = -3

export interface ConnectionTableOptions {
  /** Flows that the table holds at most: 1 to CONNECTIONS_MAX. */
  readonly capacity: number
  /** Owners are numbered 0 to `owners - 1`: the ports that flows are charged to. Up to PORTS_MAX. */
  readonly owners: number
  /** Flows that one owner may have: 1 to CONNECTIONS_MAX. */
  readonly connectionsPerOwner: number
  /** A random int32 that nobody outside can know: with it, nobody can choose tuples that collide. */
  readonly seed: number
}

/** Words of half an entry, and where they are: `reference << HALF_SHIFT` is where the half of that direction begins. */
const HALF_SHIFT = 3
const HALF_WORDS = 1 << HALF_SHIFT
const ENTRY_WORDS = 2 * HALF_WORDS
const SOURCE = 0
const DESTINATION = 1
const PORTS = 2
const HOP = 3
const PACKETS = 4
const PLACE = 5
/** In the first half, which `reference & FLOW` leads to. */
const DEADLINE = 6
const STATUS = 7
/** In the second half. */
const MAPPING = HALF_WORDS + 6

const FLOW = ~1

/** The word STATUS: protocol, state and flags, 8 bits each, and these; 0 for a flow that is not in use. */
const STATE_SHIFT = 8
const FLAGS_SHIFT = 16
const BYTE = 0xff
const USED = 1 << 24
const CONFIRMED = 1 << 25

/** Of a flow that is not in use and has been: the next such. */
const NEXT_FREE = SOURCE

/**
 * V8 has big array buffers from mmap by way of malloc, whose header puts them 16 bytes behind the beginning of a page. Entries
 * begin here, so that each has a cache line to itself; where a buffer begins elsewhere, that costs time only.
 */
const ALIGNMENT_BYTES = 48

/** A word of the index: the low bits of the tuple's hash, and reference + 1; 0 is free. */
const REFERENCE_BITS = 22
const REFERENCE_MASK = (1 << REFERENCE_BITS) - 1
/** More than four words for each flow, up to eight: its two are less than half of them, and in a large table a quarter. */
const INDEX_WORDS_SHIFT = 2

/** Hashes that `warmAll` takes at a time. */
export const WARM_STEP = 4

// Constants and functions of this module that are on the path of each packet: V8 folds what a module keeps to itself, but
// loads and checks what it imports or exports at each use.
const ABSENT = -1
const QUOTA = -2
const FULL = -3
const STEP = 4

export class ConnectionTable {
  readonly capacity: number
  /** Flows in the table, those included whose deadline has passed and that await their expiry. */
  size = 0
  /** Flows that were inserted. */
  created = 0
  /** Flows removed because their deadline had passed. */
  expired = 0
  /** Flows removed to make room for others. */
  evicted = 0
  /** Flows refused because their owner had all that it may. */
  refusedQuota = 0
  /** Flows refused because the table was full. */
  refusedFull = 0
  /** Where `warm` leaves what it has loaded: a load without a use is one that a compiler leaves out. */
  warmed = 0

  private readonly owners: number
  private readonly connectionsPerOwner: number
  private readonly entries: Int32Array
  /** A power of two of words, so that `index.length - 1` takes a place around the end. */
  private readonly index: Int32Array
  private readonly indexShift: number
  private readonly tupleHash: TupleHash
  /** List `owner`: its unconfirmed flows, oldest first. List `owners + owner`: its confirmed ones. */
  private readonly lists: LinkedLists
  /** How many unconfirmed flows each owner has. */
  private readonly unconfirmed: PortRanking
  /** How many flows each owner has. */
  private readonly held: Int32Array
  /** Timer `flow` runs while the flow is there, and never past its deadline. */
  private readonly wheel: TimerWheel
  /** Where the entries are that `warmAll` is about to load: words of `entries`. */
  private readonly candidates = new Int32Array(BURST_MAX)
  /** The flow that was removed last, which leads to the others that are free; or NONE. */
  private firstFree = ABSENT
  /** Flows from this one on have never been in use: their pages need not be there. */
  private untouched = 0

  /** Throws RangeError where an option is out of its range. */
  constructor(options: ConnectionTableOptions) {
    requireInteger('capacity', options.capacity, CONNECTIONS_MAX)
    requireInteger('owners', options.owners, PORTS_MAX)
    requireInteger('connectionsPerOwner', options.connectionsPerOwner, CONNECTIONS_MAX)
    this.capacity = options.capacity
    this.owners = options.owners
    this.connectionsPerOwner = options.connectionsPerOwner

    const indexBits = 32 - Math.clz32(options.capacity << INDEX_WORDS_SHIFT)
    this.index = new Int32Array(1 << indexBits)
    this.indexShift = 32 - indexBits
    const words = options.capacity * ENTRY_WORDS
    this.entries = new Int32Array(new ArrayBuffer(ALIGNMENT_BYTES + 4 * words), ALIGNMENT_BYTES, words)
    this.tupleHash = new TupleHash(options.seed)

    this.lists = new LinkedLists(options.capacity, 2 * options.owners)
    this.unconfirmed = new PortRanking(
      options.owners,
      Math.min(options.connectionsPerOwner, options.capacity),
    )
    this.held = new Int32Array(options.owners)
    this.wheel = new TimerWheel(options.capacity)
  }

  /** The tuple's hash (int32), for `warm` and `lookup`. */
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

  /** The tuple as received in this direction; that of the other one is at `reference ^ 1`. */
  protocol(reference: number): number {
    return this.entries[((reference & FLOW) << HALF_SHIFT) + STATUS]! & BYTE
  }

  source(reference: number): number {
    return this.entries[(reference << HALF_SHIFT) + SOURCE]!
  }

  destination(reference: number): number {
    return this.entries[(reference << HALF_SHIFT) + DESTINATION]!
  }

  ports(reference: number): number {
    return this.entries[(reference << HALF_SHIFT) + PORTS]!
  }

  /**
   * A new flow; the caller has looked that neither tuple is there. Returns its original reference, or INSERT_QUOTA or
   * INSERT_FULL.
   *
   * An owner that has all the flows it may loses its oldest unconfirmed one. In a full table, the owner with the most unconfirmed
   * flows loses its oldest. So a flood of one owner costs the others nothing.
   */
  insert(
    protocol: number,
    source0: number,
    destination0: number,
    ports0: number,
    source1: number,
    destination1: number,
    ports1: number,
    owner: number,
    deadlineS: number,
  ): number {
    if (this.held[owner]! >= this.connectionsPerOwner && !this.evictOldest(owner)) {
      this.refusedQuota++
      return QUOTA
    }
    if (this.size >= this.capacity && !this.evictOldest(this.unconfirmed.richest())) {
      this.refusedFull++
      return FULL
    }
    const flow = this.takeFree()
    const reference = flow << 1
    const at = flow * ENTRY_WORDS
    this.entries[at + STATUS] = protocol | USED
    this.entries[at + DEADLINE] = deadlineS
    this.entries[at + MAPPING] = 0
    this.enter(reference, this.hash(protocol, source0, destination0, ports0))
    this.writeHalf(at, source0, destination0, ports0, owner)
    this.enter(reference | 1, this.hash(protocol, source1, destination1, ports1))
    this.writeHalf(at + HALF_WORDS, source1, destination1, ports1, owner)
    this.lists.append(owner, flow)
    this.unconfirmed.increment(owner)
    this.wheel.set(flow, deadlineS)
    this.held[owner]!++
    this.size++
    this.created++
    return reference
  }

  /** Eight bits of the translation's own, 0 at first. */
  state(reference: number): number {
    return (this.entries[((reference & FLOW) << HALF_SHIFT) + STATUS]! >>> STATE_SHIFT) & BYTE
  }

  setState(reference: number, value: number): void {
    const at = ((reference & FLOW) << HALF_SHIFT) + STATUS
    this.entries[at] = (this.entries[at]! & ~(BYTE << STATE_SHIFT)) | (value << STATE_SHIFT)
  }

  /** Eight more. */
  flags(reference: number): number {
    return (this.entries[((reference & FLOW) << HALF_SHIFT) + STATUS]! >>> FLAGS_SHIFT) & BYTE
  }

  setFlags(reference: number, value: number): void {
    const at = ((reference & FLOW) << HALF_SHIFT) + STATUS
    this.entries[at] = (this.entries[at]! & ~(BYTE << FLAGS_SHIFT)) | (value << FLAGS_SHIFT)
  }

  /** The bridge domain that packets of this direction come from; 0 at first. */
  domain(reference: number): number {
    return this.entries[(reference << HALF_SHIFT) + PLACE]! & 0xffff
  }

  setDomain(reference: number, domain: number): void {
    const at = (reference << HALF_SHIFT) + PLACE
    this.entries[at] = (this.entries[at]! & ~0xffff) | domain
  }

  /** The router's next hop for packets of this direction, an int32 of its own; 0 at first. */
  hop(reference: number): number {
    return this.entries[(reference << HALF_SHIFT) + HOP]!
  }

  setHop(reference: number, word: number): void {
    this.entries[(reference << HALF_SHIFT) + HOP] = word
  }

  /** The published port that made the flow, an int32; 0 at first: none. */
  mapping(reference: number): number {
    return this.entries[((reference & FLOW) << HALF_SHIFT) + MAPPING]!
  }

  setMapping(reference: number, id: number): void {
    this.entries[((reference & FLOW) << HALF_SHIFT) + MAPPING] = id
  }

  owner(reference: number): number {
    return this.entries[(reference << HALF_SHIFT) + PLACE]! >>> 16
  }

  /** One packet has come in this direction. */
  count(reference: number): void {
    this.entries[(reference << HALF_SHIFT) + PACKETS]!++
  }

  /** Packets in this direction: uint32, which goes round. */
  packets(reference: number): number {
    return this.entries[(reference << HALF_SHIFT) + PACKETS]! >>> 0
  }

  /** The second from which on the flow may be removed. */
  deadline(reference: number): number {
    return this.entries[((reference & FLOW) << HALF_SHIFT) + DEADLINE]!
  }

  /**
   * Moves the deadline. A later one, as each packet brings it, is one store: the timer expires at the old one and is then set to the
   * new. An earlier one, as the end of a connection brings it, moves the timer too.
   */
  refresh(reference: number, deadlineS: number): void {
    const at = ((reference & FLOW) << HALF_SHIFT) + DEADLINE
    const before = this.entries[at]!
    this.entries[at] = deadlineS
    if (deadlineS < before) this.advanceTimer(reference >> 1, deadlineS)
  }

  /** Whether a reply has been seen. */
  isConfirmed(reference: number): boolean {
    return (this.entries[((reference & FLOW) << HALF_SHIFT) + STATUS]! & CONFIRMED) !== 0
  }

  /** A reply has been seen: from now on the flow gives way to no other. */
  confirm(reference: number): void {
    const at = ((reference & FLOW) << HALF_SHIFT) + STATUS
    if ((this.entries[at]! & CONFIRMED) !== 0) return
    this.entries[at]! |= CONFIRMED
    const owner = this.owner(reference)
    this.lists.unlink(reference >> 1)
    this.lists.append(this.owners + owner, reference >> 1)
    this.unconfirmed.decrement(owner)
  }

  /** Removes the flow, by a reference of either direction. */
  remove(reference: number): void {
    const original = reference & FLOW
    this.leave(original)
    this.leave(original | 1)
    const flow = original >> 1
    const owner = this.owner(original)
    if (!this.isConfirmed(original)) this.unconfirmed.decrement(owner)
    this.lists.unlink(flow)
    this.wheel.cancel(flow)
    this.held[owner]!--
    this.size--
    this.entries[flow * ENTRY_WORDS + STATUS] = 0
    this.entries[flow * ENTRY_WORDS + NEXT_FREE] = this.firstFree
    this.firstFree = flow
  }

  /**
   * Removes flows whose deadline is at `nowS` or before, and sets the timers of those anew that have had packets since. Handles
   * `max` timers at most; false when nothing that is due is left. Meant to be called between bursts: it
   * costs a few compares when nothing is due.
   */
  expire(nowS: number, max: number): boolean {
    this.wheel.advance(nowS)
    for (let left = max; left > 0; left--) {
      const flow = this.wheel.step()
      if (flow === NONE) return false
      if (flow === DEALT) continue
      const deadlineS = this.entries[flow * ENTRY_WORDS + DEADLINE]!
      if (deadlineS > nowS) {
        this.wheel.set(flow, deadlineS)
      } else {
        this.remove(flow << 1)
        this.expired++
      }
    }
    return true
  }

  /** Flows that the owner has. */
  connectionsOf(owner: number): number {
    return this.held[owner]!
  }

  /** Removes all flows of the owner. Returns how many there were. */
  removeOwner(owner: number): number {
    const before = this.size
    for (let flow = this.firstOf(owner); flow !== ABSENT; flow = this.firstOf(owner)) this.remove(flow)
    return before - this.size
  }

  /**
   * The owner's first flow (its original reference), or NONE; `nextOf` leads on: the unconfirmed ones, oldest first, then the
   * confirmed ones. Who removes flows on the way asks for the next before.
   */
  firstOf(owner: number): number {
    const flow = this.lists.first(owner)
    return flow === ABSENT ? this.firstConfirmed(owner) : flow << 1
  }

  nextOf(reference: number): number {
    const flow = this.lists.next(reference >> 1)
    if (flow !== ABSENT) return flow << 1
    return this.isConfirmed(reference) ? ABSENT : this.firstConfirmed(this.owner(reference))
  }

  /**
   * The next flow of the table after this one, of whatever owner (its original reference); the first after NONE; NONE after the
   * last. Flows may come and go on the way, also the one that the reference is of: those that are there all the time are
   * met once each. Reads over all free entries in between; who must not stay away that long goes by `isUsed`.
   */
  next(reference: number): number {
    for (let flow = (reference >> 1) + 1; flow < this.untouched; flow++) {
      if (this.isUsed(flow << 1)) return flow << 1
    }
    return ABSENT
  }

  /** Whether there is such a flow; all that there are have references from 0 to below `end`. */
  isUsed(reference: number): boolean {
    return this.entries[((reference & FLOW) << HALF_SHIFT) + STATUS] !== 0
  }

  get end(): number {
    return this.untouched << 1
  }

  /** Removes all flows at once: some 0.1 s of work in a large table. */
  clear(): void {
    this.index.fill(0)
    this.entries.fill(0, 0, this.untouched * ENTRY_WORDS)
    this.lists.clear()
    this.unconfirmed.clear()
    this.wheel.clear()
    this.held.fill(0)
    this.size = 0
    this.firstFree = ABSENT
    this.untouched = 0
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

  private isTuple(
    reference: number,
    protocol: number,
    source: number,
    destination: number,
    ports: number,
  ): boolean {
    const entries = this.entries
    const at = reference << HALF_SHIFT
    return (
      entries[at + PORTS] === ports &&
      entries[at + SOURCE] === source &&
      entries[at + DESTINATION] === destination &&
      (entries[((reference & FLOW) << HALF_SHIFT) + STATUS]! & (USED | BYTE)) === (USED | protocol)
    )
  }

  private firstConfirmed(owner: number): number {
    const flow = this.lists.first(this.owners + owner)
    return flow === ABSENT ? ABSENT : flow << 1
  }

  private evictOldest(owner: number): boolean {
    const flow = this.lists.first(owner)
    if (flow === ABSENT) return false
    this.remove(flow << 1)
    this.evicted++
    return true
  }

  /** A flow that is not in use; there is one. */
  private takeFree(): number {
    const flow = this.firstFree
    if (flow === ABSENT) return this.untouched++
    this.firstFree = this.entries[flow * ENTRY_WORDS + NEXT_FREE]!
    return flow
  }

  private writeHalf(at: number, source: number, destination: number, ports: number, owner: number): void {
    const entries = this.entries
    entries[at + SOURCE] = source
    entries[at + DESTINATION] = destination
    entries[at + PORTS] = ports
    entries[at + HOP] = 0
    entries[at + PACKETS] = 0
    entries[at + PLACE] = owner << 16
  }

  private advanceTimer(flow: number, deadlineS: number): void {
    if (deadlineS < this.wheel.deadlineOf(flow)) this.wheel.set(flow, deadlineS)
  }

  /** Enters a reference into the index. */
  private enter(reference: number, hash: number): void {
    const index = this.index
    const mask = index.length - 1
    let at = hash >>> this.indexShift
    while (index[at] !== 0) at = (at + 1) & mask
    index[at] = (hash << REFERENCE_BITS) | (reference + 1)
  }

  /** Takes a reference out of the index. */
  private leave(reference: number): void {
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

function requireInteger(name: string, value: number, max: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= max) return
  throw new RangeError(`ConnectionTable: ${name} is ${value}; it must be an integer from 1 to ${max}`)
}
