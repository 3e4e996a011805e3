import type { Command } from 'commander'
import type { Neighbours } from '../../control/api/nat.ts'
import { apiClient } from '../api-client.ts'
import type { Cli } from '../cli.ts'
import { naturalOrder } from '../natural-order.ts'
import { examples } from '../options.ts'
import { formatTable, printJson } from '../output.ts'

export function defineNeighLs(command: Command, cli: Cli): void {
  command
    .description(
      'Lists the addresses that the router has asked for by ARP or heard of, and the MAC addresses that answered.',
    )
    .option('--json', 'print the neighbours as JSON')
    .addHelpText(
      'after',
      examples('tapwire neigh ls', 'tapwire neigh ls --json | jq -r ".neighbours[].address"'),
    )
    .action(async ({ json }: { json?: true }) => {
      const neighbours = await apiClient(cli).get<Neighbours>('/neighbours')
      if (json === true) printJson(cli, neighbours)
      else cli.stdout.write(formatNeighbours(neighbours))
    })
}

function formatNeighbours({ neighbours }: Neighbours): string {
  const sorted = neighbours.toSorted(
    (a, b) => naturalOrder(a.network, b.network) || naturalOrder(a.address, b.address),
  )
  return formatTable(
    ['NETWORK', 'ADDRESS', 'MAC', 'STATE', 'SANDBOX'],
    sorted.map(({ network, uplink, address, mac, state, sandbox }) => [
      network || (uplink ? '(uplink)' : '(host)'),
      address,
      mac || '-',
      state,
      sandbox || '-',
    ]),
  )
}
