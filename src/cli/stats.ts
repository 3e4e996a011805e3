import { setTimeout as delay } from 'node:timers/promises'
import { type Command, InvalidArgumentError } from 'commander'
import { type Stats, statsSchema } from '../control/api.ts'
import { get } from './api-client.ts'
import type { Cli } from './cli.ts'
import { type LabUp, theLab } from './labs.ts'
import { isTerminal, printJson } from './output.ts'
import { Screen } from './screen.ts'
import { formatRates, formatTotals, ratesBetween } from './stats-text.ts'

interface StatsOptions {
  readonly lab?: string
  readonly watch?: true
  readonly interval: number
  readonly json?: true
}

export function addStats(program: Command, cli: Cli): void {
  program
    .command('stats')
    .summary('show what the switch has counted')
    .description(
      'Shows the frames and bytes of each port, what the switch did with the frames, and why it dropped some. "In" is ' +
        'from the sandbox into the switch, "out" is from the switch to the sandbox.',
    )
    .option('--lab <name>', 'the lab, where several are up')
    .option('--watch', 'go on, with rates, until Ctrl-C')
    .option('--interval <seconds>', 'time between two looks of --watch', parseInterval, 1)
    .option('--json', 'print the counters as JSON; with --watch, one line for each look')
    .addHelpText(
      'after',
      '\nExamples:\n  tapwire stats\n  tapwire stats --watch\n  tapwire stats --watch --json | jq .rates',
    )
    .action((options: StatsOptions) => stats(cli, options))
}

function parseInterval(text: string): number {
  const seconds = Number(text)
  if (text.trim() !== '' && seconds >= 0.1 && seconds <= 3600) return seconds
  throw new InvalidArgumentError('It must be a number of seconds from 0.1 to 3600.')
}

async function stats(cli: Cli, options: StatsOptions): Promise<void> {
  const lab = await theLab(cli, options.lab)
  if (options.watch === true) {
    await watch(cli, lab, options)
    return
  }
  const now = await look(lab)
  if (options.json === true) printJson(cli, now)
  else cli.stdout.write(formatTotals(now))
}

function look(lab: LabUp): Promise<Stats> {
  return get(lab.paths, '/stats', statsSchema)
}

async function watch(cli: Cli, lab: LabUp, options: StatsOptions): Promise<void> {
  const stop = new AbortController()
  const stopListening = cli.onInterrupt(() => stop.abort())
  const screen = options.json !== true && isTerminal(cli.stdout) ? new Screen(cli) : undefined
  let before: Stats | undefined
  try {
    while (!stop.signal.aborted) {
      const now = await look(lab)
      const rates = ratesBetween(before, now)
      if (options.json === true) cli.stdout.write(`${JSON.stringify({ ...now, rates: rates ?? null })}\n`)
      else if (screen === undefined) cli.stdout.write(`${formatRates(lab.name, now, rates)}\n`)
      else screen.show(formatRates(lab.name, now, rates))
      before = now
      await delay(options.interval * 1000, undefined, { signal: stop.signal }).catch(() => undefined)
    }
  } finally {
    screen?.close()
    stopListening()
  }
}
