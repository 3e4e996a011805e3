/** Whether a registry answers, as its calls have found. */

import type { RegistryHealth } from './registry.ts'

export class HealthRecord {
  readonly #nowMs: () => number
  readonly #listeners = new Set<(health: RegistryHealth) => void>()
  #health: RegistryHealth = { reachable: false, problem: '' }

  /** Milliseconds since 1970. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  get health(): RegistryHealth {
    return this.#health
  }

  listen(listener: (health: RegistryHealth) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  answered(): void {
    if (!this.#health.reachable) this.#become({ reachable: true, sinceMs: this.#nowMs(), problem: '' })
  }

  /** Another problem of a registry that is unreachable already is kept, and told to nobody. */
  failed(problem: string): void {
    const { reachable, sinceMs } = this.#health
    if (reachable || sinceMs === undefined) {
      this.#become({ reachable: false, sinceMs: this.#nowMs(), problem })
    } else this.#health = { reachable, sinceMs, problem }
  }

  #become(health: RegistryHealth): void {
    this.#health = health
    for (const listener of this.#listeners) listener(health)
  }
}
