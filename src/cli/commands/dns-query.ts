import type { Command } from 'commander'
import type { DnsAnswerTold } from '../../control/api/dns.ts'
import { apiClient } from '../api-client.ts'
import { type Cli, EXIT_FAILED } from '../cli.ts'
import { colorsFor } from '../colors.ts'
import { formatMs, formatRecords } from '../dns-text.ts'
import { examples, usage } from '../options.ts'
import { printable, printJson } from '../output.ts'
import { formatSteps } from '../steps-text.ts'

interface QueryOptions {
  readonly from: string
  readonly type?: string
  readonly json?: true
}

export function defineDnsQuery(command: Command, cli: Cli): void {
  command
    .description(
      "Asks for a name as a program in a sandbox would by the sandbox's name server, and tells why the answer is what " +
        'it is. The answer is printed as the lines of a zone file. The exit code is 0 where the answer is no error ' +
        '(NOERROR), be it empty, and 1 where it is one (NXDOMAIN, SERVFAIL, REFUSED …), as that of host(1). Log and counters do not have it, as no sandbox has asked.',
    )
    .argument('<name>', 'what is asked for: web, web.blue, example.org, 2.0.18.172.in-addr.arpa')
    .argument('[type]', 'A, AAAA, PTR, SRV, MX, TXT, ANY … or TYPE and a number; A unless given')
    .requiredOption('--from <sandbox>', 'the sandbox that asks')
    .option('-t, --type <type>', 'the type, as an option')
    .option('--json', 'print the answer and the reasons as JSON')
    .addHelpText(
      'after',
      examples(
        'tapwire dns query db --from web',
        'tapwire dns query db.blue AAAA --from web',
        'tapwire dns query -t SRV _80._tcp.web --from client',
        'tapwire dns query example.org --from web --json | jq -r ".answers[].data"',
      ),
    )
    .action(async (name: string, type: string | undefined, options: QueryOptions) => {
      if (type !== undefined && options.type !== undefined)
        throw usage('The type is given twice.', 'Give it as an argument, or as --type.')
      const body = { name, from: options.from, type: (type ?? options.type)?.toUpperCase() }
      const answer = await apiClient(cli).post<DnsAnswerTold>('/dns/query', { body })
      if (options.json === true) printJson(cli, answer)
      else cli.stdout.write(formatAnswer(cli, answer))
      if (answer.rcode !== 'NOERROR') cli.exitCode = EXIT_FAILED
    })
}

function formatAnswer(cli: Cli, answer: DnsAnswerTold): string {
  const colors = colorsFor(cli, cli.stdout)
  const { rcode, verdict, server, durationMs } = answer
  const by = server === '' ? '' : ` by ${printable(server)}`
  const end = `${rcode}: ${verdict}${by}, ${formatMs(durationMs)}`
  const told = rcode === 'NOERROR' ? colors.green(end) : colors.red(end)
  return `${formatRecords(answer)}\nwhy\n${formatSteps(cli, answer.steps)}\n${told}\n`
}
