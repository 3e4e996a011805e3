/** Tasks of one key run one after the other, in the order of asking; those of different keys do not wait for each other. */
export class KeyedLock {
  /** By key: settles when the last task that was asked for is over. Never rejects. */
  readonly #last = new Map<string, Promise<void>>()

  /** Where nothing is under way for the key, the task starts at once, before this returns. */
  run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key)
    const result = before === undefined ? task() : before.then(task)
    const over = result.then(
      () => undefined,
      () => undefined,
    )
    this.#last.set(key, over)
    void over.then(() => {
      if (this.#last.get(key) === over) this.#last.delete(key)
    })
    return result
  }
}
