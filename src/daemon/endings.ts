import { describe, type Log } from './log.ts'

/** Why the daemon ends, and the exit code that says so. */
export interface Ending {
  readonly reason: string
  readonly exitCode: number
}

/** The shell's convention for a program that a signal ended. */
const SIGNAL_NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const

/**
 * What ends the daemon. The first signal or request ends it in order; a second signal ends it at once. An error that nobody
 * caught does so too, for nobody knows what still holds: the sandboxes stay, and the next daemon takes them up.
 */
export class Endings {
  readonly wait: Promise<Ending>
  #log: Log | undefined
  #ending: Ending | undefined
  #tell!: (ending: Ending) => void

  constructor() {
    this.wait = new Promise((resolve) => {
      this.#tell = resolve
    })
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (this.#ending !== undefined) process.exit(128 + SIGNAL_NUMBERS[signal])
        this.now({ reason: signal, exitCode: 0 })
      })
    }
    const crash = (error: unknown): void => this.crash('an error that nobody caught', error)
    process.on('uncaughtException', crash)
    process.on('unhandledRejection', crash)
  }

  /** Undefined while nothing ends the daemon. */
  get first(): Ending | undefined {
    return this.#ending
  }

  /** Where errors go that nobody caught. */
  logTo(log: Log): void {
    this.#log = log
  }

  now(ending: Ending): void {
    this.#ending ??= ending
    this.#tell(this.#ending)
  }

  crash(reason: string, error: unknown): never {
    if (this.#log === undefined) process.stderr.write(`tapwire: ${reason}: ${describe(error)}\n`)
    else this.#log.fatal({ error: describe(error) }, reason)
    process.exit(1)
  }
}
