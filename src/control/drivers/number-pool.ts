/**
 * Numbers from 0 to `size - 1`, each with one owner at a time. A number that was given back is the last to be given out
 * again: late news about what had it (a port whose TAP vanished) must not meet what has it now.
 */
export class NumberPool {
  /** By number, 1 where it has an owner: thousands have, and a set takes thirty bytes for each. */
  readonly #isTaken: Uint8Array
  #taken = 0
  #next = 0

  constructor(size: number) {
    this.#isTaken = new Uint8Array(size)
  }

  /** Undefined where all are taken. */
  take(): number | undefined {
    const { length: size } = this.#isTaken
    if (this.#taken === size) return undefined
    while (this.#isTaken[this.#next] === 1) this.#next = (this.#next + 1) % size
    const number = this.#next
    this.#isTaken[number] = 1
    this.#taken += 1
    this.#next = (number + 1) % size
    return number
  }

  /** One that nobody has is no error. */
  giveBack(number: number): void {
    this.#taken -= this.#isTaken[number] ?? 0
    this.#isTaken[number] = 0
  }
}
