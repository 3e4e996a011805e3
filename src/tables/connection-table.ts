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
 * Each flow has a timer and is in one of two lists of its owner: connections of which nobody knows yet whether both ends are
 * there, oldest first, and confirmed ones. A confirmed connection gives way to nobody.
 *
 *     bytes of a flow     64 entry, 16 to 32 index (32 where the capacity is a power of two), 12 timer, 8 list, and up to 8
 *                         ranking of the owners (one list for each count up to the quota): 124 at most
 *     beside that         88 KB, and 36 bytes an owner
 */

import { CONNECTIONS_MAX, PORTS_MAX } from '../limits.ts'
import * as connectionEntries from './connection-entries.ts'
import { ConnectionIndex } from './connection-index.ts'
import { LinkedLists, NONE } from './linked-lists.ts'
import { PortRanking } from './port-ranking.ts'
import { requireInteger } from './require-integer.ts'
import { DEALT, TimerWheel } from './timer-wheel.ts'

export { WARM_STEP } from './connection-index.ts'
export { NONE } from './linked-lists.ts'

/** Insertion refused: the owner has all the flows that it may, and all are confirmed. */
export const INSERT_QUOTA = -2
/** Insertion refused: the table is full of confirmed flows. */
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

// Constants of this module that are on the path of packets: V8 folds what a module keeps to itself, but loads and checks
// what it imports or exports at each use.
const { CONFIRMED, DEADLINE, ENTRY_WORDS, FLOW, HALF_SHIFT, HALF_WORDS } = connectionEntries
const { MAPPING, NEXT_FREE, SERVICE, STATUS, USED } = connectionEntries
/**
 * Counters of flows by owner and server: 64 KB. Several pairs share one, of which a secret decides, and with a million flows each has
 * some 64 that are not meant.
 */
const CROWDS_SHIFT = 18
const CROWDS = 1 << (32 - CROWDS_SHIFT)
const ABSENT = -1
const QUOTA = -2
const FULL = -3

export class ConnectionTable extends ConnectionIndex {
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
  /** Is told of each flow that `expire` is about to remove. */
  whenExpired: ((reference: number) => void) | undefined = undefined

  private readonly owners: number
  readonly connectionsPerOwner: number
  /** List `owner`: its unconfirmed flows, oldest first. List `owners + owner`: its confirmed ones. */
  private readonly lists: LinkedLists
  /** How many unconfirmed flows each owner has. */
  private readonly unconfirmed: PortRanking
  /** How many flows each owner has. */
  private readonly held: Int32Array
  private readonly crowds = new Int32Array(CROWDS)
  /** Timer `flow` runs while the flow is there, and never past its deadline. */
  private readonly wheel: TimerWheel
  /** The flow that was removed last, which leads to the others that are free; or NONE. */
  private firstFree = ABSENT
  /** Flows from this one on have never been in use: their pages need not be there. */
  private untouched = 0

  /** Throws RangeError where an option is out of its range. */
  constructor(options: ConnectionTableOptions) {
    const integer = requireInteger.bind(undefined, 'ConnectionTable')
    const capacity = integer('capacity', options.capacity, 1, CONNECTIONS_MAX)
    super(capacity, options.seed)
    this.capacity = capacity
    this.owners = integer('owners', options.owners, 1, PORTS_MAX)
    this.connectionsPerOwner = integer('connectionsPerOwner', options.connectionsPerOwner, 1, CONNECTIONS_MAX)

    this.lists = new LinkedLists(capacity, 2 * this.owners)
    this.unconfirmed = new PortRanking(this.owners, Math.min(this.connectionsPerOwner, capacity))
    this.held = new Int32Array(this.owners)
    this.wheel = new TimerWheel(capacity)
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
    this.entries[at + SERVICE] = 0
    this.enter(reference, this.hash(protocol, source0, destination0, ports0))
    this.writeHalf(at, source0, destination0, ports0, owner)
    this.enter(reference | 1, this.hash(protocol, source1, destination1, ports1))
    this.writeHalf(at + HALF_WORDS, source1, destination1, ports1, owner)
    this.lists.append(owner, flow)
    this.unconfirmed.increment(owner)
    this.wheel.set(flow, deadlineS)
    this.held[owner]!++
    this.crowds[this.crowdOf(owner, protocol, source1, ports1 >>> 16)]!++
    this.size++
    this.created++
    return reference
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

  /** Both ends have shown that they are there: from now on the flow gives way to no other. */
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
    const reply = original | 1
    this.crowds[this.crowdOf(owner, this.protocol(reply), this.source(reply), this.ports(reply) >>> 16)]!--
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
        this.whenExpired?.(flow << 1)
        this.remove(flow << 1)
        this.expired++
      }
    }
    return true
  }

  /** Flows of the owner to this server, whose answers come from this address and port; some more where others share the counter. */
  crowd(owner: number, protocol: number, server: number, port: number): number {
    return this.crowds[this.crowdOf(owner, protocol, server, port)]!
  }

  private crowdOf(owner: number, protocol: number, server: number, port: number): number {
    return this.hash(protocol, server, owner, port) >>> CROWDS_SHIFT
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

  /** All flows that there are have references from 0 to below this. */
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
    this.crowds.fill(0)
    this.size = 0
    this.firstFree = ABSENT
    this.untouched = 0
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

  private advanceTimer(flow: number, deadlineS: number): void {
    if (deadlineS < this.wheel.deadlineOf(flow)) this.wheel.set(flow, deadlineS)
  }
}
