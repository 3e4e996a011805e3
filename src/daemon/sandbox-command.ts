import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import { namespacePath } from './namespace.ts'

/** What a shell answers for a program that it cannot find. */
const NOT_STARTED = 127

/** How long a command may take to end after SIGTERM. */
const STOP_GRACE_MS = 2000

/**
 * A sandbox's command: runs in its namespace, writes to the daemon's log, and does not outlive the daemon, not even one
 * that is killed (setpriv's --pdeathsig). What it has started in turn ends with its namespace at the latest.
 */
export class SandboxCommand {
  readonly command: readonly string[]
  readonly #child: ChildProcess
  readonly #ended: Promise<void>
  #notStarted = false

  /** `log` is the descriptor that the command's output goes to. `onExit` is called once, with the error where it did not start. */
  constructor(
    namespace: string,
    command: readonly string[],
    log: number,
    onExit: (exitCode: number, error?: Error) => void,
  ) {
    this.command = command
    this.#child = spawn(
      'setpriv',
      ['--pdeathsig', 'KILL', 'nsenter', `--net=${namespacePath(namespace)}`, '--', ...command],
      { stdio: ['ignore', log, log], detached: true },
    )
    this.#ended = new Promise((resolve) => {
      this.#child.once('exit', () => {
        onExit(this.exitCode!)
        resolve()
      })
      this.#child.once('error', (error) => {
        this.#notStarted = true
        onExit(NOT_STARTED, error)
        resolve()
      })
    })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** Undefined while it runs; 128 and the signal's number where a signal ended it. */
  get exitCode(): number | undefined {
    if (this.#notStarted) return NOT_STARTED
    const { exitCode, signalCode } = this.#child
    return signalCode === null ? (exitCode ?? undefined) : 128 + constants.signals[signalCode]
  }

  /**
   * SIGTERM, and SIGKILL after a while, to the command and its group. One that has ended is left alone: its number may
   * be another's by now.
   */
  async stop(): Promise<void> {
    if (this.exitCode !== undefined) return
    this.#signal('SIGTERM')
    const timer = setTimeout(() => this.#signal('SIGKILL'), STOP_GRACE_MS)
    await this.#ended
    clearTimeout(timer)
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.pid === undefined) return
    try {
      process.kill(-this.pid, signal)
    } catch {
      // The group is gone.
    }
  }
}
