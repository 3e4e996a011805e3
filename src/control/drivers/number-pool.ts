/**
 * Numbers from 0 to `size - 1`, each with one owner at a time. A number that was given back is the last to be given out
 * again: late news about what had it (a port whose TAP vanished) must not meet what has it now.
 */
export class NumberPool {
  readonly #size: number
  readonly #taken = new Set<number>()
  #next = 0

  constructor(size: number) {
    this.#size = size
  }

  /** Undefined where all are taken. */
  take(): number | undefined {
    if (this.#taken.size === this.#size) return undefined
    while (this.#taken.has(this.#next)) this.#next = (this.#next + 1) % this.#size
    const number = this.#next
    this.#taken.add(number)
    this.#next = (number + 1) % this.#size
    return number
  }

  giveBack(number: number): void {
    this.#taken.delete(number)
  }
}
