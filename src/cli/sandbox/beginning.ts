import { ErrorCode, TapwireError } from '../../control/errors.ts'
import type { Cli } from '../cli.ts'
import { exitCodeOfSignal } from '../interrupt.ts'

/**
 * The time from the request that makes a sandbox to the one that starts it. A signal in between takes effect where it is
 * known what there is: else nobody would know of the sandbox that the daemon is about to make.
 */
export class Beginning {
  readonly #stopListening: () => void
  #signal: NodeJS.Signals | undefined

  constructor(cli: Cli) {
    this.#stopListening = cli.onInterrupt((signal) => {
      this.#signal ??= signal
    })
  }

  get isInterrupted(): boolean {
    return this.#signal !== undefined
  }

  /** Throws INTERRUPTED where a signal has come. */
  check(): void {
    if (this.#signal === undefined) return
    throw new TapwireError(
      ErrorCode.interrupted,
      `Interrupted by ${this.#signal}; the sandbox was not started.`,
      { exitCode: exitCodeOfSignal(this.#signal) },
    )
  }

  /** From here on, signals are another one's. */
  end(): void {
    this.#stopListening()
  }
}
