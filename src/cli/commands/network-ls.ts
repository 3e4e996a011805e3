import type { Command } from 'commander'
import type { NetworkInspect } from '../../control/api/network.ts'
import { apiClient } from '../api-client.ts'
import type { Cli } from '../cli.ts'
import { type Listing, printListing } from '../format/listing.ts'
import { goTime } from '../format/time.ts'
import { naturalOrder } from '../natural-order.ts'
import { collect, examples, FORMAT_HELP, filtersOf } from '../options.ts'

interface LsOptions {
  readonly filter?: readonly string[]
  readonly format?: string
  /** --no-trunc makes it false. */
  readonly trunc: boolean
  readonly quiet?: boolean
}

export function defineNetworkLs(command: Command, cli: Cli): void {
  command
    .description('Lists networks, by name.')
    .option(
      '-f, --filter <key=value>',
      'driver, id, label, name, scope, type=custom|builtin, dangling',
      collect,
    )
    .option('--format <format>', FORMAT_HELP)
    .option('--no-trunc', 'do not shorten ids')
    .option('-q, --quiet', 'print ids only')
    .addHelpText(
      'after',
      examples(
        'tapwire network ls',
        'tapwire network ls --filter driver=bridge -q',
        "tapwire network ls --format '{{.Name}}: {{.Driver}}'",
      ),
    )
    .action((options: LsOptions) => ls(cli, options))
}

async function ls(cli: Cli, { filter, format, trunc, quiet }: LsOptions): Promise<void> {
  const networks = await apiClient(cli).get<NetworkInspect[]>('/networks', {
    query: { filters: filtersOf(filter) },
  })
  const sorted = networks.toSorted((a, b) => naturalOrder(a.Name, b.Name))
  await printListing(cli, listing(trunc), sorted, { format, quiet })
}

function listing(trunc: boolean): Listing<NetworkInspect> {
  return {
    columns: ['ID', 'Name', 'Driver', 'Scope'],
    labels: ({ Labels }) => Labels,
    fields: {
      ID: { heading: 'NETWORK ID', value: ({ Id }) => (trunc ? Id.slice(0, 12) : Id) },
      Name: { heading: 'NAME', value: ({ Name }) => Name },
      Driver: { heading: 'DRIVER', value: ({ Driver }) => Driver },
      Scope: { heading: 'SCOPE', value: ({ Scope }) => Scope },
      IPv4: { heading: 'IPV4', value: ({ EnableIPv4 }) => String(EnableIPv4) },
      IPv6: { heading: 'IPV6', value: ({ EnableIPv6 }) => String(EnableIPv6) },
      Internal: { heading: 'INTERNAL', value: ({ Internal }) => String(Internal) },
      Labels: {
        heading: 'LABELS',
        value: ({ Labels }) =>
          Object.entries(Labels)
            .map(([key, value]) => `${key}=${value}`)
            .join(','),
      },
      CreatedAt: { heading: 'CREATED AT', value: ({ Created }) => goTime(Created) },
    },
  }
}
