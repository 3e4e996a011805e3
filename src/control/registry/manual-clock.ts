/** A clock that stands until somebody moves it. */

import { setImmediate as immediate } from 'node:timers/promises'

/** Milliseconds since 1970, and timers; the function returned stops one. */
export interface RegistryClock {
  now(): number
  after(ms: number, callback: () => void): () => void
}

interface Timer {
  readonly atMs: number
  readonly callback: () => void
}

/** Turns of the event loop in which everything that does not wait for time goes on as far as it can. */
const TURNS = 4

export class ManualClock implements RegistryClock {
  #nowMs: number
  readonly #timers = new Set<Timer>()

  constructor(startMs = Date.UTC(2000, 0, 1)) {
    this.#nowMs = startMs
  }

  now(): number {
    return this.#nowMs
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { atMs: this.#nowMs + ms, callback }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  /** Timers go off at their time and in their order, and what they set off happens before the next one. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms
    await turns()
    for (let timer = this.#due(untilMs); timer !== undefined; timer = this.#due(untilMs)) {
      this.#timers.delete(timer)
      this.#nowMs = Math.max(this.#nowMs, timer.atMs)
      timer.callback()
      await turns()
    }
    this.#nowMs = untilMs
  }

  #due(untilMs: number): Timer | undefined {
    let first: Timer | undefined
    for (const timer of this.#timers) {
      if (timer.atMs <= untilMs && (first === undefined || timer.atMs < first.atMs)) first = timer
    }
    return first
  }
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await immediate()
}
