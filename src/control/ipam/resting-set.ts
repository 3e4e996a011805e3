/** Released addresses and when their rest ends, in milliseconds since 1970. */
export class RestingSet {
  /** In the order in which the rests end, so that who asks for those that have ended looks at no other. */
  #untilMs = new Map<bigint, number>()
  #latestMs = Number.NEGATIVE_INFINITY

  add(address: bigint, untilMs: number): void {
    this.#untilMs.set(address, untilMs)
    if (untilMs < this.#latestMs) {
      // Only where the clock went back, or where rests of different lengths were restored.
      this.#untilMs = new Map([...this.#untilMs].toSorted(([, a], [, b]) => a - b))
    } else {
      this.#latestMs = untilMs
    }
  }

  /** The end of the rest that it had; undefined where the address does not rest. */
  delete(address: bigint): number | undefined {
    const untilMs = this.#untilMs.get(address)
    this.#untilMs.delete(address)
    return untilMs
  }

  has(address: bigint): boolean {
    return this.#untilMs.has(address)
  }

  /** Takes out the addresses whose rest has ended. */
  takeRested(nowMs: number): bigint[] {
    const rested: bigint[] = []
    for (const [address, untilMs] of this.#untilMs) {
      if (untilMs > nowMs) break
      rested.push(address)
      this.#untilMs.delete(address)
    }
    return rested
  }

  get size(): number {
    return this.#untilMs.size
  }

  entries(): Iterable<[address: bigint, untilMs: number]> {
    return this.#untilMs.entries()
  }
}
