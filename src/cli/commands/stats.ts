import type { Command } from 'commander'
import type { Stats } from '../../control/api/switch.ts'
import { type ApiClient, apiClient } from '../api-client.ts'
import type { Cli } from '../cli.ts'
import { examples } from '../options.ts'
import { printJson } from '../output.ts'
import { formatRates, formatTotals, ratesBetween } from '../stats-text.ts'
import { parseInterval, watch } from '../watch.ts'

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

async function stats(cli: Cli, options: StatsOptions): Promise<void> {
  const api = apiClient(cli)
  if (options.watch === true) {
    await watchRates(cli, api, options)
    return
  }
  const now = await look(api)
  if (options.json === true) printJson(cli, now)
  else cli.stdout.write(formatTotals(now))
}

function look(api: ApiClient): Promise<Stats> {
  return api.get<Stats>('/stats')
}

async function watchRates(cli: Cli, api: ApiClient, options: StatsOptions): Promise<void> {
  const { interval } = options
  const json = options.json === true
  let before: Stats | undefined
  await watch(cli, { interval, onScreen: !json }, async () => {
    const now = await look(api)
    const rates = ratesBetween(before, now)
    before = now
    return json ? JSON.stringify({ ...now, rates: rates ?? null }) : formatRates(now, rates)
  })
}
