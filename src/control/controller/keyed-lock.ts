/** Tasks of one key run one after the other, in the order of asking; those of different keys do not wait for each other. */
export class KeyedLock {
  /** By key: resolves when the last task that was asked for is over. */
  readonly #last = new Map<string, Promise<void>>()

  /** Where nothing is under way for the key, the task starts at once, before this returns. */
  async run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key)
    let end!: () => void
    const over = new Promise<void>((resolve) => {
      end = resolve
    })
    this.#last.set(key, over)
    try {
      if (before !== undefined) await before
      return await task()
    } finally {
      if (this.#last.get(key) === over) this.#last.delete(key)
      end()
    }
  }

  /** The same for a task that several keys are for. All take them in one order, so that nobody waits in a circle. */
  runAll<T>(keys: Iterable<string>, task: () => Promise<T>): Promise<T> {
    const [first, ...others] = [...new Set(keys)].toSorted()
    return first === undefined ? task() : this.run(first, () => this.runAll(others, task))
  }
}
