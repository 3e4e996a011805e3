import { setTimeout as delay } from 'node:timers/promises'
import { type Command, InvalidArgumentError } from 'commander'
import type { Stats } from '../../control/api/switch.ts'
import { type ApiClient, apiClient } from '../api-client.ts'
import { type Cli, isTerminal } from '../cli.ts'
import { examples } from '../options.ts'
import { printJson } from '../output.ts'
import { Screen } from '../screen.ts'
import { formatRates, formatTotals, ratesBetween } from '../stats-text.ts'

interface StatsOptions {
  readonly watch?: true
  readonly interval: number
  readonly json?: true
}

export function defineStats(command: Command, cli: Cli): void {
  command
    .description(
      'Shows the frames and bytes of each port, what the switch did with the frames, and why it dropped some. "In" is ' +
        'from the sandbox into the switch, "out" is from the switch to the sandbox.',
    )
    .option('--watch', 'go on, with rates, until Ctrl-C')
    .option('--interval <seconds>', 'time between two looks of --watch', parseInterval, 1)
    .option('--json', 'print the counters as JSON; with --watch, one line for each look')
    .addHelpText(
      'after',
      examples('tapwire stats', 'tapwire stats --watch', 'tapwire stats --watch --json | jq .rates'),
    )
    .action((options: StatsOptions) => stats(cli, options))
}

function parseInterval(text: string): number {
  const seconds = Number(text)
  if (text.trim() !== '' && seconds >= 0.1 && seconds <= 3600) return seconds
  throw new InvalidArgumentError('It must be a number of seconds from 0.1 to 3600.')
}

async function stats(cli: Cli, options: StatsOptions): Promise<void> {
  const api = apiClient(cli)
  if (options.watch === true) {
    await watch(cli, api, options)
    return
  }
  const now = await look(api)
  if (options.json === true) printJson(cli, now)
  else cli.stdout.write(formatTotals(now))
}

function look(api: ApiClient): Promise<Stats> {
  return api.get<Stats>('/stats')
}

async function watch(cli: Cli, api: ApiClient, options: StatsOptions): Promise<void> {
  const stop = new AbortController()
  const stopListening = cli.onInterrupt(() => stop.abort())
  const screen = options.json !== true && isTerminal(cli.stdout) ? new Screen(cli) : undefined
  let before: Stats | undefined
  try {
    while (!stop.signal.aborted) {
      const now = await look(api)
      const rates = ratesBetween(before, now)
      if (options.json === true) cli.stdout.write(`${JSON.stringify({ ...now, rates: rates ?? null })}\n`)
      else if (screen === undefined) cli.stdout.write(`${formatRates(now, rates)}\n`)
      else screen.show(formatRates(now, rates))
      before = now
      await delay(options.interval * 1000, undefined, { signal: stop.signal }).catch(() => undefined)
    }
  } finally {
    screen?.close()
    stopListening()
  }
}
