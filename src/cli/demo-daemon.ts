/** The demo's own daemon, with a root of its own: it ends with the demo, and leaves nothing. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ErrorCode, TapwireError } from '../control/errors.ts'
import type { Cli } from './cli.ts'
import type { DaemonAddress } from './daemon-address.ts'
import { failureOf, firstLine } from './daemon-start.ts'
import { parseFailure } from './failure.ts'
import { Progress } from './progress.ts'

export class DemoDaemon {
  readonly root: string
  readonly #cli: Cli
  readonly #child: ChildProcess

  /** Resolves when it listens. */
  static async start(cli: Cli): Promise<DemoDaemon> {
    const root = mkdtempSync(join(tmpdir(), 'tapwire-demo-'))
    const progress = new Progress(cli)
    progress.start(START)
    try {
      // Its standard input is ours to close; the kernel does so where we are killed. A session of its own: Ctrl-C is for us.
      const child = spawn(
        process.execPath,
        [cli.daemonProgram, '--root', root, '--ephemeral', '--ready-fd', '3'],
        { cwd: '/', detached: true, env: cli.env, stdio: ['pipe', 'ignore', 'ignore', 'pipe'] },
      )
      const told = await firstLine(child)
      if (!told.includes('"ready"')) throw failureOf(parseFailure(told), '', join(root, 'daemon.log'))
      progress.done(START, START, `its folder is ${root}`)
      return new DemoDaemon(cli, root, child)
    } catch (error) {
      rmSync(root, { recursive: true, force: true })
      throw error
    } finally {
      progress.close()
    }
  }

  private constructor(cli: Cli, root: string, child: ChildProcess) {
    this.#cli = cli
    this.root = root
    this.#child = child
  }

  get address(): DaemonAddress {
    return { root: this.root, socket: join(this.root, 'tapwire.sock') }
  }

  /** Resolves when it has ended, and with it all that was on it. */
  async end(): Promise<void> {
    const progress = new Progress(this.#cli)
    progress.start(END)
    try {
      if (this.#child.exitCode === null && this.#child.signalCode === null) {
        this.#child.ref()
        const exited = once(this.#child, 'exit')
        this.#child.stdin!.destroy()
        await exited
      }
      if (existsSync(this.root)) {
        throw new TapwireError(ErrorCode.daemonFailed, "The demo's daemon has not ended as it should.", {
          hint: `Its log is ${join(this.root, 'daemon.log')}.`,
        })
      }
      progress.done(END)
    } finally {
      progress.close()
    }
  }
}

const START = 'Start a daemon for the demo'
const END = 'Stop it, and remove its folder'
