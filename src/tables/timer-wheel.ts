import { LinkedLists, NONE } from './linked-lists.ts'

/**
 * A hierarchical timer wheel (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", SOSP 1987, scheme 7). Timers
 * are small integers that the owner gives out, time is a tick number of whatever length the owner likes.
 *
 * Four wheels of 256 slots, one for each byte of a 31-bit tick number, cover all deadlines there are. A timer stands in
 * the wheel of the highest byte in which its deadline differs from the present tick:
 *
 *     present   00 00 3a 17                         a slot there is
 *     deadline  00 00 3a 90  -> wheel 0, slot 90    one tick
 *     deadline  00 00 41 02  -> wheel 1, slot 41    256 ticks
 *     deadline  00 07 00 00  -> wheel 2, slot 07    65,536 ticks
 *     deadline  2b 00 00 00  -> wheel 3, slot 2b    16,777,216 ticks
 *
 * When the present reaches the beginning of a slot of a higher wheel, its timers are dealt out to the lower ones. So all
 * occupied slots are ahead of the present, and those of a lower wheel come before those of a higher one: what happens next
 * is the first occupied slot of the lowest wheel that has any. A bitmap finds it. Time leaps from event to event,
 * and a jump of the clock costs what the timers in between cost (four moves each at most), not what the ticks would.
 */

const WHEELS = 4
const SLOT_BITS = 8
const SLOTS = 1 << SLOT_BITS
const BITMAP_WORDS = SLOTS / 32

/**
 * Lists behind the wheels' slots. DUE: to be taken now. LATE: set in the past, due from the next advance on. DEALING: of a
 * slot of a higher wheel that the present has reached, and not dealt out yet.
 */
const DUE = WHEELS * SLOTS
const LATE = DUE + 1
const DEALING = LATE + 1
const LISTS = DEALING + 1

/** What `step` returns that has brought a timer nearer to its deadline, not to it. */
export const DEALT = -2

/** The latest deadline that a wheel knows. */
export const TICK_MAX = 0x7fff_ffff

export class TimerWheel {
  private readonly lists: LinkedLists
  private readonly deadlines: Int32Array
  /**
   * A bit for each slot that has timers, `BITMAP_WORDS` words for each wheel. A slot whose timers were all cancelled keeps
   * its bit until the present gets there, and is then found empty.
   */
  private readonly occupied = new Int32Array(WHEELS * BITMAP_WORDS)
  /** All slots that begin at or before this tick have been emptied. */
  private present: number
  /** The tick of the last advance; `present` catches up with it as expired timers are taken. */
  private target: number

  /** Timers 0 to `capacity - 1`, none running, at tick `now` (0 to TICK_MAX). */
  constructor(capacity: number, now = 0) {
    this.lists = new LinkedLists(capacity, LISTS)
    this.deadlines = new Int32Array(capacity)
    this.present = now
    this.target = now
  }

  /** Stops all timers. */
  clear(): void {
    this.lists.clear()
    this.occupied.fill(0)
  }

  isRunning(timer: number): boolean {
    return this.lists.isLinked(timer)
  }

  /**
   * Starts the timer, or moves its deadline if it runs. It expires at the first advance to `deadline` (up to TICK_MAX)
   * or beyond; one that is not after the last advance expires at the next, wherever that goes.
   */
  set(timer: number, deadline: number): void {
    this.cancel(timer)
    this.deadlines[timer] = deadline
    if (deadline <= this.target) this.lists.append(LATE, timer)
    else this.place(timer)
  }

  /** When the timer expires; of one that does not run, when it would have. */
  deadlineOf(timer: number): number {
    return this.deadlines[timer]!
  }

  /** Stops the timer; one that does not run stays as it is. */
  cancel(timer: number): void {
    if (this.lists.isLinked(timer)) this.lists.unlink(timer)
  }

  /** Moves time to tick `now`; a tick before the last one leaves it where it is. Then take what has expired. */
  advance(now: number): void {
    if (now > this.target) this.target = now
    this.lists.splice(LATE, DUE)
  }

  /**
   * The next expired timer, which no longer runs, or -1 when there are no more. The late ones come first, the others in
   * order of their deadlines. Whoever stops before -1 finds the rest here later.
   */
  takeExpired(): number {
    let timer = this.step()
    while (timer === DEALT) timer = this.step()
    return timer
  }

  /**
   * The same in steps of constant time, for who has many timers and little time: the next expired timer, -1 when there are
   * no more, or DEALT when it has moved one of those timers down that share a slot of a higher wheel.
   */
  step(): number {
    do {
      const due = this.lists.first(DUE)
      if (due !== NONE) {
        this.lists.unlink(due)
        return due
      }
      const timer = this.lists.first(DEALING)
      if (timer !== NONE) {
        this.lists.unlink(timer)
        this.place(timer)
        return DEALT
      }
    } while (this.leap())
    return NONE
  }

  /** Goes to the next occupied slot and empties it, or to the target if that comes first. False at the target. */
  private leap(): boolean {
    if (this.present === this.target) return false
    for (let wheel = 0; wheel < WHEELS; wheel++) {
      const shift = wheel * SLOT_BITS
      const slot = this.firstOccupied(wheel)
      if (slot === NONE) continue
      const windowMask = shift + SLOT_BITS < 32 ? -1 << (shift + SLOT_BITS) : 0
      const beginning = (this.present & windowMask) | (slot << shift)
      if (beginning > this.target) break
      this.present = beginning
      this.empty(wheel * SLOTS + slot)
      return true
    }
    this.present = this.target
    return false
  }

  /** Those of wheel 0 are due; the others have to be dealt out to the lower wheels. */
  private empty(slot: number): void {
    this.occupied[slot >>> 5]! &= ~(1 << (slot & 31))
    this.lists.splice(slot, slot < SLOTS ? DUE : DEALING)
  }

  /** Links a timer whose deadline is not before the present. */
  private place(timer: number): void {
    const deadline = this.deadlines[timer]!
    const difference = deadline ^ this.present
    if (difference === 0) {
      this.lists.append(DUE, timer)
      return
    }
    const wheel = (31 - Math.clz32(difference)) >>> 3
    const slot = wheel * SLOTS + ((deadline >>> (wheel * SLOT_BITS)) & (SLOTS - 1))
    this.lists.append(slot, timer)
    this.occupied[slot >>> 5]! |= 1 << (slot & 31)
  }

  private firstOccupied(wheel: number): number {
    for (let word = 0; word < BITMAP_WORDS; word++) {
      const bits = this.occupied[wheel * BITMAP_WORDS + word]!
      if (bits !== 0) return word * 32 + (31 - Math.clz32(bits & -bits))
    }
    return NONE
  }
}
