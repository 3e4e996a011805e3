/** What the tour is told with: programs that run in its sandboxes and are shown, and the counters before and after them. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { LabStatus } from '../control/api/lab.ts'
import type { Stats } from '../control/api/switch.ts'
import { TapwireError } from '../control/errors.ts'
import type { ApiClient } from './api-client.ts'
import type { Cli } from './cli.ts'

/** This program itself. */
const MAIN = fileURLToPath(new URL('./main.js', import.meta.url))

const WIDTH_MAX = 100

export type Totals = Stats['totals']

interface DemoInterrupt {
  /** Gets the signal, too. */
  running: ChildProcess | undefined
  /** Throws INTERRUPTED where it happened. */
  check(): Promise<void>
}

interface StageParts {
  readonly api: ApiClient
  /** Of the demo's daemon. */
  readonly root: string
  readonly lab: LabStatus
  readonly interrupt: DemoInterrupt
}

type Stdio = ('ignore' | 'inherit' | 'pipe')[]

export class DemoStage {
  readonly #cli: Cli
  readonly #parts: StageParts
  #chapter = 0
  #before: Stats | undefined

  constructor(cli: Cli, parts: StageParts) {
    this.#cli = cli
    this.#parts = parts
  }

  async begin(title: string): Promise<void> {
    await this.#parts.interrupt.check()
    this.#before = await this.stats()
    this.#cli.stdout.write(
      `\n── ${++this.#chapter}. ${title} ${'─'.repeat(Math.max(3, WIDTH_MAX - 10 - title.length))}\n\n`,
    )
  }

  /** Tells about the difference between the counters at the chapter's beginning and now. */
  async tell(story: (difference: Totals, now: Stats, before: Stats) => string): Promise<void> {
    const before = this.#before!
    const now = await this.stats()
    const difference = Object.fromEntries(
      Object.entries(now.totals).map(([name, value]) => [name, value - before.totals[name as keyof Totals]]),
    ) as Totals
    this.say(story(difference, now, before))
  }

  say(text: string): void {
    const width = Math.min(WIDTH_MAX, this.#cli.stdout.columns ?? WIDTH_MAX)
    this.#cli.stdout.write(
      `\n${wrapped(text, width - 2)
        .map((line) => `▏ ${line}\n`)
        .join('')}`,
    )
  }

  /** Shows a command of which the caller has the output already. */
  show(command: string, output: string): void {
    this.#echo(command)
    this.#cli.stdout.write(output)
  }

  get<T>(path: string): Promise<T> {
    return this.#parts.api.get<T>(path)
  }

  stats(): Promise<Stats> {
    return this.get<Stats>('/stats')
  }

  address(sandbox: string): string {
    return this.#parts.lab.sandboxes.find(({ name }) => name === sandbox)!.endpoints[0]!.address
  }

  /** Runs a command in a sandbox and shows it; throws where it ends with another code than it should. */
  exec(exitCode: number, sandbox: string, command: readonly string[]): Promise<void> {
    return this.tapwire(exitCode, ['exec', sandbox, ...command])
  }

  /** The same with any command of Tapwire. */
  async tapwire(exitCode: number, words: readonly string[]): Promise<void> {
    const command = ['tapwire', ...words].join(' ')
    this.#echo(command)
    const child = this.spawn(words, ['ignore', 'inherit', 'inherit'])
    const [code] = (await once(child, 'close')) as [number | null]
    await this.#parts.interrupt.check()
    if (code === exitCode) return
    throw new TapwireError('DEMO_FAILED', `\`${command}\` ended with ${code}, not ${exitCode}.`, {
      hint: 'See what `tapwire doctor` says.',
    })
  }

  /** Without showing it. */
  spawn(words: readonly string[], stdio: Stdio): ChildProcess {
    const { root, interrupt } = this.#parts
    const child = spawn(process.execPath, [MAIN, '--root', root, ...words], { env: this.#cli.env, stdio })
    interrupt.running = child
    return child
  }

  #echo(command: string): void {
    this.#cli.stdout.write(`$ ${command}\n`)
  }
}

function wrapped(text: string, width: number): string[] {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!
    if (line.length + 1 + word.length > width) lines.push(word)
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
  }
  return lines
}
