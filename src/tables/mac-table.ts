/**
 * Where stations live: (bridge domain, MAC address) -> port, for all domains of an engine in one table.
 *
 * An address is two integers, as a frame reader gets them: `hi`, its first two bytes (uint16), and `lo`, its last four
 * (int32). Domains are numbers from 0 to 65,534. Times are whole seconds of a clock that never goes back, 0 to 2^31 - 1.
 *
 * The entries stand in one Int32Array, four words each, so that an entry never straddles a cache line and a lookup touches
 * one line. Open addressing with linear probing; at most half of the slots are in use, so chains stay short:
 *
 *     | lo | top | place | seen |      top: domain + 1, hi: 16 bits each; 0 is a free slot
 *                                      place: port, IS_STATIC; seen: second of the last frame from there
 *
 * Beside it, each port has a list of its learned stations in the order in which they were last heard, linked by slot
 * number (oldest first: the next to age out, the first to be evicted), and one of its static entries. A station is
 * relinked once in a second at most, so a busy one costs a lookup and a compare.
 *
 * Deletion moves later entries of the chain back and mends their links; there are no tombstones to slow lookups down.
 */

import { PORTS_MAX, STATION_AGEING_S_MAX, STATIONS_EXPIRED_MAX, STATIONS_MAX } from '../limits.ts'
import { LinkedLists, NONE } from './linked-lists.ts'
import { PortRanking } from './port-ranking.ts'
import { requireInteger } from './require-integer.ts'
import { scramble } from './scramble.ts'
import { TimerWheel } from './timer-wheel.ts'

/** It lives on that port already. */
const KNOWN = 0
/** It is new, or had aged out. */
const ADDED = 1
/** It lived on another port. */
const MOVED = 2
/** A static entry binds it to another port; nothing has changed. */
const STATIC_ELSEWHERE = 3
/** No room: the port's, or the table's, is taken by static entries. Nothing has changed. */
const REFUSED = 4

/** What became of a station that was learned or added. */
export const LearnResult = {
  known: KNOWN,
  added: ADDED,
  moved: MOVED,
  staticElsewhere: STATIC_ELSEWHERE,
  refused: REFUSED,
} as const

export type LearnResult = (typeof LearnResult)[keyof typeof LearnResult]

export interface MacTableOptions {
  /** Stations that the table holds at most, static ones included: 1 to STATIONS_MAX. */
  readonly capacity: number
  /** Ports are numbered 0 to `ports - 1`; up to PORTS_MAX, and one more for what is no device. */
  readonly ports: number
  /** Stations that one port may hold, static ones included; more than `capacity` means `capacity`. */
  readonly stationsPerPort: number
  /** Seconds of silence after which a learned station is forgotten: 1 to STATION_AGEING_S_MAX. */
  readonly ageingS: number
  /** A random int32 that nobody outside can know: with it, nobody can choose addresses that collide. */
  readonly seed: number
}

/** One line of a listing. */
export interface Station {
  readonly domain: number
  readonly hi: number
  readonly lo: number
  readonly port: number
  /** Seconds since its last frame (to the whole second); 0 for a static entry. */
  readonly ageS: number
  readonly isStatic: boolean
}

/** Words of an entry, and where they are. */
const ENTRY_SHIFT = 2
const ENTRY_WORDS = 1 << ENTRY_SHIFT
const LO = 0
const TOP = 1
const PLACE = 2
const SEEN = 3

/** The word TOP of a slot that holds no entry; no key has it, since domains count from 1 in there. */
const FREE = 0

/** The word PLACE. */
const PORT_MASK = 0xffff
const IS_STATIC = 1 << 16

const SLOTS_MIN = 4

// Constants and functions of this module that are on the path of each frame: V8 folds what a module keeps to itself, but
// loads and checks what it imports or exports at each use.
const ABSENT = -1
const { imul } = Math

export class MacTable {
  readonly capacity: number
  /** Stations that appeared. */
  added = 0
  /** Stations that changed their port. */
  moved = 0
  /** The port that the station lived on before that changed its port last. */
  movedFrom = ABSENT
  /** Stations forgotten because they were silent. */
  aged = 0
  /** Stations forgotten to make room for others. */
  evicted = 0
  /** Stations in the table: learned ones (also silent ones that await their expiry) and static ones. */
  size = 0

