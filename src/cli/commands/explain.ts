import { existsSync } from 'node:fs'
import { type Command, InvalidArgumentError } from 'commander'
import type { ExplainAnswer, ExplainRequest } from '../../control/api/explain.ts'
import { type PacketRange, parsePacketRange } from '../../inspect/story/packet-range.ts'
import { apiClient } from '../api-client.ts'
import { type Cli, EXIT_FAILED } from '../cli.ts'
import { colorsFor } from '../colors.ts'
import { collect, examples, leaveAway, parseInteger, usage } from '../options.ts'
import { printable, printJson } from '../output.ts'
import { formatSteps } from '../steps-text.ts'
import { type FormatOptions, parseStoryFormat, STORY_FORMATS, storyFormat } from '../story-format.ts'

const PROTOCOLS = ['tcp', 'udp', 'icmp'] as const

const ENDS = `
Source and destination:
  web                a sandbox, also of another host of the cluster; as a destination also a service, or another name that
                     DNS knows: tasks.web, an alias
  web@blue           its place on this network
  172.18.0.2         a sandbox's address, or one beyond the uplink
  internet           any address beyond the uplink
  uplink, gateway    as a destination: the uplink's own address, that of the source's gateway`

export function defineExplain(command: Command, cli: Cli): void {
  command
    .description(
      'Tells hop by hop what the data path would decide about the first packet from one place to another, and why. ' +
        'The data path itself is asked; nothing is sent, and nothing learned. The packet is a TCP SYN or a UDP datagram where ' +
        'a port is given, and an ICMP echo request where not. The exit code is 0 where the packet arrives, is answered ' +
        'or goes through a tunnel to another host, and 1 where not.\n\n' +
        'Of a capture, frame by frame: how it arrived, what was learned and decided and by which row of which table, which bytes ' +
        'changed, and where it left or why it did not. With --lab its frames go through the data path of a lab that is only simulated; ' +
        "without, Tapwire's own captures tell what became of them, and of others the packets are shown.\n\n" +
        'With --follow the same of what passes a sandbox or a network now.',
    )
    .argument(
      '[source]',
      'where it comes from; or a capture (- is standard input); or, with --follow, a sandbox or network',
    )
    .argument('[destination]', 'where it is to go: DESTINATION[:PORT][/tcp|udp|icmp]')
    .option('--lab <lab.yaml>', 'of a capture: the lab file whose data path its frames go through')
    .option(
      '--packet <number>',
      'of a capture: only this packet; 7-9 those, 7- those from there on',
      parsePackets,
    )
    .option(
      '--from-port <map>',
      'where frames come from, as of `tapwire replay` (may be given several times)',
      collect,
    )
    .option('--lab-host <name>', 'of a lab with hosts: the one whose networks are simulated')
    .option('--uplink <uplink>', 'the way out of the simulated networks, as of `tapwire replay`')
    .option(
      '--answer-arp',
      'answer ARP requests in the place of sandboxes, and of whoever is behind the uplink',
    )
    .option('--seed <number>', 'of what is chosen at random, such as the ports of masquerading', parseInteger)
    .option('-f, --follow', 'what passes from now on, until Ctrl-C')
    .option('--filter <expression>', 'with --follow: which frames, as tcpdump takes it')
    .option('-c, --count <number>', 'with --follow: end after so many frames', parseCount)
    .option('--format <format>', `of frames: ${STORY_FORMATS.join(', ')}`, parseStoryFormat)
    .option('--size <bytes>', 'of a packet of icmp or udp: bytes of the IP packet', parseBytes)
    .option('--source-port <port>', 'of a packet of tcp or udp: where it comes from', parsePort)
    .option('--mac <address>', "of a packet: the next hop's MAC address, as `ip neigh` has it at the source")
    .option('--json', 'the same as --format json')
    .option('--markdown', 'the same as --format markdown')
    .option('--html', 'the same as --format html: a page for class, in one file')
    .option('-o, --output <file>', 'of a capture: write to this file')
    .addHelpText(
      'after',
      `${ENDS}\n${examples(
        'tapwire explain web db:5432',
        'tapwire explain web 192.0.2.9:53/udp',
        'tapwire explain web internet',
        'tapwire explain web gateway:53/udp',
        'tapwire explain internet uplink:8080',
        'tapwire explain web 10.1.0.9 --size 1500',
        'tapwire explain capture.pcapng --packet 7',
        'tapwire explain capture.pcapng --lab lab.yaml --html -o page.html',
        "tapwire explain --follow web --filter 'tcp port 80'",
      )}`,
    )
    .action(async (source: string | undefined, destination: string | undefined, options: ExplainOptions) => {
      if (options.follow === true) await follow(cli, [source, destination], options)
      else if (source === undefined) throw usage('There is nothing to explain.', WHAT_HINT)
      else if (destination === undefined) await explainCapture(cli, source, options)
      else await explainPacket(cli, source, destination, options)
    })
}

interface ExplainOptions extends FormatOptions {
  readonly lab?: string
  readonly packet?: PacketRange
  readonly fromPort?: readonly string[]
  readonly labHost?: string
  readonly uplink?: string
  readonly answerArp?: true
  readonly seed?: number
  readonly follow?: true
  readonly filter?: string
  readonly count?: number
  readonly output?: string
  readonly size?: number
  readonly sourcePort?: number
  readonly mac?: string
}

