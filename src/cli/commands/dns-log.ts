import { setTimeout as delay } from 'node:timers/promises'
import { type Command, InvalidArgumentError } from 'commander'
import type { DnsLog, DnsLogEntry } from '../../control/api/dns.ts'
import { DNS_LOG_ENTRIES } from '../../limits.ts'
import { type ApiClient, apiClient } from '../api-client.ts'
import type { Cli } from '../cli.ts'
import { formatLogEntry } from '../dns-text.ts'
import { untilInterrupted } from '../interrupt.ts'
import { examples, parseInteger } from '../options.ts'
import { plural } from '../output.ts'
import { parseInterval } from '../watch.ts'

interface LogOptions {
  readonly follow?: true
  readonly from?: string
  readonly tail?: number
  readonly interval: number
  readonly json?: true
}

export function defineDnsLog(command: Command, cli: Cli): void {
  command
    .description(
      'Shows what was asked: when, by which sandbox, for what, and what became of it, one line for each question. For ' +
        'those that were asked outside the time that this took and the server that has answered stand at the end. The ' +
        `last ${DNS_LOG_ENTRIES} questions of all sandboxes are remembered.`,
    )
    .option('-f, --follow', 'go on with what is asked from now on, until Ctrl-C')
    .option('--from <sandbox>', 'only what this sandbox has asked')
    .option('-n, --tail <count>', 'begin with the last ones only; all unless given', parseTail)
    .option('--interval <seconds>', 'time between two looks of --follow', parseInterval, 0.5)
    .option('--json', 'print a line of JSON for each question')
    .addHelpText(
      'after',
      examples(
        'tapwire dns log',
        'tapwire dns log -f --from web',
        'tapwire dns log -n 20',
        'tapwire dns log --json | jq -r "select(.verdict == \\"failed\\").name"',
      ),
    )
    .action((options: LogOptions) => log(cli, options))
}

function parseTail(text: string): number {
  const count = parseInteger(text)
  if (count >= 0) return count
  throw new InvalidArgumentError('It must not be negative.')
}

async function log(cli: Cli, options: LogOptions): Promise<void> {
  const api = apiClient(cli)
  const { follow, tail = Number.POSITIVE_INFINITY, interval } = options
  await untilInterrupted(cli, async (signal) => {
    const { entries, last } = await look(api, options, 0, signal)
    print(cli, options, tail === 0 ? [] : entries.slice(-tail))
    if (follow === true) await followFrom(cli, api, options, { last, interval, signal })
  })
}

interface Following {
  readonly last: number
  readonly interval: number
  readonly signal: AbortSignal
}

/** Ends by the signal only. */
async function followFrom(
  cli: Cli,
  api: ApiClient,
  options: LogOptions,
  { last, interval, signal }: Following,
): Promise<void> {
  let after = last
  for (;;) {
    await delay(interval * 1000, undefined, { signal })
    let found = await look(api, options, after, signal)
    // A daemon that has started since then counts from 1 again.
    if (found.last < after) found = await look(api, options, 0, signal)
    if (found.lost > 0)
      cli.stderr.write(`${plural(found.lost, 'question')} more than are remembered: not shown\n`)
    print(cli, options, found.entries)
    after = found.last
  }
}

function look(api: ApiClient, { from }: LogOptions, after: number, signal: AbortSignal): Promise<DnsLog> {
  return api.get<DnsLog>('/dns/log', { query: { after, sandbox: from }, signal })
}

function print(cli: Cli, { json }: LogOptions, entries: readonly DnsLogEntry[]): void {
  const lines = entries.map((entry) => `${json === true ? JSON.stringify(entry) : formatLogEntry(entry)}\n`)
  if (lines.length > 0) cli.stdout.write(lines.join(''))
}
