/** Tells on standard error what a capture does, and in the end how much it was. */

import type { CaptureSummary } from '../../control/api/capture.ts'
import { ErrorCode, TapwireError } from '../../control/errors.ts'
import type { ApiClient } from '../api-client.ts'
import { type Cli, isTerminal } from '../cli.ts'
import { formatAmount, formatCount, plural } from '../output.ts'
import { Progress } from '../progress.ts'
import type { CaptureTally } from './whole-blocks.ts'

const DRAW_MS = 200
/** Time between two looks how many copies were dropped, which only the daemon knows before the end. */
const ASK_MS = 1000

const STEP = 'capture'

export class CaptureProgress {
  readonly #cli: Cli
  readonly #api: ApiClient
  readonly #tally: CaptureTally
  readonly #progress: Progress
  #dropped = 0
  #timers: NodeJS.Timeout[] = []
  #began = false

  constructor(cli: Cli, api: ApiClient, tally: CaptureTally) {
    this.#cli = cli
    this.#api = api
    this.#tally = tally
    this.#progress = new Progress(cli)
  }

  /** `drawn`: there is a line that shows how far it is, where there is a terminal; not between lines of packets. */
  begin(id: string, places: readonly string[], drawn: boolean): void {
    this.#began = true
    const where = places.length === 0 ? 'any' : places.join(' ')
    this.#cli.stderr.write(`Capturing at ${where}. Ctrl-C ends it.\n`)
    if (!drawn || !isTerminal(this.#cli.stderr)) return
    this.#draw()
    this.#timers = [setInterval(() => this.#draw(), DRAW_MS), setInterval(() => void this.#ask(id), ASK_MS)]
  }

  /** What had no room in the file was not captured: the failure itself tells how much was. */
  failed(error: unknown): void {
    if (error instanceof TapwireError && error.code === ErrorCode.outputUnwritable) this.#began = false
  }

  end(): void {
    for (const timer of this.#timers) clearInterval(timer)
    this.#progress.close()
    if (!this.#began) return
    const { packets, dropped } = this.#tally
    const lost = dropped === undefined ? '' : `, ${formatCount(dropped)} dropped by the capture's buffer`
    this.#cli.stderr.write(`${plural(packets, 'packet')} captured${lost}\n`)
  }

  #draw(): void {
    const { packets, bytes } = this.#tally
    const text = `${plural(packets, 'packet')}, ${formatAmount(bytes, 'B')}, ${formatCount(this.#dropped)} dropped by the buffer`
    this.#progress.start(STEP, text)
  }

  async #ask(id: string): Promise<void> {
    // Where that fails, the capture itself will tell.
    const all = await this.#api.get<CaptureSummary[]>('/captures').catch(() => [])
    this.#dropped = all.find((one) => one.id === id)?.dropped ?? this.#dropped
  }
}
