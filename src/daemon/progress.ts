import type { Failure, Progress } from '../control/api.ts'

/** Told while a lab comes up: JSON lines on standard output, for the command that started the daemon. */
export interface Steps {
  /** Tells that `name` starts, does it, and tells how it ended; what it resolves to is the detail. */
  step(name: string, action: () => Promise<string | void>): Promise<void>
}

/**
 * Writes progress to `output` until it is closed. Where the reader has gone away, nobody waits for the lab any
 * more: the next step throws, and what was made is taken down.
 */
export class ProgressWriter implements Steps {
  readonly #output: NodeJS.WriteStream
  #readerGone = false

  constructor(output: NodeJS.WriteStream) {
    this.#output = output
    output.on('error', () => {
      this.#readerGone = true
    })
  }

  async step(name: string, action: () => Promise<string | void>): Promise<void> {
    if (this.#readerGone) throw new Error('the command that brought the lab up has gone away')
    this.#write({ step: name, state: 'start' })
    try {
      const detail = (await action()) ?? undefined
      this.#write({ step: name, state: 'done', detail })
    } catch (error) {
      this.#write({ step: name, state: 'failed' })
      throw error
    }
  }

  ready(): void {
    this.#write({ ready: true })
    this.#output.end()
  }

  failed(failure: Failure): void {
    this.#write({ failed: failure })
    this.#output.end()
  }

  #write(progress: Progress): void {
    if (!this.#readerGone) this.#output.write(`${JSON.stringify(progress)}\n`)
  }
}
