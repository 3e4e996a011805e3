/** Tasks of one key run one after the other, in the order of asking; those of different keys do not wait for each other. */
export class KeyedLock {
  /** By key: resolves when the last task that was asked for is over. */
  readonly #last = new Map<string, Promise<void>>()

  /** Where nothing is under way for the key, the task starts at once, before this returns. */
  run<T>(key: string, task: () => Promise<T>): Promise<T> {
    return this.runAll([key], task)
  }

  /**
   * The same for a task that several keys are for. It stands in line for all of them from the same moment, so that it waits only for
   * tasks that were asked for before it, and nobody waits in a circle.
   */
  async runAll<T>(keys: Iterable<string>, task: () => Promise<T>): Promise<T> {
    const all = new Set(keys)
    const before = Array.from(all).flatMap((key) => this.#last.get(key) ?? [])
    let end!: () => void
    const over = new Promise<void>((resolve) => {
      end = resolve
    })
    for (const key of all) this.#last.set(key, over)
    try {
      if (before.length > 0) await Promise.all(before)
      return await task()
    } finally {
      for (const key of all) {
        if (this.#last.get(key) === over) this.#last.delete(key)
      }
      end()
    }
  }
}
