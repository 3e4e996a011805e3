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
  const [output, errors] = [new Recorder(), new Recorder()]
  const over = new AbortController()
  const ended = runCli(args, {
    env: { ...process.env, LC_ALL: 'C' },
    stdin: Readable.from([]),
    stdout: output,
    stderr: errors,
    daemonProgram,
    onSignal: () => () => {},
    onInterrupt: () => () => {},
  })
  try {
    const code = await Promise.race([ended, delay(DEADLINE_MS, undefined, { signal: over.signal })])
    if (code === undefined) throw new Error(`${args.join(' ')} does not end: ${errors.text}${output.text}`)
    return { code, output: output.text, errors: errors.text }
  } finally {
    over.abort()
    // The delay rejects then, and nobody waits for it any more.
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
