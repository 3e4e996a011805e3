import type { Command } from 'commander'
import type { DnsFlushed, DnsRecords } from '../../control/api/dns.ts'
import { apiClient } from '../api-client.ts'
import type { Cli } from '../cli.ts'
import { RECORD_LISTING, sortRecords } from '../dns-text.ts'
import { printListing } from '../format/listing.ts'
import { examples, FORMAT_HELP } from '../options.ts'
import { plural, printJson } from '../output.ts'

interface LsOptions {
  readonly format?: string
  readonly json?: true
}

export function defineDnsLs(command: Command, cli: Cli): void {
  command
    .description(
      'Lists the names by which sandboxes find one another: of all networks, or of one. Each is also known with the ' +
        "network's name behind it (web.blue). A link is known to one sandbox alone. The network `bridge` has no names.",
    )
    .argument('[network]', 'name or id')
    .option('--format <format>', FORMAT_HELP)
    .option('--json', 'print the names as JSON')
    .addHelpText(
      'after',
      examples(
        'tapwire dns ls',
        'tapwire dns ls blue',
        "tapwire dns ls --format '{{.Name}}.{{.Network}} {{.IPv4}}'",
        'tapwire dns ls --json | jq -r ".records[].name"',
      ),
    )
    .action(async (network: string | undefined, { format, json }: LsOptions) => {
      const found = await apiClient(cli).get<DnsRecords>('/dns/records', { query: { network } })
      if (json === true) printJson(cli, found)
      else await printListing(cli, RECORD_LISTING, sortRecords(found.records), { format })
    })
}

export function defineDnsFlush(command: Command, cli: Cli): void {
  command
    .description(
      'Forgets the answers of servers outside that are kept until their TTL has passed. Names of networks are never ' +
        'kept: what changes there is seen by the next question.',
    )
    .addHelpText('after', examples('tapwire dns flush'))
    .action(async () => {
      const { Answers } = await apiClient(cli).delete<DnsFlushed>('/dns/cache')
      cli.stdout.write(`${plural(Answers, 'answer')} forgotten\n`)
    })
}
