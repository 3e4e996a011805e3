import type { Command } from 'commander'
import { fdbSchema } from '../control/api.ts'
import { get } from './api-client.ts'
import type { Cli } from './cli.ts'
import { theLab } from './labs.ts'
import { formatAge, formatTable, printJson } from './output.ts'

interface FdbOptions {
  readonly lab?: string
  readonly json?: true
}

export function addFdb(program: Command, cli: Cli): void {
  const fdb = program
    .command('fdb')
    .summary("look at the switch's MAC table")
    .description(
      "The forwarding database: behind which port the switch has seen which station's MAC address.",
    )
  fdb
    .command('ls')
    .summary('list the stations')
    .description(
      'Lists the stations that the switch knows, and the seconds since the last frame of each. It learns a station from ' +
        'the source address of its frames, and forgets it after a while of silence.',
    )
    .option('--lab <name>', 'the lab, where several are up')
    .option('--json', 'print the stations as JSON')
    .addHelpText('after', '\nExamples:\n  tapwire fdb ls\n  tapwire fdb ls --json | jq -r ".stations[].mac"')
    .action((options: FdbOptions) => listStations(cli, options))
}

export async function listStations(cli: Cli, options: FdbOptions): Promise<void> {
  const lab = await theLab(cli, options.lab)
  const fdb = await get(lab.paths, '/fdb', fdbSchema)
  if (options.json === true) {
    printJson(cli, fdb)
    return
  }
  const stations = [...fdb.stations].sort(
    (a, b) => a.network.localeCompare(b.network) || a.port - b.port || a.mac.localeCompare(b.mac),
  )
  const rows = stations.map(({ network, mac, sandbox, interface: name, port, ...station }) => {
    const age = station.static ? 'static' : formatAge(station.ageS)
    return [network, mac, sandbox, name, port, age]
  })
  const columns = ['NETWORK', 'MAC', 'SANDBOX', 'INTERFACE'] as const
  cli.stdout.write(
    formatTable([...columns, { heading: 'PORT', align: 'right' }, { heading: 'AGE', align: 'right' }], rows),
  )
}
