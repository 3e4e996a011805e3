/** Captures until it is over: by its own bounds, by a signal, by its reader, or by a failure. */

import type { CaptureOptions } from '../../control/api/capture.ts'
import type { ApiClient } from '../api-client.ts'
import type { Cli } from '../cli.ts'
import { exitCodeOfSignal } from '../interrupt.ts'
import { type CaptureOutput, ReaderGone } from './capture-output.ts'
import { CaptureStream } from './capture-stream.ts'
import { type CaptureTally, WholeBlocks } from './whole-blocks.ts'

export interface CaptureRun {
  readonly api: ApiClient
  readonly request: CaptureOptions
  /** Seconds until it ends by itself; undefined: never. */
  readonly duration?: number | undefined
  /** Filled in, also where it ends by a failure. */
  readonly tally: CaptureTally
  /** Called when the daemon captures: what was there before is overwritten by a capture, and not by a mistake. */
  open(signal: AbortSignal): CaptureOutput | Promise<CaptureOutput>
  /** What comes from now on is captured. */
  onBegin?(stream: CaptureStream): void
}

/**
 * The first signal ends the capture so that its file becomes whole, and so does `duration`; the second one ends it at once, which the exit
 * code tells. A reader that goes away ends it as well. Throws what CaptureStream and CaptureOutput throw.
 */
export async function runCapture(cli: Cli, run: CaptureRun): Promise<void> {
  const ending = new Ending(cli)
  let output: CaptureOutput | undefined
  try {
    const stream = await CaptureStream.open(run.api, run.request, ending.signal)
    output = await run.open(ending.signal)
    ending.begin(stream, run.duration)
    run.onBegin?.(stream)
    await Promise.race([copy(stream, output, run.tally), ending.atOnce, output.gone ?? ending.atOnce])
    await output.end()
  } catch (error) {
    if (!ending.isAtOnce && !(error instanceof ReaderGone)) throw error
  } finally {
    ending.close()
    output?.close()
  }
}

async function copy(stream: CaptureStream, output: CaptureOutput, tally: CaptureTally): Promise<void> {
  const whole = new WholeBlocks()
  for await (const chunk of stream.chunks()) {
    const blocks = whole.push(chunk)
    if (blocks.length === 0) continue
    await output.write(blocks)
    tally.add(blocks)
  }
}

/** What ends a capture from this side. */
class Ending {
  /** Rejects where it ends at once. */
  readonly atOnce: Promise<never>
  readonly #cli: Cli
  readonly #abort = new AbortController()
  readonly #forget: () => void
  #stream: CaptureStream | undefined
  #stopped = false
  #timer: NodeJS.Timeout | undefined
  /** It was this side that has ended the connection. */
  isAtOnce = false

  constructor(cli: Cli) {
    this.#cli = cli
    this.#forget = cli.onInterrupt((signal) => this.#interrupted(signal))
    this.atOnce = new Promise((_, reject) => {
      this.signal.addEventListener('abort', () => reject(this.signal.reason as Error))
    })
    // Nobody may wait for it.
    this.atOnce.catch(() => undefined)
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  begin(stream: CaptureStream, duration: number | undefined): void {
    this.#stream = stream
    if (duration !== undefined) this.#timer = setTimeout(() => void stream.stop(), duration * 1000)
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#forget()
    // The daemon learns that nobody reads on.
    this.#abort.abort()
  }

  #interrupted(signal: NodeJS.Signals): void {
    if (this.#stream !== undefined && !this.#stopped) {
      this.#stopped = true
      void this.#stream.stop()
      return
    }
    this.isAtOnce = true
    this.#cli.exitCode = exitCodeOfSignal(signal)
    this.#abort.abort()
  }
}
