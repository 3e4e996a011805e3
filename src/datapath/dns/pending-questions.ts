/**
 * Questions that wait for an answer from outside, and where it is to go. A ticket names one: its slot, and how often the slot has been
 * taken, so that an answer which comes too late finds nobody.
 *
 *     ticket | generation 21 bits | slot 10 bits |
 *
 *     free ──add──► new ──take──► asked ──┐
 *       ▲            └───────────────────┴── remove: answered, given up, its port is gone
 *
 * The messages stand here byte for byte, each in its own place; nothing is allocated for a question.
 */

import {
  DNS_FORWARDS_MAX,
  DNS_FORWARDS_PER_RESOLVER_MAX,
  DNS_PENDING_S,
  DNS_QUERY_MAX,
  PORTS_MAX,
} from '../../limits.ts'
import { HashChains } from '../../tables/hash-chains.ts'
import { KeyedHash } from '../../tables/keyed-hash.ts'
import { NONE } from '../../tables/linked-lists.ts'

// Constants of this module, whose values V8 compiles in; an imported one it would load and check at each use.
const SLOTS = DNS_FORWARDS_MAX
const SLOT_SHIFT = 10
const SLOT_MASK = SLOTS - 1
const GENERATION_MASK = (1 << 21) - 1
const PER_RESOLVER = DNS_FORWARDS_PER_RESOLVER_MAX
const MESSAGE_MAX = DNS_QUERY_MAX
const WAITS_S = DNS_PENDING_S
const ABSENT = NONE

/** What `add` answers where no more questions may wait, in all or of this resolver. */
export const QUOTA_REACHED = -1
/** The very same question waits already: its client has asked again. */
export const ASKED_ALREADY = -2

const FREE = 0
const NEW = 1
const ASKED = 2

export class PendingQuestions {
  /** Questions that wait. */
  size = 0
  /** By slot: where the answer goes. Ports and addresses as the question's frame has them. */
  readonly port = new Int32Array(SLOTS)
  readonly domain = new Int32Array(SLOTS)
  readonly resolver = new Int32Array(SLOTS)
  readonly clientMacHigh = new Int32Array(SLOTS)
  readonly clientMacLow = new Int32Array(SLOTS)
  readonly clientAddress = new Int32Array(SLOTS)
  readonly serverAddress = new Int32Array(SLOTS)
  /** The client's << 16 | the server's. */
  readonly ports = new Int32Array(SLOTS)
  /** Bytes that the answer may have. */
  readonly limit = new Int32Array(SLOTS)
  readonly askedMs = new Float64Array(SLOTS)
  /** Messages, MESSAGE_MAX bytes for each slot. */
  readonly bytes = new Uint8Array(SLOTS * MESSAGE_MAX)
  readonly length = new Int32Array(SLOTS)

  private readonly state = new Uint8Array(SLOTS)
  private readonly generation = new Int32Array(SLOTS)
  private readonly deadlineS = new Int32Array(SLOTS)
  private readonly hashes = new Int32Array(SLOTS)
  private readonly chains = new HashChains(SLOTS)
  private readonly keys: KeyedHash
  private readonly perResolver = new Int32Array(PORTS_MAX)
  /** Free slots; the first `SLOTS - size` are. */
  private readonly free = Int32Array.from({ length: SLOTS }, (_, index) => SLOTS - 1 - index)
  /** Slots taken since the last `takeNew`, in their order; some may be free again. */
  private readonly fresh = new Int32Array(SLOTS)
  private freshCount = 0
  private expiredS = 0

  constructor(seed: number) {
    this.keys = new KeyedHash(seed)
  }

  /**
   * Takes a slot for the message of `length` bytes (up to DNS_QUERY_MAX) at `at`, and returns it; or says why there is none. The caller
   * fills in where its answer goes, apart from what is given here.
   */
  add(
    port: number,
    resolver: number,
    clientAddress: number,
    ports: number,
    bytes: Uint8Array,
    at: number,
    length: number,
    nowS: number,
  ): number {
    // Of the whole message: whoever has many wait that differ in their last byte alone would have all of them compared for the next one.
    const client = this.keys.ofFour(port, clientAddress, ports, length)
    const hash = this.keys.ofBytes(client, bytes, at, length)
    if (this.isWaiting(hash, port, clientAddress, ports, bytes, at, length)) return ASKED_ALREADY
    if (!this.hasRoom(resolver)) return QUOTA_REACHED
    const slot = this.free[SLOTS - 1 - this.size++]!
    // Its place among the new ones may still be taken by a question that is gone: then it is asked at that place.
    if (this.freshCount === SLOTS) this.forgetGone()
    this.fresh[this.freshCount++] = slot
    this.state[slot] = NEW
    this.port[slot] = port
    this.resolver[slot] = resolver
    this.clientAddress[slot] = clientAddress
    this.ports[slot] = ports
    this.deadlineS[slot] = nowS + WAITS_S
    this.hashes[slot] = hash
    this.chains.link(hash, slot)
    this.perResolver[resolver]!++
    this.length[slot] = length
    const start = slot * MESSAGE_MAX
    for (let index = 0; index < length; index++) this.bytes[start + index] = bytes[at + index]!
    return slot
  }

