import { type Command, Option } from 'commander'
import type { SandboxSummary } from '../../control/api/sandbox.ts'
import { apiClient } from '../api-client.ts'
import { type Cli, EXIT_BAD_OPTION } from '../cli.ts'
import { type Listing, printListing } from '../format/listing.ts'
import { formatPorts } from '../format/ports.ts'
import { goTimeOfSeconds, humanDuration } from '../format/time.ts'
import { collect, examples, FORMAT_HELP, filtersOf, parseInteger, usage } from '../options.ts'
import { printable, printJson } from '../output.ts'

interface PsOptions {
  readonly all?: boolean
  readonly quiet?: boolean
  readonly last?: number
  readonly latest?: boolean
  /** --no-trunc makes it false. */
  readonly trunc: boolean
  readonly filter?: readonly string[]
  readonly format?: string
  readonly json?: boolean
}

export function definePs(command: Command, cli: Cli): void {
  command
    .description('Lists the sandboxes that run, with -a also those that do not.')
    .option('-a, --all', 'show all sandboxes, not only those that run')
    .option(
      '-f, --filter <key=value>',
      'name, id, label, status, network, exited, before, since, publish, …',
      collect,
    )
    .option('--format <format>', `${FORMAT_HELP}, or 'wide' for a table with networks`)
    .option('-n, --last <number>', 'show the ones created last, in all states', parseInteger)
    .option('-l, --latest', 'show the one created last, in any state')
    .option('--no-trunc', 'do not shorten what is long')
    .option('-q, --quiet', 'print ids only')
    .addOption(new Option('-s, --size').hideHelp())
    .on('option:size', () => {
      throw usage(
        "--size does not apply: a sandbox has no files of its own; its command works on this machine's.",
        undefined,
        EXIT_BAD_OPTION,
      )
    })
    .option('--json', 'print the sandboxes as JSON, with all that the API tells of them')
    .addHelpText(
      'after',
      examples(
        'tapwire ps -a',
        'tapwire ps --filter network=blue --format wide',
        "tapwire ps --format '{{.Names}}: {{.Status}}'",
        'tapwire rm -f $(tapwire ps -aq)',
      ),
    )
    .action((options: PsOptions) => ps(cli, options))
}

async function ps(cli: Cli, options: PsOptions): Promise<void> {
  const { all, quiet, latest, last, trunc, filter, format, json } = options
  const limit = latest === true ? 1 : last !== undefined && last > 0 ? last : undefined
  const sandboxes = await apiClient(cli).get<SandboxSummary[]>('/sandboxes', {
    query: { all: all === true || limit !== undefined, limit, filters: filtersOf(filter) },
  })
  if (json === true) printJson(cli, sandboxes)
  else await printListing(cli, listing(trunc, Date.now() / 1000), sandboxes, { format, quiet })
}

function listing(trunc: boolean, nowS: number): Listing<SandboxSummary> {
  return {
    columns: ['ID', 'Command', 'RunningFor', 'Status', 'Ports', 'Names'],
    wideColumns: ['ID', 'Command', 'RunningFor', 'Status', 'Ports', 'Networks', 'Names'],
    labels: ({ Labels }) => Labels,
    fields: {
      ID: { heading: 'SANDBOX ID', value: ({ Id }) => (trunc ? Id.slice(0, SHORT_ID) : Id) },
      Names: {
        heading: 'NAMES',
        value: ({ Names }) => Names.map((name) => name.replace(/^\//, '')).join(','),
      },
      Command: { heading: 'COMMAND', value: ({ Command }) => quoted(Command, trunc) },
      CreatedAt: { heading: 'CREATED AT', value: ({ Created }) => goTimeOfSeconds(Created) },
      RunningFor: { heading: 'CREATED', value: ({ Created }) => `${humanDuration(nowS - Created)} ago` },
      Ports: { heading: 'PORTS', value: ({ Ports }) => formatPorts(Ports) },
      State: { heading: 'STATE', value: ({ State }) => State },
      Status: { heading: 'STATUS', value: ({ Status }) => Status },
      Labels: {
        heading: 'LABELS',
        value: ({ Labels }) =>
          Object.entries(Labels)
            .map(([key, value]) => `${key}=${value}`)
            .join(','),
      },
      Networks: {
        heading: 'NETWORKS',
        value: ({ NetworkSettings }) => Object.keys(NetworkSettings.Networks).sort().join(','),
      },
    },
  }
}

const SHORT_ID = 12
const COMMAND_SHOWN = 20

function quoted(command: string, trunc: boolean): string {
  const letters = Array.from(printable(command))
  const text =
    trunc && letters.length > COMMAND_SHOWN
      ? `${letters.slice(0, COMMAND_SHOWN - 1).join('')}…`
      : letters.join('')
  return JSON.stringify(text)
}
