/** How long an address rests, and who had it. */
export interface Rest {
  /** Milliseconds since 1970. */
  readonly untilMs: number
  readonly owner?: string | undefined
}

/** Released addresses. */
export class RestingSet {
  /** In the order in which the rests end, so that who asks for those that have ended looks at no other. */
  #rests = new Map<bigint, Rest>()
  /** The last that each owner has released. */
  readonly #byOwner = new Map<string, bigint>()
  #latestMs = Number.NEGATIVE_INFINITY

  add(address: bigint, rest: Rest): void {
    this.#rests.set(address, rest)
    if (rest.owner !== undefined) this.#byOwner.set(rest.owner, address)
    if (rest.untilMs < this.#latestMs) {
      // Only where the clock went back, or where rests of different lengths were restored.
      this.#rests = new Map([...this.#rests].toSorted(([, a], [, b]) => a.untilMs - b.untilMs))
    } else {
      this.#latestMs = rest.untilMs
    }
  }

  /** The rest that it had; undefined where the address does not rest. */
  delete(address: bigint): Rest | undefined {
    const rest = this.#rests.get(address)
    this.#rests.delete(address)
    if (rest?.owner !== undefined && this.#byOwner.get(rest.owner) === address) {
      this.#byOwner.delete(rest.owner)
    }
    return rest
  }

  has(address: bigint): boolean {
    return this.#rests.has(address)
  }

  /** The address that this owner had last, as long as it rests. */
  addressOf(owner: string): bigint | undefined {
    return this.#byOwner.get(owner)
  }

  /** Takes out the addresses whose rest has ended. */
  takeRested(nowMs: number): bigint[] {
    const rested: bigint[] = []
    for (const [address, { untilMs }] of this.#rests) {
      if (untilMs > nowMs) break
      rested.push(address)
      this.delete(address)
    }
    return rested
  }

  get size(): number {
    return this.#rests.size
  }

  entries(): Iterable<[address: bigint, rest: Rest]> {
    return this.#rests.entries()
  }
}