  /** By port: 1 where nothing is learned, and only static entries are. */
  readonly closed: Uint8Array
  private readonly ports: number
  private readonly stationsPerPort: number
  private readonly ageingS: number
  /** A power of two of words, so that `entries.length - 1` takes an index around the end. */
  private readonly entries: Int32Array
  private readonly hashShift: number
  private readonly whitening: number
  private readonly multiplier0: number
  private readonly multiplier1: number
  private readonly multiplier2: number
  /** List `port`: its learned stations, oldest first. List `ports + port`: its static ones. */
  private readonly lists: LinkedLists
  private readonly learned: PortRanking
  private readonly held: Int32Array
  private portsHolding = 0
  /** Timer `port` runs while the port has learned stations, and never past the time when the oldest ages out. */
  private readonly wheel: TimerWheel

  /** Throws RangeError where an option is out of its range. */
  constructor(options: MacTableOptions) {
    const integer = requireInteger.bind(undefined, 'MacTable')
    this.capacity = integer('capacity', options.capacity, 1, STATIONS_MAX)
    this.ports = integer('ports', options.ports, 1, PORTS_MAX + 1)
    const stationsPerPort = integer('stationsPerPort', options.stationsPerPort, 1, STATIONS_MAX)
    this.stationsPerPort = Math.min(stationsPerPort, this.capacity)
    this.ageingS = integer('ageingS', options.ageingS, 1, STATION_AGEING_S_MAX)

    const slotBits = 32 - Math.clz32(Math.max(2 * this.capacity, SLOTS_MIN) - 1)
    const slots = 1 << slotBits
    this.entries = new Int32Array(slots * ENTRY_WORDS)
    this.hashShift = 32 - slotBits
    this.whitening = scramble(options.seed, 1)
    this.multiplier0 = scramble(options.seed, 2) | 1
    this.multiplier1 = scramble(options.seed, 3) | 1
    this.multiplier2 = scramble(options.seed, 4) | 1

    this.lists = new LinkedLists(slots, 2 * this.ports)
    this.learned = new PortRanking(this.ports, this.stationsPerPort)
    this.held = new Int32Array(this.ports)
    this.closed = new Uint8Array(this.ports)
    this.wheel = new TimerWheel(this.ports)
  }

  /** Stations that the port holds, static ones included. */
  stationsOf(port: number): number {
    return this.held[port]!
  }

  /** The port where the station lives, or -1. Changes nothing. A station that has aged out is not there. */
  lookup(domain: number, hi: number, lo: number, nowS: number): number {
    const at = this.find(topOf(domain, hi), lo)
    if (at < 0) return ABSENT
    const place = this.entries[at + PLACE]!
    if (nowS - this.entries[at + SEEN]! >= this.ageingS && (place & IS_STATIC) === 0) return ABSENT
    return place & PORT_MASK
  }

  /** Whether the station is bound to its port. */
  isStatic(domain: number, hi: number, lo: number): boolean {
    const at = this.find(topOf(domain, hi), lo)
    return at >= 0 && (this.entries[at + PLACE]! & IS_STATIC) !== 0
  }

  /** What the table has on the station; undefined where `lookup` finds none. Allocates. */
  station(domain: number, hi: number, lo: number, nowS: number): Station | undefined {
    const port = this.lookup(domain, hi, lo, nowS)
    if (port === ABSENT) return undefined
    const at = this.find(topOf(domain, hi), lo)
    const isStatic = (this.entries[at + PLACE]! & IS_STATIC) !== 0
    return { domain, hi, lo, port, ageS: isStatic ? 0 : nowS - this.entries[at + SEEN]!, isStatic }
  }

  /**
   * A frame from this station has come in on `port`: remembers so. Returns a LearnResult.
   *
   * A port that holds all it may gives up the station that it has not heard for longest. So does, in a full table, a port
   * that holds its share or more (capacity over the ports that hold any); below that, the port with the most
   * learned stations gives up one. So a flood of sources from one port costs the others nothing.
   */
  learn(domain: number, hi: number, lo: number, port: number, nowS: number): LearnResult {
    const top = topOf(domain, hi)
    const at = this.find(top, lo)
    if (at < 0) return this.addLearned(top, lo, port, nowS)
    if (this.entries[at + PLACE] === port && this.entries[at + SEEN] === nowS) {
      return KNOWN
    }
    return this.relearn(at, port, nowS)
  }

  /**
   * Binds the station to the port until it is removed: it does not age, move or give way to others. A learned entry becomes
   * static. Where another static entry is in the way, remove that first (staticElsewhere).
   */
  addStatic(domain: number, hi: number, lo: number, port: number): LearnResult {
    const top = topOf(domain, hi)
    let at = this.find(top, lo)
    if (at < 0) {
      if (!this.makeRoom(port)) return REFUSED
      this.insert(top, lo, port | IS_STATIC, 0)
      this.added++
      return ADDED
    }
    const place = this.entries[at + PLACE]!
    const holder = place & PORT_MASK
    if ((place & IS_STATIC) !== 0) return holder === port ? KNOWN : STATIC_ELSEWHERE
    if (holder !== port && !this.makeRoomOnPort(port)) return REFUSED
    at = this.find(top, lo) // making room may have moved it
    this.removeAt(at)
    this.insert(top, lo, port | IS_STATIC, 0)
    if (holder === port) return KNOWN
    this.moved++
    return MOVED
  }

