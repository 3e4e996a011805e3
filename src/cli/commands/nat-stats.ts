import type { Command } from 'commander'
import type { NatStats } from '../../control/api/nat.ts'
import { apiClient } from '../api-client.ts'
import type { Cli } from '../cli.ts'
import { examples } from '../options.ts'
import { formatCount, formatTable, printJson } from '../output.ts'

export function defineNatStats(command: Command, cli: Cli): void {
  command
    .description('Shows how many connections the router follows, and what became of those before them.')
    .option('--json', 'print the counters as JSON')
    .addHelpText('after', examples('tapwire nat stats', 'tapwire nat stats --json | jq .flows'))
    .action(async ({ json }: { json?: true }) => {
      const stats = await apiClient(cli).get<NatStats>('/nat/stats')
      if (json === true) printJson(cli, stats)
      else cli.stdout.write(formatNatStats(stats))
    })
}

function formatNatStats(stats: NatStats): string {
  const room = `of ${formatCount(stats.capacity)}; one sandbox may have ${formatCount(stats.perOwner)}`
  const rows: readonly (readonly [string, number, string])[] = [
    ['followed', stats.flows, room],
    ...Object.entries(stats.byProtocol).map(([protocol, count]) => [`  ${protocol}`, count, ''] as const),
    ['begun', stats.created, "since the daemon's start, as those below"],
    ['expired', stats.expired, 'were silent for their time'],
    ['evicted', stats.evicted, 'made room for others'],
    ['refused', stats.refusedQuota, 'the sandbox had as many as it may'],
    ['refused', stats.refusedFull, 'the table had no room'],
  ]
  const table = formatTable(
    ['CONNECTIONS', { heading: 'COUNT', align: 'right' }, ''],
    rows.map(([name, count, note]) => [name, formatCount(count), note]),
  )
  const published = `Published: ${formatCount(stats.publishedRanges)} (a range of ports is one).`
  return `${table}\n${published}\nICMP errors sent: ${formatCount(stats.icmpErrorsSent)}.\n`
}
