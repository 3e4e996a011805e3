/**
 * A token bucket for each of a number of slots (ports of a switch), on a clock of whole seconds.
 *
 *     tokens of a slot   +perSecond with each second, up to perSecond + burst;   -1 with each message
 *
 * A bucket must hold what comes in at one tick of the clock, so `burst` is what a quiet slot has beyond that: in the long run
 * a slot sends `perSecond` a second, in its first one `burst` more.
 */

export class RateLimit {
  readonly #perSecond: number
  readonly #capacity: number
  readonly #tokens: Int32Array
  /** Second up to which a slot has got its tokens. */
  readonly #filled: Int32Array

  /** Throws RangeError for less than one slot or one message a second, or a negative burst. */
  constructor(slots: number, perSecond: number, burst: number) {
    if (slots < 1 || perSecond < 1 || burst < 0) {
      throw new RangeError(`no rate limit: ${slots} slots, ${perSecond} a second, burst ${burst}`)
    }
    this.#perSecond = perSecond
    this.#capacity = perSecond + burst
    this.#tokens = new Int32Array(slots).fill(this.#capacity)
    this.#filled = new Int32Array(slots)
  }

  /** Whether `slot` may send one more message now; if so, it counts as sent. `nowS` never goes back. */
  take(slot: number, nowS: number): boolean {
    const elapsed = nowS - this.#filled[slot]!
    if (elapsed > 0) {
      this.#filled[slot] = nowS
      this.#tokens[slot] = Math.min(this.#capacity, this.#tokens[slot]! + elapsed * this.#perSecond)
    }
    if (this.#tokens[slot] === 0) return false
    this.#tokens[slot]!--
    return true
  }

  /** Fills the bucket of a slot that begins anew. */
  reset(slot: number): void {
    this.#tokens[slot] = this.#capacity
  }
}