  /** Forgets the station, learned or static. False where the table does not have it. */
  remove(domain: number, hi: number, lo: number): boolean {
    const at = this.find(topOf(domain, hi), lo)
    if (at < 0) return false
    this.removeAt(at)
    return true
  }

  /** Forgets the port's learned stations. Returns how many there were. */
  flushPort(port: number): number {
    return this.empty(port)
  }

  /** Forgets all stations of the port, the static ones too: before its number is given to another. */
  removePort(port: number): number {
    return this.empty(port) + this.empty(this.ports + port)
  }

  /** Forgets the domain's learned stations. Returns how many there were. Reads the whole table. */
  flushDomain(domain: number): number {
    const before = this.size
    let at = 0
    while (at < this.entries.length) {
      if (this.entries[at + TOP]! >>> 16 === domain + 1 && (this.entries[at + PLACE]! & IS_STATIC) === 0) {
        this.removeAt(at) // a later entry may have taken the slot: look again
      } else {
        at += ENTRY_WORDS
      }
    }
    return before - this.size
  }

  /**
   * Forgets stations that have aged out, up to STATIONS_EXPIRED_MAX; the next call goes on where this one stopped.
   * Meant to be called between bursts: it costs a few compares when nothing is due.
   */
  expire(nowS: number): void {
    this.wheel.advance(nowS)
    let budget = STATIONS_EXPIRED_MAX
    while (budget > 0) {
      const port = this.wheel.takeExpired()
      if (port === NONE) return
      budget = this.expirePort(port, nowS, budget - 1)
    }
  }

  /** All stations that have not aged out, in no particular order. The table must not change on the way. */
  *stations(nowS: number): Generator<Station, void, undefined> {
    for (let at = 0; at < this.entries.length; at += ENTRY_WORDS) {
      const top = this.entries[at + TOP]!
      const place = this.entries[at + PLACE]!
      const isStatic = (place & IS_STATIC) !== 0
      const ageS = isStatic ? 0 : nowS - this.entries[at + SEEN]!
      if (top === FREE || ageS >= this.ageingS) continue
      const lo = this.entries[at + LO]!
      yield { domain: (top >>> 16) - 1, hi: top & 0xffff, lo, port: place & PORT_MASK, ageS, isStatic }
    }
  }

  /** Where the key's entry begins in `entries`, or ABSENT. */
  private find(top: number, lo: number): number {
    const entries = this.entries
    let at = this.home(top, lo)
    for (;;) {
      const found = entries[at + TOP]!
      if (found === top && entries[at + LO] === lo) return at
      if (found === FREE) return ABSENT
      at = (at + ENTRY_WORDS) & (entries.length - 1)
    }
  }

  /**
   * Where the key's chain begins in `entries`: three multiplications by secret odd numbers, whose high bits depend on all bits below
   * them, with a shift in between that brings the high bits down. Two would do for random addresses, but one in a
   * hundred seeds then lets counted-up ones pile up in a few slots.
   */
  private home(top: number, lo: number): number {
    const first = imul(lo ^ this.whitening, this.multiplier0)
    const second = imul(first ^ (first >>> 15) ^ top, this.multiplier1)
    return (imul(second ^ (second >>> 15), this.multiplier2) >>> this.hashShift) << ENTRY_SHIFT
  }

  private addLearned(top: number, lo: number, port: number, nowS: number): LearnResult {
    if (this.closed[port] === 1 || !this.makeRoom(port)) return REFUSED
    this.insert(top, lo, port, nowS)
    this.added++
    return ADDED
  }

  /** Learns a station that has an entry, but not for this port and second. */
  private relearn(at: number, port: number, nowS: number): LearnResult {
    const place = this.entries[at + PLACE]!
    const holder = place & PORT_MASK
    if ((place & IS_STATIC) !== 0) return holder === port ? KNOWN : STATIC_ELSEWHERE

    const top = this.entries[at + TOP]!
    const lo = this.entries[at + LO]!
    if (nowS - this.entries[at + SEEN]! >= this.ageingS) {
      this.removeAt(at)
      this.aged++
      return this.addLearned(top, lo, port, nowS)
    }
    if (holder === port) {
      const slot = at >>> ENTRY_SHIFT
      this.entries[at + SEEN] = nowS
      this.lists.unlink(slot)
      this.lists.append(port, slot)
      return KNOWN
    }
    if (this.closed[port] === 1 || !this.makeRoomOnPort(port)) return REFUSED
    this.removeAt(this.find(top, lo)) // making room may have moved it
    this.insert(top, lo, port, nowS)
    this.movedFrom = holder
    this.moved++
    return MOVED
  }

