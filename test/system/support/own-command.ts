/**
 * Commands of our command line in this process: to start one for each would take longer than most of them do. That the program itself
 * starts and ends as it should is seen where one is started: by the lessons' pipelines, by what goes on, by commands whose input or signals matter.
 */

import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { OutputStream } from '../../../src/cli/cli.ts'
import { runCli } from '../../../src/cli/program.ts'
import { DEADLINE_MS, type Outcome } from './program.ts'
import { until } from './until.ts'

/** Runs a command to its end, as Program does a program: without input, and told of no signal. `args` are those behind `tapwire`. */
export const runOwn = (daemonProgram: string, ...args: readonly string[]): Promise<Outcome> =>
  new OwnCommand(daemonProgram, args).end()

/** A command that goes on, in this process. */
export class OwnCommand {
  /** Both streams, in the order in which they are written to. */
  readonly #all = new Recorder()
  readonly #output = new Recorder(this.#all)
  readonly #errors = new Recorder(this.#all)
  readonly #listeners = new Set<(signal: NodeJS.Signals) => void>()
  readonly #args: readonly string[]
  readonly #ended: Promise<number>

  constructor(daemonProgram: string, args: readonly string[]) {
    this.#args = args
    this.#ended = runCli(args, {
      env: { ...process.env, LC_ALL: 'C' },
      stdin: Readable.from([]),
      stdout: this.#output,
      stderr: this.#errors,
      daemonProgram,
      onSignal: () => () => {},
      onInterrupt: (listener) => {
        this.#listeners.add(listener)
        return () => this.#listeners.delete(listener)
      },
    })
  }

  /** What it has written to both streams. */
  get said(): string {
    return this.#all.text
  }

  /** Resolves once what it has written matches. */
  printed(pattern: RegExp): Promise<void> {
    return until(`${this.#args.join(' ')} has printed ${pattern}`, () => pattern.test(this.said))
  }

  /** Ends it as Ctrl-C does. */
  interrupt(): Promise<Outcome> {
    for (const listener of this.#listeners) listener('SIGINT')
    return this.end()
  }

  /** Resolves when it has ended; rejects where that takes too long. */
  async end(): Promise<Outcome> {
    const over = new AbortController()
    try {
      const code = await Promise.race([this.#ended, delay(DEADLINE_MS, undefined, { signal: over.signal })])
      if (code === undefined) throw new Error(`${this.#args.join(' ')} does not end: ${this.said}`)
      return { code, output: this.#output.text, errors: this.#errors.text }
    } finally {
      over.abort()
      // The delay rejects then, and nobody waits for it any more.
    }
  }
}

class Recorder implements OutputStream {
  readonly #parts: Buffer[] = []
  readonly #other: Recorder | undefined

  /** What is written is written to the other one, too. */
  constructor(other?: Recorder) {
    this.#other = other
  }

  write(data: string | Uint8Array): void {
    this.#parts.push(Buffer.from(data as string))
    this.#other?.write(data)
  }

  get text(): string {
    return Buffer.concat(this.#parts).toString()
  }
}
