import type { Command } from 'commander'
import type { DnsStats } from '../../control/api/dns.ts'
import { apiClient } from '../api-client.ts'
import type { Cli } from '../cli.ts'
import { formatMs } from '../dns-text.ts'
import { naturalOrder } from '../natural-order.ts'
import { examples } from '../options.ts'
import { type Column, formatCount, formatTable, plural, printJson } from '../output.ts'
import { parseInterval, watch } from '../watch.ts'

interface StatsOptions {
  readonly watch?: true
  readonly interval: number
  readonly json?: true
}

export function defineDnsStats(command: Command, cli: Cli): void {
  command
    .description(
      'Shows what became of the questions for names, how full the cache of answers from outside is, and how the ' +
        'servers outside do.',
    )
    .option('--watch', 'go on until Ctrl-C')
    .option('--interval <seconds>', 'time between two looks of --watch', parseInterval, 1)
    .option('--json', 'print the counters as JSON; with --watch, one line for each look')
    .addHelpText(
      'after',
      examples(
        'tapwire dns stats',
        'tapwire dns stats --watch',
        'tapwire dns stats --json | jq .verdicts.forwarded',
      ),
    )
    .action((options: StatsOptions) => stats(cli, options))
}

async function stats(cli: Cli, options: StatsOptions): Promise<void> {
  const api = apiClient(cli)
  const { interval } = options
  const json = options.json === true
  const look = (): Promise<DnsStats> => api.get<DnsStats>('/dns/stats')
  if (options.watch === true) {
    await watch(cli, { interval, onScreen: !json }, async () => {
      const found = await look()
      return json ? JSON.stringify(found) : formatDnsStats(found)
    })
    return
  }
  const found = await look()
  if (json) printJson(cli, found)
  else cli.stdout.write(formatDnsStats(found))
}

/** What the words for what became of a question mean; in the order of the table. */
const NOTES: Readonly<Record<string, string>> = {
  answered: "from the networks' names",
  empty: 'have the name, and nothing of the type',
  nxdomain: 'no network has the name, and nobody was to be asked',
  forwarded: 'by a server outside',
  cached: 'as a server outside did before',
  failed: 'no server outside has answered',
  refused: 'from who has no names here, or of whom too many wait',
  malformed: 'could not be read',
  unsupported: 'of a kind that is not served',
}

function formatDnsStats(stats: DnsStats): string {
  const { udp, other, verdicts, truncated, pending, names, endpoints, cache, servers } = stats
  // A daemon that is newer may know more of them.
  const kinds = new Set([...Object.keys(NOTES), ...Object.keys(verdicts)])
  const rows: readonly (readonly [string, number, string])[] = [
    ['asked', udp + other, "since the daemon's start, as those below"],
    ['  udp', udp, "by frames to a gateway's port 53"],
    ['  other', other, 'by TCP, or at 127.0.0.11'],
    ...[...kinds].map((kind) => [kind, verdicts[kind] ?? 0, NOTES[kind] ?? ''] as const),
    ['cut short', truncated, 'did not fit the client, which may ask by TCP'],
    ['waiting', pending, 'for a server outside, now'],
  ]
  const table = formatTable(
    ['QUESTIONS', { heading: 'COUNT', align: 'right' }, ''],
    rows.map(([name, count, note]) => [name, formatCount(count), note]),
  )
  const known = `Names: ${formatCount(names)}, of ${plural(endpoints, 'endpoint')}.`
  const kept =
    `Cache: ${formatCount(cache.entries)} of ${formatCount(cache.capacity)} answers; ${formatCount(cache.hits)} found, ` +
    `${formatCount(cache.misses)} not, ${formatCount(cache.evicted)} evicted.`
  return `${table}\n${known}\n${kept}\n${formatServers(servers)}`
}

const right = (heading: string): Column => ({ heading, align: 'right' })

function formatServers(servers: DnsStats['servers']): string {
  if (servers.length === 0) return ''
  const sorted = servers.toSorted(
    (a, b) => naturalOrder(a.sandbox, b.sandbox) || naturalOrder(a.address, b.address),
  )
  const columns = ['ASKED', 'ANSWERED', 'TIMEOUTS', 'FAILURES', 'REJECTED', 'TIME'].map(right)
  const rows = sorted.map(({ address, sandbox, roundTripMs, ...counts }) => [
    address,
    sandbox || '(machine)',
    ...[counts.asked, counts.answered, counts.timeouts, counts.failures, counts.rejected].map(formatCount),
    roundTripMs === undefined ? '-' : formatMs(roundTripMs),
  ])
  return `\n${formatTable(['SERVER', 'OF', ...columns], rows)}`
}
