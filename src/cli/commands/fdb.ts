import type { Command } from 'commander'
import type { Fdb } from '../../control/api/switch.ts'
import { apiClient } from '../api-client.ts'
import type { Cli } from '../cli.ts'
import { formatStations } from '../fdb-text.ts'
import { examples } from '../options.ts'
import { printJson } from '../output.ts'

interface FdbOptions {
  readonly network?: string
  readonly json?: boolean
}

export function defineFdbLs(command: Command, cli: Cli): void {
  command
    .description(
      'Lists the stations that the switch knows, and the seconds since the last frame of each. It learns a station from ' +
        'the source address of its frames, and forgets it after a while of silence.',
    )
    .option('--network <network>', 'only those of this network')
    .option('--json', 'print the stations as JSON')
    .addHelpText('after', examples('tapwire fdb ls', 'tapwire fdb ls --json | jq -r ".stations[].mac"'))
    .action(async ({ network, json }: FdbOptions) => {
      const all = await apiClient(cli).get<Fdb>('/fdb')
      const fdb = { stations: all.stations.filter((one) => network === undefined || one.network === network) }
      if (json === true) printJson(cli, fdb)
      else cli.stdout.write(formatStations(fdb))
    })
}

export function defineFdbFlush(command: Command, cli: Cli): void {
  command
    .description(
      'Makes the switch forget the stations that it has learned. It learns them again from their next frames.',
    )
    .option('--network <network>', 'only those of this network')
    .addHelpText('after', examples('tapwire fdb flush', 'tapwire fdb flush --network blue'))
    .action(async ({ network }: FdbOptions) => {
      await apiClient(cli).delete('/fdb', { query: { network } })
    })
}
