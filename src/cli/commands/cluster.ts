/** The cluster that a host is in: how it stands there, and what becomes of hosts that are gone. */
import type { Command } from 'commander'
import type { ClusterStatus, HostForgotten } from '../../control/api/cluster.ts'
import { apiClient, segment } from '../api-client.ts'
import type { Cli } from '../cli.ts'
import { naturalOrder } from '../natural-order.ts'
import { examples } from '../options.ts'
import { formatCount, formatTable, plural, printable, printJson } from '../output.ts'
import { forEach } from '../several.ts'

export function defineOverlayStatus(command: Command, cli: Cli): void {
  command
    .description(
      'Shows the cluster that this host is in: whether its registry answers, the hosts that are there or were there, and its networks. ' +
        "ADDRESSES are those that are a host's own in the cluster, also while it is away.",
    )
    .option('--json', 'print it as JSON')
    .addHelpText('after', examples('tapwire overlay status', 'tapwire overlay status --json | jq .registry'))
    .action(async ({ json }: { json?: true }) => {
      const status = await apiClient(cli).get<ClusterStatus>('/cluster')
      if (json === true) printJson(cli, status)
      else cli.stdout.write(formatStatus(status))
    })
}

export function defineOverlayForget(command: Command, cli: Cli): void {
  command
    .description(
      'Gives back all addresses of hosts that are away and will not come back. One that does come back all the same loses those of its addresses ' +
        'that somebody else has by then.',
    )
    .argument('<away-host...>', 'names or ids')
    .addHelpText('after', examples('tapwire overlay forget node-3'))
    .action(async (hosts: string[]) => {
      await forEach(cli, hosts, async (host) => {
        const { addresses } = await apiClient(cli).delete<HostForgotten>(`/cluster/hosts/${segment(host)}`)
        cli.stdout.write(`${printable(host)}: ${plural(addresses.length, 'address')} given back\n`)
      })
    })
}

function formatStatus(status: ClusterStatus): string {
  return `${[factsOf(status), hostsOf(status), networksOf(status)].filter((part) => part !== '').join('\n')}`
}

function factsOf({ cluster, host, state, problem, registry, waiting }: ClusterStatus): string {
  const since = registry.since === '' ? '' : ` since ${registry.since}`
  const answer = registry.reachable
    ? `answers${since}`
    : `does not answer${since}: ${registry.problem || 'it was not asked yet'}`
  const rows: [string, string][] = [
    ['Cluster', cluster],
    ['Host', `${host.name}, ${host.advertise} port ${host.udpPort}`],
    ['State', problem === '' ? state : `${state}: ${problem}`],
    ['Registry', answer],
  ]
  if (waiting > 0)
    rows.push(['Waiting', `${plural(waiting, 'endpoint')} of this host, until the registry hears of them`])
  return rows.map(([name, value]) => `${`${name}:`.padEnd(10)}${printable(value)}\n`).join('')
}

function hostsOf({ hosts }: ClusterStatus): string {
  return formatTable(
    ['HOST', 'ADDRESS', 'STATE', right('ENDPOINTS'), right('ADDRESSES')],
    hosts
      .toSorted((a, b) => naturalOrder(a.name, b.name))
      .map(({ name, advertise, isSelf, present, endpoints, addresses }) => [
        isSelf ? `${name} (this)` : name,
        advertise || '-',
        present ? 'there' : 'away',
        formatCount(endpoints),
        formatCount(addresses),
      ]),
  )
}

function networksOf({ networks }: ClusterStatus): string {
  if (networks.length === 0) return ''
  return formatTable(
    ['NETWORK', right('VNI'), right('ENDPOINTS'), right('HOSTS'), 'HERE'],
    networks
      .toSorted((a, b) => naturalOrder(a.name, b.name))
      .map(({ name, vni, endpoints, problem }) => {
        const counts = Object.values(endpoints)
        const total = counts.reduce((sum, count) => sum + count, 0)
        return [
          name,
          vni,
          formatCount(total),
          formatCount(counts.length),
          problem === '' ? 'yes' : `no: ${problem}`,
        ]
      }),
  )
}

const right = (heading: string) => ({ heading, align: 'right' }) as const
