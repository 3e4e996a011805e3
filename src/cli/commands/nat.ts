import { type Command, InvalidArgumentError, Option } from 'commander'
import type { NatFlows, NatFlushed } from '../../control/api/nat.ts'
import { FLOWS_LISTED_MAX } from '../../limits.ts'
import { type ApiClient, apiClient } from '../api-client.ts'
import type { Cli } from '../cli.ts'
import { formatListing } from '../format/listing.ts'
import { FLOW_LISTING, sortFlows } from '../nat-text.ts'
import { examples, FORMAT_HELP, parseInteger } from '../options.ts'
import { formatCount, plural, printJson } from '../output.ts'
import { parseInterval, watch } from '../watch.ts'

interface Selection {
  readonly protocol?: string
  readonly sandbox?: string
  readonly network?: string
  readonly address?: string
  readonly port?: number
}

interface LsOptions extends Selection {
  readonly limit?: number
  readonly format?: string
  readonly json?: true
  readonly watch?: true
  readonly interval: number
}

export function defineNatLs(command: Command, cli: Cli): void {
  addSelection(
    command.description(
      'Lists the connections that the router follows. SOURCE and DESTINATION are those of the first packet as it came; ' +
        'TRANSLATED is what it leaves with: on the left of the arrow its source, on the right its destination. ' +
        '# is the number that captures and tapwire explain call it by. ' +
        'EXPIRES is the time that a connection is remembered without another packet.',
    ),
  )
    .option('--limit <count>', 'show so many; 1000 unless given', parseLimit)
    .option('--format <format>', FORMAT_HELP)
    .option('--json', 'print the connections as JSON; with --watch, one line for each look')
    .option('--watch', 'go on until Ctrl-C')
    .option('--interval <seconds>', 'time between two looks of --watch', parseInterval, 1)
    .addHelpText(
      'after',
      examples(
        'tapwire nat ls',
        'tapwire nat ls --sandbox web --protocol tcp --watch',
        'tapwire nat ls --json | jq .total',
        "tapwire nat ls --format '{{.Source}} {{.Translated}}'",
      ),
    )
    .action((options: LsOptions) => ls(cli, options))
}

export function defineNatFlush(command: Command, cli: Cli): void {
  addSelection(
    command.description(
      'Makes the router forget connections: all, or those that the options say. Their next packets are those of new ' +
        'connections, or are dropped where they cannot begin one.',
    ),
  )
    .addHelpText('after', examples('tapwire nat flush', 'tapwire nat flush --sandbox web --port 443'))
    .action(async (selection: Selection) => {
      const { Flows } = await apiClient(cli).delete<NatFlushed>('/nat/flows', { query: queryOf(selection) })
      cli.stdout.write(`${plural(Flows, 'connection')} ended\n`)
    })
}

function addSelection(command: Command): Command {
  return command
    .addOption(
      new Option('--protocol <protocol>', 'only those of this protocol').choices(['tcp', 'udp', 'icmp']),
    )
    .option('--sandbox <sandbox>', 'only those of this sandbox')
    .option('--network <network>', 'only those from or to this network')
    .option('--address <address>', 'only those of this address, before or after translation')
    .option('--port <port>', 'only those of this port, before or after translation', parsePort)
}

function parsePort(text: string): number {
  const port = parseInteger(text)
  if (port >= 0 && port <= 65_535) return port
  throw new InvalidArgumentError('It must be from 0 to 65535.')
}

function parseLimit(text: string): number {
  const count = parseInteger(text)
  if (count >= 1 && count <= FLOWS_LISTED_MAX) return count
  throw new InvalidArgumentError(`It must be from 1 to ${FLOWS_LISTED_MAX}.`)
}

const queryOf = ({ protocol, sandbox, network, address, port }: Selection) => ({
  protocol,
  sandbox,
  network,
  address,
  port,
})

async function ls(cli: Cli, options: LsOptions): Promise<void> {
  const api = apiClient(cli)
  const { interval } = options
  const json = options.json === true
  if (options.watch === true) {
    await watch(cli, { interval, onScreen: !json }, async () => {
      const found = await look(api, options)
      return json ? JSON.stringify(found) : `${countOf(found)}\n\n${await tableOf(found, options)}`
    })
    return
  }
  const found = await look(api, options)
  if (json) {
    printJson(cli, found)
    return
  }
  cli.stdout.write(await tableOf(found, options))
  if (found.total > found.flows.length) cli.stderr.write(`${countOf(found)}; --limit shows more\n`)
}

function look(api: ApiClient, options: LsOptions): Promise<NatFlows> {
  return api.get<NatFlows>('/nat/flows', { query: { ...queryOf(options), limit: options.limit } })
}

const tableOf = ({ flows }: NatFlows, { format }: LsOptions): Promise<string> =>
  formatListing(FLOW_LISTING, sortFlows(flows), { format })

function countOf({ flows, total }: NatFlows): string {
  const all = plural(total, 'connection')
  return flows.length < total ? `${formatCount(flows.length)} of ${all}` : all
}
