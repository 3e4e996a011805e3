import assert from 'node:assert/strict'
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { namespacePath, track } from './scene.ts'

/** What nothing here takes, on a machine that is busy with other tests. */
export const DEADLINE_MS = 45_000

export interface Place {
  /** The name of a network namespace. */
  readonly namespace?: string | undefined
  /** The root folder under which the namespace has that name: that of another process, `/proc/PID/root`. */
  readonly root?: string | undefined
  readonly environment?: NodeJS.ProcessEnv
}

export interface Outcome {
  /** 128 and the signal's number where a signal ended it, as nsenter has it. */
  readonly code: number | null
  readonly output: string
  readonly errors: string
}

/** A program that runs, and what it has printed. It does not outlive this process, not even one that is killed. */
export class Program {
  readonly child: ChildProcessByStdio<null, Readable, Readable>
  /** Resolves when the program has ended and all its output is read. */
  readonly ended: Promise<Outcome>
  output = ''
  errors = ''
  readonly #line: string
  #over = false

  constructor(place: Place, program: string, ...args: readonly string[]) {
    this.#line = [program, ...args].join(' ')
    const { namespace, root = '' } = place
    const enter = namespace === undefined ? [] : ['nsenter', `--net=${root}${namespacePath(namespace)}`, '--']
    this.child = spawn('setpriv', ['--pdeathsig', 'KILL', ...enter, program, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, LC_ALL: 'C', ...place.environment },
    })
    track(this.child)
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => (this.output += text))
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => (this.errors += text))
    this.ended = once(this.child, 'close').then(([code]) => {
      this.#over = true
      return { code: code as number | null, output: this.output, errors: this.errors }
    })
  }

  get pid(): number {
    return this.child.pid!
  }

  /** Resolves when what it has printed, to either stream, matches; rejects where it ends, or takes too long, before. */
  printed(pattern: RegExp): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (error?: Error): void => {
        clearTimeout(timer)
        this.child.stdout.off('data', look)
        this.child.stderr.off('data', look)
        if (error === undefined) resolve()
        else reject(error)
      }
      const found = (): boolean => pattern.test(this.output) || pattern.test(this.errors)
      const look = (): void => {
        if (found()) finish()
      }
      const missed = (): void => finish(new Error(`${this.#line} has not printed ${pattern}: ${this.said}`))
      const timer = setTimeout(missed, DEADLINE_MS)
      this.child.stdout.on('data', look)
      this.child.stderr.on('data', look)
      void this.ended.then(() => (found() ? finish() : missed()))
      look()
    })
  }

  get said(): string {
    return `\n${this.errors}${this.output}`
  }

  /** Ends it by a signal, and waits until it is gone. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Outcome> {
    if (!this.#over) this.child.kill(signal)
    return await this.end()
  }

  /** Resolves when it has ended; rejects where that takes too long. */
  async end(): Promise<Outcome> {
    let timer: NodeJS.Timeout | undefined
    const tooLong = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${this.#line} does not end: ${this.said}`)), DEADLINE_MS)
    })
    try {
      return await Promise.race([this.ended, tooLong])
    } finally {
      clearTimeout(timer)
    }
  }
}

/** Runs a program to its end. */
export const attempt = (place: Place, program: string, ...args: readonly string[]): Promise<Outcome> =>
  new Program(place, program, ...args).end()

/** Runs a program to its end, and resolves to its standard output. Rejects where it fails. */
export async function run(place: Place, program: string, ...args: readonly string[]): Promise<string> {
  const { code, output, errors } = await attempt(place, program, ...args)
  assert.equal(code, 0, `${[program, ...args].join(' ')}\n${errors}${output}`)
  return output
}
