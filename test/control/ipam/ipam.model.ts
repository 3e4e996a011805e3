/** IP address management of one network with one small IPv4 pool, by linear search over single addresses. */

export interface ModelPool {
  /** Of the last byte: subnet and dynamic range. */
  readonly first: number
  readonly last: number
  readonly rangeFirst: number
  readonly rangeLast: number
  readonly gateway: number
  readonly serial: boolean
  readonly restMs: number
}

type State =
  | { readonly is: 'fixed' }
  | { readonly is: 'leased'; readonly restedUntilMs: number }
  | { readonly is: 'resting'; readonly untilMs: number }

export class IpamModel {
  readonly #pool: ModelPool
  readonly #states = new Map<number, State>()
  #lastGiven: number | undefined

  constructor(pool: ModelPool) {
    this.#pool = pool
    for (const address of [pool.first, pool.last, pool.gateway]) this.#states.set(address, { is: 'fixed' })
  }

  /** The address, or undefined where none is left. */
  allocate(nowMs: number): number | undefined {
    this.#wake(nowMs)
    const { rangeFirst, rangeLast, serial } = this.#pool
    const range = span(rangeFirst, rangeLast)
    const start = serial && this.#lastGiven !== undefined ? this.#lastGiven + 1 : rangeFirst
    const order = [
      ...range.filter((address) => address >= start),
      ...range.filter((address) => address < start),
    ]
    const free = order.find((address) => !this.#states.has(address))
    if (free === undefined) return undefined
    this.#states.set(free, { is: 'leased', restedUntilMs: 0 })
    this.#lastGiven = free
    return free
  }

  /** Whether it could be had. */
  allocateGiven(address: number): boolean {
    const state = this.#states.get(address)
    if (state?.is === 'fixed' || state?.is === 'leased') return false
    this.#states.set(address, { is: 'leased', restedUntilMs: state?.untilMs ?? 0 })
    return true
  }

  release(address: number, nowMs: number): void {
    if (this.#states.get(address)?.is !== 'leased') return
    this.#states.set(address, { is: 'resting', untilMs: nowMs + this.#pool.restMs })
  }

  unallocate(address: number): void {
    const state = this.#states.get(address)
    if (state?.is !== 'leased') return
    this.#states.set(address, { is: 'resting', untilMs: state.restedUntilMs })
  }

  resting(nowMs: number): { address: number; untilMs: number }[] {
    this.#wake(nowMs)
    return [...this.#states].flatMap(([address, state]) =>
      state.is === 'resting' ? [{ address, untilMs: state.untilMs }] : [],
    )
  }

  usage(nowMs: number): { inUse: number; available: number } {
    this.#wake(nowMs)
    const { rangeFirst, rangeLast } = this.#pool
    return {
      inUse: [...this.#states.values()].filter(({ is }) => is !== 'resting').length,
      available: span(rangeFirst, rangeLast).filter((address) => !this.#states.has(address)).length,
    }
  }

  /** A rest that has been seen to be over is over, also where the clock is set back then. */
  #wake(nowMs: number): void {
    for (const [address, state] of this.#states) {
      if (state.is === 'resting' && state.untilMs <= nowMs) this.#states.delete(address)
    }
  }
}

const span = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index)