  /**
   * Whether one more question of the resolver may wait. It has no more than are free for all others: so many that flood leave room
   * for one that asks now and then (the dynamic threshold by which ports of a switch share its memory: Choudhury and Hahne, 1998).
   */
  hasRoom(resolver: number): boolean {
    const own = this.perResolver[resolver]!
    return own < PER_RESOLVER && own < SLOTS - this.size
  }

  /** How many have come since the last `takeNew`; some of them may be gone. */
  get newCount(): number {
    return this.freshCount
  }

  /** Calls `take` with the slot and the ticket of each question that has come since the last call. */
  takeNew(take: (slot: number, ticket: number) => void): void {
    const { freshCount } = this
    this.freshCount = 0
    for (let index = 0; index < freshCount; index++) {
      const slot = this.fresh[index]!
      if (this.state[slot] !== NEW) continue
      this.state[slot] = ASKED
      take(slot, (this.generation[slot]! << SLOT_SHIFT) | slot)
    }
  }

  /** The slot of a ticket whose question waits, or NONE. */
  find(ticket: number): number {
    const slot = ticket & SLOT_MASK
    const isCurrent = this.generation[slot] === ticket >>> SLOT_SHIFT
    return isCurrent && this.state[slot] === ASKED ? slot : ABSENT
  }

  /** Where the message in a slot begins in `bytes`. */
  message(slot: number): number {
    return slot * MESSAGE_MAX
  }

  remove(slot: number): void {
    this.state[slot] = FREE
    this.generation[slot] = (this.generation[slot]! + 1) & GENERATION_MASK
    this.chains.unlink(this.hashes[slot]!, slot)
    this.perResolver[this.resolver[slot]!]!--
    this.free[SLOTS - this.size--] = slot
  }

  /** A port goes: nobody waits there any more. */
  removePort(port: number): void {
    for (let slot = 0; slot < SLOTS && this.size > 0; slot++) {
      if (this.state[slot] !== FREE && this.port[slot] === port) this.remove(slot)
    }
  }

  /** The first slot from `from` on whose question has waited for too long, or NONE; the caller removes it. Looks once a second. */
  overdue(nowS: number, from: number): number {
    if (this.size === 0 || nowS === this.expiredS) return ABSENT
    for (let slot = from; slot < SLOTS; slot++) {
      if (this.state[slot] !== FREE && this.deadlineS[slot]! <= nowS) return slot
    }
    this.expiredS = nowS
    return ABSENT
  }

  private isWaiting(
    hash: number,
    port: number,
    clientAddress: number,
    ports: number,
    bytes: Uint8Array,
    at: number,
    length: number,
  ): boolean {
    for (let slot = this.chains.first(hash); slot !== ABSENT; slot = this.chains.next(slot)) {
      if (
        this.port[slot] === port &&
        this.clientAddress[slot] === clientAddress &&
        this.ports[slot] === ports &&
        this.length[slot] === length &&
        this.isMessage(slot, bytes, at, length)
      ) {
        return true
      }
    }
    return false
  }

  private isMessage(slot: number, bytes: Uint8Array, at: number, length: number): boolean {
    const start = slot * MESSAGE_MAX
    for (let index = 0; index < length; index++) {
      if (this.bytes[start + index] !== bytes[at + index]) return false
    }
    return true
  }

  /** Makes room in the list of new ones: those that are gone leave it, and so does a slot's second mention. */
  private forgetGone(): void {
    let kept = 0
    for (let index = 0; index < this.freshCount; index++) {
      const slot = this.fresh[index]!
      if (this.state[slot] === NEW && this.fresh.indexOf(slot) === index) this.fresh[kept++] = slot
    }
    this.freshCount = kept
  }
}