  /** Sees to it that the port may hold one station more. False if it may not. */
  private makeRoomOnPort(port: number): boolean {
    return this.held[port]! < this.stationsPerPort || this.evictOldest(port)
  }

  /** The same for a station that is new to the table. */
  private makeRoom(port: number): boolean {
    if (!this.makeRoomOnPort(port)) return false
    if (this.size < this.capacity) return true
    const held = this.held[port]!
    const hasItsShare = held * this.portsHolding >= this.capacity
    return this.evictOldest(hasItsShare ? port : this.learned.richest())
  }

  private evictOldest(port: number): boolean {
    const slot = this.lists.first(port)
    if (slot === NONE) return false
    this.removeAt(slot << ENTRY_SHIFT)
    this.evicted++
    return true
  }

  /** Forgets up to `budget` aged stations of a port whose timer has expired. Returns what is left of the budget. */
  private expirePort(port: number, nowS: number, budget: number): number {
    for (let left = budget; ; left--) {
      const slot = this.lists.first(port)
      if (slot === NONE) return left
      const at = slot << ENTRY_SHIFT
      const dueS = this.entries[at + SEEN]! + this.ageingS
      if (dueS > nowS || left === 0) {
        this.wheel.set(port, dueS)
        return left
      }
      this.removeAt(at)
      this.aged++
    }
  }

  /** Removes all stations of one of the lists. */
  private empty(list: number): number {
    const before = this.size
    for (let slot = this.lists.first(list); slot !== NONE; slot = this.lists.first(list)) {
      this.removeAt(slot << ENTRY_SHIFT)
    }
    return before - this.size
  }

  /** Enters a station that is not in the table; there is room. */
  private insert(top: number, lo: number, place: number, seen: number): void {
    const entries = this.entries
    let at = this.home(top, lo)
    while (entries[at + TOP] !== FREE) at = (at + ENTRY_WORDS) & (entries.length - 1)
    entries[at + LO] = lo
    entries[at + TOP] = top
    entries[at + PLACE] = place
    entries[at + SEEN] = seen
    this.link(at >>> ENTRY_SHIFT, place & PORT_MASK, (place & IS_STATIC) !== 0, seen)
  }

  private link(slot: number, port: number, isStatic: boolean, seen: number): void {
    if (isStatic) {
      this.lists.append(this.ports + port, slot)
    } else {
      this.lists.append(port, slot)
      this.learned.increment(port)
      if (!this.wheel.isRunning(port)) this.wheel.set(port, seen + this.ageingS)
    }
    if (this.held[port] === 0) this.portsHolding++
    this.held[port]!++
    this.size++
  }

  private removeAt(at: number): void {
    const place = this.entries[at + PLACE]!
    const port = place & PORT_MASK
    this.lists.unlink(at >>> ENTRY_SHIFT)
    if ((place & IS_STATIC) === 0) this.learned.decrement(port)
    this.held[port]!--
    if (this.held[port] === 0) this.portsHolding--
    this.size--
    this.closeGap(at)
  }

  /**
   * Frees a slot without breaking the chains that run over it: an entry behind it moves into the gap unless its home lies
   * behind the gap too, and leaves a gap in turn.
   *
   *     gap          entry        distances go forward, around the end of the table
   *      │   home ─►  │           stays: it is found without crossing the gap
   *      │            │  ◄─ home  moves: home at the gap or before it
   */
  private closeGap(removed: number): void {
    const entries = this.entries
    const mask = entries.length - 1
    let gap = removed
    let at = (gap + ENTRY_WORDS) & mask
    while (entries[at + TOP] !== FREE) {
      const home = this.home(entries[at + TOP]!, entries[at + LO]!)
      if (((at - home) & mask) >= ((at - gap) & mask)) {
        entries.copyWithin(gap, at, at + ENTRY_WORDS)
        this.lists.rename(at >>> ENTRY_SHIFT, gap >>> ENTRY_SHIFT)
        gap = at
      }
      at = (at + ENTRY_WORDS) & mask
    }
    entries[gap + TOP] = FREE
  }
}

/** Domain and first two bytes of the address in one word, never FREE. */
function topOf(domain: number, hi: number): number {
  return ((domain + 1) << 16) | hi
}
