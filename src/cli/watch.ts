/** Commands that look again and again, until Ctrl-C. */
import { setTimeout as delay } from 'node:timers/promises'
import { InvalidArgumentError } from 'commander'
import { type Cli, isTerminal } from './cli.ts'
import { Screen } from './screen.ts'

export interface WatchOptions {
  /** Seconds between two looks. */
  readonly interval: number
  /** Each look in the place of the one before, where there is a terminal; else one behind the other. */
  readonly onScreen: boolean
}

export async function watch(
  cli: Cli,
  { interval, onScreen }: WatchOptions,
  look: () => Promise<string>,
): Promise<void> {
  const stop = new AbortController()
  const stopListening = cli.onInterrupt(() => stop.abort())
  const screen = onScreen && isTerminal(cli.stdout) ? new Screen(cli) : undefined
  try {
    while (!stop.signal.aborted) {
      const text = await look()
      if (screen === undefined) cli.stdout.write(`${text}\n`)
      else screen.show(text)
      await delay(interval * 1000, undefined, { signal: stop.signal }).catch(() => undefined)
    }
  } finally {
    screen?.close()
    stopListening()
  }
}

/** For commander. */
export function parseInterval(text: string): number {
  const seconds = Number(text)
  if (text.trim() !== '' && seconds >= 0.1 && seconds <= 3600) return seconds
  throw new InvalidArgumentError('It must be a number of seconds from 0.1 to 3600.')
}
