import type { ModelRecord } from './records.ts'
import type { Store } from './store.ts'

/** Keeps the model as long as the object lives. A save can be made to fail. */
export class MemoryStore implements Store {
  #model: ModelRecord | undefined
  #failure: Error | undefined

  constructor(model?: ModelRecord) {
    this.#model = model
  }

  load(): ModelRecord | undefined {
    return this.#model
  }

  async save(read: () => ModelRecord): Promise<void> {
    // Not at once, as with any other store: the model may change until it is read.
    await Promise.resolve()
    if (this.#failure !== undefined) throw this.#failure
    this.#model = read()
  }

  /** Every save from here on rejects with `failure`; with undefined they succeed again. */
  failWith(failure: Error | undefined): void {
    this.#failure = failure
  }
}
