/** What the control plane finds of a machine that is not there: the same each time. */

import { createHash } from 'node:crypto'
import { setImmediate as immediate } from 'node:timers/promises'
import type { Surroundings } from '../control/model/machine.ts'
import { SIMULATED_TIMERS_MAX } from '../limits.ts'

/** At 0 of the simulated clock: some time, the same for all. */
const BEGINNING_MS = Date.UTC(2000, 0, 1)

/** Turns of the event loop in which everything that does not wait for time goes on as far as it can. */
const TURNS = 4

interface Timer {
  readonly atMs: number
  readonly callback: () => void
}

export class SimulatedSurroundings implements Surroundings {
  readonly #seed: number
  /** Milliseconds of the simulated clock. */
  readonly #clock: () => number
  readonly #timers = new Set<Timer>()
  #drawn = 0

  constructor(seed: number, clock: () => number) {
    this.#seed = seed
    this.#clock = clock
  }

  now(): number {
    return BEGINNING_MS + this.#clock()
  }

  randomBytes(count: number): Uint8Array {
    const hash = createHash('shake256', { outputLength: count })
    return hash.update(`${this.#seed} ${this.#drawn++}`).digest()
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { atMs: this.#clock() + ms, callback }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  hostResolvConf(): string {
    return ''
  }

  hostHosts(): string {
    return '127.0.0.1\tlocalhost\n'
  }

  hostHostname(): string {
    return 'simulation'
  }

  async reservedPrefixes(): Promise<readonly string[]> {
    return []
  }

  /** Lets everything happen that the control plane has in mind; `pass` lets the clock go on to where the next timer goes off. */
  async settle(pass: (nowMs: number) => void): Promise<void> {
    await turns()
    for (let count = 0; count < SIMULATED_TIMERS_MAX; count++) {
      const [next] = [...this.#timers].toSorted((a, b) => a.atMs - b.atMs)
      if (next === undefined) return
      this.#timers.delete(next)
      pass(next.atMs)
      next.callback()
      await turns()
    }
  }
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await immediate()
}
