/** Numbers that repeat with their seed: xorshift32 (Marsaglia, "Xorshift RNGs", 2003). */
export class Random {
  #state: number

  constructor(seed: number) {
    // Zero would stay zero.
    this.#state = seed | 0 || 0x9e3779b9
  }

  /** Any int32 but 0, each once in its period. */
  next(): number {
    let state = this.#state
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    this.#state = state
    return state
  }

  /** 0 to `count - 1`. */
  below(count: number): number {
    return (this.next() >>> 1) % count
  }
}
