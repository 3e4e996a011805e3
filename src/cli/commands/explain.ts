import type { Command } from 'commander'
import type { ExplainAnswer, ExplainRequest } from '../../control/api/explain.ts'
import { apiClient } from '../api-client.ts'
import { type Cli, EXIT_FAILED } from '../cli.ts'
import { colorsFor } from '../colors.ts'
import { examples, usage } from '../options.ts'
import { printable, printJson } from '../output.ts'
import { formatSteps } from '../steps-text.ts'

const PROTOCOLS = ['tcp', 'udp', 'icmp'] as const

const ENDS = `
Source and destination:
  web                a sandbox
  web@blue           its place on this network
  172.18.0.2         a sandbox's address, or one beyond the uplink
  internet           any address beyond the uplink
  uplink, gateway    as a destination: the uplink's own address, that of the source's gateway`

export function defineExplain(command: Command, cli: Cli): void {
  command
    .description(
      'Tells hop by hop what the data path would decide about the first packet from one place to another, and why. ' +
        'The data path itself is asked; nothing is sent, and nothing learned. The packet is a TCP SYN or a UDP datagram where ' +
        'a port is given, and an ICMP echo request where not. The exit code is 0 where the packet arrives or is answered, ' +
        'and 1 where not.',
    )
    .argument('<source>', 'where it comes from')
    .argument('<destination>', 'where it is to go: DESTINATION[:PORT][/tcp|udp|icmp]')
    .option('--json', 'print the steps as JSON')
    .addHelpText(
      'after',
      `${ENDS}\n${examples(
        'tapwire explain web db:5432',
        'tapwire explain web 192.0.2.9:53/udp',
        'tapwire explain web internet',
        'tapwire explain web gateway:53/udp',
        'tapwire explain internet uplink:8080',
      )}`,
    )
    .action(async (source: string, destination: string, { json }: { json?: true }) => {
      const body = { source, ...parseDestination(destination) }
      const answer = await apiClient(cli).post<ExplainAnswer>('/explain', { body })
      if (json === true) printJson(cli, answer)
      else cli.stdout.write(formatExplanation(cli, answer))
      if (answer.outcome !== 'delivered' && answer.outcome !== 'answered') cli.exitCode = EXIT_FAILED
    })
}

/** `db:5432/tcp`, `db/icmp`, `db`. Throws USAGE. */
function parseDestination(text: string): Omit<ExplainRequest, 'source'> {
  const slash = text.lastIndexOf('/')
  const place = slash === -1 ? text : text.slice(0, slash)
  const protocol = slash === -1 ? undefined : protocolOf(text.slice(slash + 1))
  const colon = place.indexOf(':')
  if (colon === -1) return { destination: place, ...(protocol && { protocol }) }
  if (place.includes(':', colon + 1))
    throw usage(`'${place}' is no IPv4 address: the router does not route IPv6`)
  const port = portOf(place.slice(colon + 1))
  return { destination: place.slice(0, colon), port, ...(protocol && { protocol }) }
}

function protocolOf(text: string): (typeof PROTOCOLS)[number] {
  const protocol = PROTOCOLS.find((one) => one === text.toLowerCase())
  if (protocol === undefined) throw usage(`unknown protocol '${text}'`, 'It is one of tcp, udp, icmp.')
  return protocol
}

function portOf(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (port < 1 || port > 65_535) throw usage(`'${text}' is no port: it must be from 1 to 65535`)
  return port
}

function formatExplanation(cli: Cli, { packet, steps, outcome }: ExplainAnswer): string {
  const colors = colorsFor(cli, cli.stdout)
  const arrives = outcome === 'delivered' || outcome === 'answered'
  const verdict = verdictOf(outcome, steps)
  return `${titleOf(packet)}\n\n${formatSteps(cli, steps)}\n${arrives ? colors.green(verdict) : colors.red(verdict)}\n`
}

function titleOf(packet: ExplainAnswer['packet']): string {
  const { sandbox, network, source, destination, destinationPort, protocol } = packet
  const from = sandbox === '' ? source : `${sandbox} (${source} on ${network})`
  const to = protocol === 'icmp' ? destination : `${destination}:${destinationPort}`
  return printable(`${protocol}: ${from} → ${to}`)
}

function verdictOf(outcome: ExplainAnswer['outcome'], steps: ExplainAnswer['steps']): string {
  switch (outcome) {
    case 'delivered':
      return 'Delivered.'
    case 'answered':
      return 'Answered by the router.'
    case 'dropped': {
      const reason = steps.find((step) => step.reason !== undefined)?.reason
      return `Dropped${reason === undefined ? '' : `: ${reason}`}.`
    }
    case 'unknown':
      return 'How it would end is not known.'
  }
}