const WHAT_HINT =
  'Write `tapwire explain SOURCE DESTINATION`, `tapwire explain FILE`, or `tapwire explain --follow SANDBOX`.'

const OF_CAPTURES = ['lab', 'packet', 'fromPort', 'labHost', 'uplink', 'answerArp', 'seed', 'output'] as const
const OF_FOLLOWING = ['filter', 'count'] as const
const OF_FRAMES = ['format', 'markdown', 'html'] as const
const OF_PACKETS = ['size', 'sourcePort', 'mac'] as const

/** Throws USAGE where one of the options that mean nothing here is given. */
function refuse(options: ExplainOptions, names: readonly (keyof ExplainOptions)[], why: string): void {
  const given = names.filter((name) => options[name] !== undefined)
  if (given.length === 0) return
  throw usage(why, leaveAway(given))
}

async function explainPacket(
  cli: Cli,
  source: string,
  destination: string,
  options: ExplainOptions,
): Promise<void> {
  refuse(
    options,
    [...OF_CAPTURES, ...OF_FOLLOWING, ...OF_FRAMES],
    'From one place to another there is one packet, which no file has.',
  )
  const { size, sourcePort, mac } = options
  const more = { ...(size && { size }), ...(sourcePort && { sourcePort }), ...(mac && { mac }) }
  const body = { source, ...parseDestination(destination), ...more }
  const answer = await apiClient(cli).post<ExplainAnswer>('/explain', { body })
  if (options.json === true) printJson(cli, answer)
  else cli.stdout.write(formatExplanation(cli, answer))
  if (!arrives(answer.outcome)) cli.exitCode = EXIT_FAILED
}

async function explainCapture(cli: Cli, path: string, options: ExplainOptions): Promise<void> {
  refuse(options, [...OF_FOLLOWING, ...OF_PACKETS], 'A capture is told of as it is.')
  if (path !== '-' && !existsSync(path)) throw usage(`There is no file '${path}'.`, WHAT_HINT)
  const { explainFile } = await import('../explain-file.ts')
  await explainFile(cli, path, { ...options, range: options.packet, format: storyFormat(options) })
}

async function follow(
  cli: Cli,
  given: readonly (string | undefined)[],
  options: ExplainOptions,
): Promise<void> {
  refuse(
    options,
    [...OF_CAPTURES, ...OF_PACKETS],
    'What passes is told of as it passes, on the standard output.',
  )
  const places = given.filter((place) => place !== undefined)
  if (places.length === 0) throw usage('Whom to follow?', 'Name a sandbox or a network, or `any`.')
  const { filter, count } = options
  const { explainFollow } = await import('../explain-follow.ts')
  await explainFollow(cli, { places, filter, count, format: storyFormat(options) })
}

function parsePackets(text: string): PacketRange {
  const range = parsePacketRange(text)
  if (range === undefined) throw new InvalidArgumentError('It is a number from 1, or a range as 7-9.')
  return range
}

function parseBytes(text: string): number {
  const size = parseInteger(text)
  if (size >= 28 && size <= 65_535) return size
  throw new InvalidArgumentError('It must be from 28 to 65535.')
}

function parsePort(text: string): number {
  const port = parseInteger(text)
  if (port >= 1 && port <= 65_535) return port
  throw new InvalidArgumentError('It must be from 1 to 65535.')
}

function parseCount(text: string): number {
  const count = parseInteger(text)
  if (count >= 1) return count
  throw new InvalidArgumentError('It must be 1 or more.')
}

/** `db:5432/tcp`, `db/icmp`, `db`. Throws USAGE. */
function parseDestination(text: string): Omit<ExplainRequest, 'source'> {
  const slash = text.lastIndexOf('/')
  const place = slash === -1 ? text : text.slice(0, slash)
  const protocol = slash === -1 ? undefined : protocolOf(text.slice(slash + 1))
  const colon = place.indexOf(':')
  if (colon === -1) return { destination: place, ...(protocol && { protocol }) }
  if (place.includes(':', colon + 1))
    throw usage(
      `'${place}' is no IPv4 address: the router does not route IPv6`,
      'Between sandboxes of one network IPv6 passes by MAC address alone: `tapwire explain --follow` tells of it.',
    )
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

/** What is in a tunnel counts as well: all that this host can do for it is done. */
const arrives = (outcome: ExplainAnswer['outcome']): boolean => outcome !== 'dropped' && outcome !== 'unknown'

function formatExplanation(cli: Cli, { packet, steps, outcome }: ExplainAnswer): string {
  const colors = colorsFor(cli, cli.stdout)
  const verdict = verdictOf(outcome, steps)
  return `${titleOf(packet)}\n\n${formatSteps(cli, steps)}\n${arrives(outcome) ? colors.green(verdict) : colors.red(verdict)}\n`
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
    case 'tunnelled':
      return 'Sent to another host, which takes it from there.'
    case 'dropped': {
      const reason = steps.find((step) => step.reason !== undefined)?.reason
      return `Dropped${reason === undefined ? '' : `: ${reason}`}.`
    }
    case 'unknown':
      return 'How it would end is not known.'
  }
}
