import { RETRY_MS } from '../../limits.ts'
import type { Surroundings } from '../model/machine.ts'

/** What failed and is tried again later on; not any more when the daemon is about to end. */
export class Retries {
  readonly #surroundings: Pick<Surroundings, 'after'>
  readonly #waiting = new Set<() => void>()
  #over = false

  constructor(surroundings: Pick<Surroundings, 'after'>) {
    this.#surroundings = surroundings
  }

  /** The task deals with its own failures. */
  later(task: () => Promise<void>): void {
    if (this.#over) return
    const cancel = this.#surroundings.after(RETRY_MS, () => {
      this.#waiting.delete(cancel)
      void task()
    })
    this.#waiting.add(cancel)
  }

  /** For good: what is under way may fail yet. */
  cancelAll(): void {
    this.#over = true
    for (const cancel of this.#waiting) cancel()
    this.#waiting.clear()
  }
}
