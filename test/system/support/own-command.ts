/**
 * Commands of our command line in this process: to start one for each would take longer than most of them do. That the program itself
 * starts and ends as it should is seen where one is started: by the lessons' pipelines, by what goes on, by commands whose input or signals matter.
 */

import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { OutputStream } from '../../../src/cli/cli.ts'
import { runCli } from '../../../src/cli/program.ts'
import { DEADLINE_MS, type Outcome } from './program.ts'

/** Runs a command to its end, as Program does a program: without input, and told of no signal. `args` are those behind `tapwire`. */
export async function runOwn(daemonProgram: string, ...args: readonly string[]): Promise<Outcome> {
  const command = new OwnCommand(daemonProgram, args)
  const code = await command.end()
  return { code, output: command.output.text, errors: command.errors.text }
}

/** A command that goes on, in this process. */
export class OwnCommand {
  readonly output = new Recorder()
  readonly errors: Recorder
  readonly #args: readonly string[]
  readonly #ended: Promise<number>

  /** Where `together`, both streams are `output`, in the order in which they are written to. */
  constructor(daemonProgram: string, args: readonly string[], { together = false } = {}) {
    this.#args = args
    this.errors = together ? this.output : new Recorder()
    this.#ended = runCli(args, {
      env: { ...process.env, LC_ALL: 'C' },
      stdin: Readable.from([]),
      stdout: this.output,
      stderr: this.errors,
      daemonProgram,
      onSignal: () => () => {},
      onInterrupt: () => () => {},
    })
  }

  /** Resolves to its exit code; rejects where it takes too long. */
  async end(): Promise<number> {
    const over = new AbortController()
    try {
      const code = await Promise.race([this.#ended, delay(DEADLINE_MS, undefined, { signal: over.signal })])
      if (code === undefined) throw new Error(`${this.#args.join(' ')} does not end: ${this.#said}`)
      return code
    } finally {
      over.abort()
      // The delay rejects then, and nobody waits for it any more.
    }
  }

  get #said(): string {
    return `${this.errors.text}${this.output.text}`
  }
}

class Recorder implements OutputStream {
  readonly #parts: Buffer[] = []

  write(data: string | Uint8Array): void {
    this.#parts.push(Buffer.from(data as string))
  }

  get text(): string {
    return Buffer.concat(this.#parts).toString()
  }
}
