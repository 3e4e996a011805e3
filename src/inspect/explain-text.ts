/** A decision of the data path as a sentence for people. */

import { DROP_REASONS } from '../datapath/drop-reason.ts'
import { LINK_PERCENT_DIGITS } from '../limits.ts'

export interface DecisionStep {
  readonly stage: string
  readonly verdict: string
  /** A name of DROP_REASONS, where the verdict is `drop`. */
  readonly reason?: string | undefined
  readonly values: Readonly<Record<string, string | number | boolean>>
}

/**
 * By stage and verdict, in the order of a packet's way. `{name}` stands for a value; a part in brackets is left out where one of its
 * values is missing, empty or false.
 */
const SENTENCES: Readonly<Record<string, string>> = {
  'kernel local':
    'The address {address} is its own: the kernel of {sandbox} delivers it without sending anything.',
  'kernel drop': 'The kernel of {sandbox} has no route to {address}: "Network is unreachable".',
  'kernel unresolved':
    'The kernel of {sandbox} asks for {nextHop} by ARP on network {network}, where no sandbox that is known here has this address.',
  'kernel answered': 'So the kernel of {sandbox} sends the packet to {mac}.',
  'kernel guess':
    'If {nextHop} has the MAC address that follows from it, as sandboxes have, then {mac} answers, which the switch has heard, and the packet goes there.',
  'kernel wait':
    'Whoever has {nextHop} answers, and the packet goes there; if nobody does, the kernel of {sandbox} gives up: "No route to host".',
  'kernel fragment':
    'Its interface takes packets of up to {mtu} bytes: the kernel of {sandbox} sends the {size} bytes in {fragments} fragments, of which this is the first.',
  'kernel send': 'The kernel of {sandbox} sends it by {interface} to {nextHop} ({mac}[, as {says} has it]).',
  'host elsewhere':
    '{sandbox} is on host {host}, whose daemon can tell the beginning of the way. The frame comes here by the tunnel[, on network {network}].',
  'cluster stale':
    'The registry of the cluster has not answered[ since {since}]: of other hosts is known what it said before.',
  'cluster outside': 'This host is no member of its cluster: {problem}.',
  'cluster away':
    '{address} is an address of the host {host}, which is away: nobody else gets it, and nobody answers for it.',
  'uplink arrive': 'It comes from {address}, by the uplink[ {interface}].',
  'uplink fragment':
    'By there come packets of up to {mtu} bytes: the {size} bytes come in {fragments} fragments, of which this is the first.',
  'link may-double': 'The link[ {way} {interface}][ of {sandbox}] doubles {duplicate}.',
  'link may-lose': 'The link[ {way} {interface}][ of {sandbox}] loses {loss}.',
  'link may-corrupt': 'The link[ {way} {interface}][ of {sandbox}] turns one bit over of {corrupt}.',
  'link may-go-ahead':
    'The link[ {way} {interface}][ of {sandbox}] lets {reorder} go ahead of those that wait.',
  'link serialise':
    'The link[ {way} {interface}][ of {sandbox}] carries {rate}[: the frame waits for the {waiting} before it].',
  'link delay':
    'The link[ {way} {interface}][ of {sandbox}] delays it by {delayUs}[, give or take up to {jitterUs}].',
  'ingress accept':
    'The switch takes the frame[ of {length} bytes][ from {interface}][ of {sandbox}][, on network {network}][, {place}].',
  'guard accept': 'It may come from there: the port was given {mac}[ and {address}].',
  'capture says': '{comment}',
  'learn new': 'The switch learns from it that {mac} lives behind {interface}[ of {sandbox}].',
  'learn moved':
    'The switch learns from it that {mac} lives behind {interface}[ of {sandbox}], and no more behind {oldInterface}[ of {oldSandbox}].',
  'bridge forward':
    'Its target[ {mac}] is in the MAC table: it lives behind {interface}[ of {sandbox}][ (host {host})][, last heard {ageS}][, a {entry} entry].',
  'bridge flood':
    'Nobody is known to have its target address[ {mac}]: the frame goes to all other ports[, {ports} in number].',
  'bridge flood group':
    'Its target {mac} is an address of many: the frame goes to all other ports[, {ports} in number].',
  'bridge router': 'Its target[ {mac}] is an address of the router, which takes it.',
  'bridge arp': 'The router reads the ARP packet as well.',
  'router packet': 'The router looks at the packet[ from {source} to {destination}, with a TTL of {ttl}].',
  'router for-host': 'Its destination is the gateway, whose address the machine has[ on network {network}].',
  'flow known':
    'It belongs to connection[ #{number}] in the table[, begun as {original}][: {state}][, {direction} direction].',
  'flow new': 'No connection in the table has these addresses: it would begin one.',
  'flow began': 'It begins connection #{number}, which the table now has.',
  'flow part': 'It belongs to connection #{number}.',
  'service choose':
    'It is for service[ {service}][ at {address}][, which has chosen {backend}][ ({sandbox})][ on host {host}][ for it, of {backends} backends][: its score {score}, a hash of the flow and the backend, is the highest, before {nextScore} of {next}].',
  'service closed':
    'Port {port} is published by service {service} in the mode {mode}, and is not open here: {problem}.',
  'service reply':
    'It is the answer of a backend to a client of the service: the router puts the address in that the client has asked.',
  'route return': 'The router of another host has sent what it answers: it goes back there.',
  'published-port match':
    'It is meant for the published port[ {address}:{port}][, which leads to {targetAddress}:{targetPort}][ on network {network}].',
  'policy accept': 'What comes from {from} may go to {to}.',
  'destination-nat translate':
    'Its destination[ {oldAddress}][:{oldPort}][ (identifier {oldIdentifier})] becomes {address}[:{port}][ (identifier {identifier})][, by {by}].',
  'source-nat translate':
    'Its source[ {oldAddress}][:{oldPort}][ (identifier {oldIdentifier})] becomes {address}[:{port}][ (identifier {identifier})][, by {by}].',
  'route match': 'The route {prefix} leads to[ network {network}][ {place}][, by the next hop {nextHop}].',
  'neighbour known': '{address} has the MAC address {mac}[, says the ARP table ({state})].',
  'neighbour remote':
    '{address} is on another host[, {host}]: this router hands packets for it to the router there, whose MAC address in the tunnel is {mac}.',
  'neighbour note': 'The router notes in its ARP table that {address} has the MAC address {mac}.',
  'neighbour unknown':
    'The MAC address of {address} is not known: the packet waits while the router asks for it by ARP.',
  'neighbour answer': '{sandbox} answers, and the packet goes on to {interface}.',
  'egress transmit': 'It leaves[ by {interface}][ of {sandbox}][, on network {network}][, {place}].',
  'tunnel decapsulate':
    'It comes out of the tunnel from the host[ {host} at] {address}[, with network identifier {vni}].',
  'tunnel encapsulate':
    'It goes into the tunnel to the host[ {host} at] {address}[, with network identifier {vni}][, on network {network}][, in {pieces}][, as a UDP packet of {outerLength} bytes from {local} to port {udpPort}][; its source port is number {source} of {sources}, by the hash of the flow][. The way takes packets of up to {mtu} bytes].',
  'tunnel replicate':
    'A copy goes into the tunnel to each host that is a peer on the network (head-end replication): {addresses}[ and {more} more][, with network identifier {vni}].',
  'tunnel leave-out': 'None goes to {addresses}[ and {more} more]: {cause}.',
  'tunnel keep':
    'What is for everybody, or for a station that nobody knows, stays on this host: the network does not flood, so none goes to the other hosts[, {peers} in number].',
  'tunnel split-horizon':
    'What came from a host goes to no other one (split horizon)[, of which there are {peers}].',
  'tunnel suppress':
    '{address} is on another host and has the MAC address {mac}: the switch answers in its place.',
  'answer echo-reply': 'The router answers with an echo reply.',
  'answer arp-reply': 'The router answers that the address is its own, or that it leads there.',
  'router consume': 'It was for the router alone, which reads it.',
  'fragments wait':
    'It is a fragment that came before the first one of its datagram, and waits for that one.',

  'names search': 'The question is for {name}[, type {type}].',
  'names link': '{name} is a link of the sandbox that asks, and stands for {target}[ on network {network}].',
  'names match': '{name} is {kind}[ on network {network}][, that of {hosts} sandboxes].',
  'names choose':
    'The packet goes to the first address of the answer, {address}[ ({sandbox})][ on host {host}][, of {answers}: {addresses}][ and {more} more][; the next answer begins with {next}].',
  'names miss': 'Nothing is called {name}[ on network {network}].',
  'names answer': 'The answer is what the name has of the type that was asked for.',
  'names empty': 'The answer is empty: no error, and nothing of the type that was asked for.',
  'names nxdomain': 'Nobody outside is to be asked either, so there is no such name.',
  'names forward': 'None of the networks knows it: it is asked outside.',
  'names refused':
    'It is refused: it is no question about the Internet, or nobody who has names here has asked it.',
  'names malformed': 'It cannot be read as a question, and the answer says so (FORMERR).',
  'names unsupported':
    'It asks for what this server does not do, and the answer says so (NOTIMP or BADVERS).',
  'outside forwarded': 'The server {server} has answered[ {rcode}].',
  'outside cached': 'The answer was kept from an earlier question[ to {server}][: {rcode}].',
  'outside failed': 'No server has given an answer that is one.',
  'outside closed':
    "No uplink leads out, so that the machine's servers are not asked: there is no such name.",
  'outside refused': 'It is not asked: too many questions wait for answers.',
}

/** What the kinds of names are in a sentence. */
const KINDS: Readonly<Record<string, string>> = {
  sandbox: 'the name of a sandbox',
  alias: 'an alias',
  'short-id': 'a short id',
  hostname: 'a host name',
  service: 'the name of a service',
}

export function explainSentence(step: DecisionStep): string {
  const { stage, verdict, reason } = step
  if (verdict === 'drop' && reason !== undefined) return dropSentence(reason, step)
  const kind = step.values['group'] === true ? ' group' : ''
  const template = SENTENCES[`${stage} ${verdict}${kind}`]
  return (template && fill(template, step)) ?? plainSentence(step)
}

/** By reason, what was found in this case: behind the reason's own sentence, where all values are there. */
const DROP_DETAILS: Readonly<Record<string, string>> = {
  'mac-spoofed': 'It says {mac}.',
  'address-spoofed': 'It says {address}.',
  'icc-disabled': 'The network is {network}.',
  'network-isolated': 'It would go from {from} to {to}.',
  'network-internal': 'It would go from {from} to {to}.',
  'direct-routing': 'It would go to {to}.',
  transit: 'It would go from {from} to {to}.',
  'no-route': 'The destination is {destination}.',
  'fragmentation-needed': 'It has {length} bytes, and the MTU is {mtu}.',
  'tunnel-local-source': 'It says {mac}, and comes from the host {address}.',
  'split-horizon': 'The network is {network}.',
  'tunnel-recursion': 'It would go to the host {address}.',
  'router-not-tunnelled': 'It would go to the host {address}.',
  'host-unreachable': 'The next address is {address}.',
  'neighbour-queue-full': 'The next address is {address}.',
  'link-down': 'It is the link {way} {interface}[ of {sandbox}].',
  'link-loss': 'It is the link {way} {interface}[ of {sandbox}].',
  'link-queue-full': 'It is the link {way} {interface}[ of {sandbox}], where {waiting} wait.',
}

function dropSentence(reason: string, step: DecisionStep): string {
  const sentence = DROP_REASONS.find(({ name }) => name === reason)?.sentence ?? `It is dropped: ${reason}.`
  const template = DROP_DETAILS[reason]
  const detail = template && fill(template, step)
  return detail === undefined || detail === '' ? sentence : `${sentence} ${detail}`
}

/** Undefined where a value that must be there is not. */
function fill(template: string, { values }: DecisionStep): string | undefined {
  let complete = true
  const filled = template.replaceAll(/\[([^\]]*)\]|\{\w+\}/g, (found, part: string | undefined) => {
    if (part !== undefined) return put(part, values) ?? ''
    const word = put(found, values)
    complete &&= word !== undefined
    return word ?? ''
  })
  return complete ? filled : undefined
}

function put(text: string, values: DecisionStep['values']): string | undefined {
  let complete = true
  const filled = text.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const word = wordOf(name, values[name] ?? '')
    complete &&= word !== ''
    return word
  })
  return complete ? filled : undefined
}

/** Empty where there is nothing to tell. */
function wordOf(name: string, value: string | number | boolean): string {
  switch (name) {
    case 'kind':
      return KINDS[String(value)] ?? String(value)
    case 'ageS':
      // What is told to the switch was never heard.
      if (value === '') return ''
      return value === 0 ? 'a moment ago' : `${String(value)} s ago`
    case 'hosts':
    case 'backends':
      return value === 1 ? '' : String(value)
    case 'loss':
    case 'duplicate':
    case 'reorder':
    case 'corrupt':
      return share(Number(value))
    case 'delayUs':
      return microseconds(Number(value))
    case 'jitterUs':
      return value === 0 ? '' : microseconds(Number(value))
    case 'score':
    case 'nextScore':
      return value === '' ? '' : (Number(value) / 2 ** 32).toFixed(3)
    case 'more':
      return value === 0 ? '' : String(value)
    case 'waiting':
      return value === 0 ? '' : `${String(value)} ${value === 1 ? 'frame' : 'frames'}`
    case 'rate':
      return bitsPerSecond(Number(value))
    default:
      return value === false ? '' : String(value)
  }
}

/** Of all frames. */
function share(probability: number): string {
  const every = Number((1 / probability).toPrecision(12))
  if (every === 1) return 'every frame'
  if (Number.isInteger(every)) return `one frame in ${every}`
  return `${Number((100 * probability).toFixed(LINK_PERCENT_DIGITS))} % of all frames`
}

const microseconds = (value: number): string =>
  value >= 1000 ? `${Number((value / 1000).toFixed(3))} ms` : `${value} µs`

function bitsPerSecond(value: number): string {
  const [unit, name] =
    (
      [
        [1e9, 'Gbit/s'],
        [1e6, 'Mbit/s'],
        [1e3, 'kbit/s'],
      ] as const
    ).find(([least]) => value >= least) ?? ([1, 'bit/s'] as const)
  return `${Number((value / unit).toFixed(3))} ${name}`
}

/** Of a decision that has no sentence of its own. */
function plainSentence({ stage, verdict, values }: DecisionStep): string {
  const told = Object.entries(values).map(([name, value]) => `${name} ${String(value)}`)
  return `${stage}: ${verdict}${told.length === 0 ? '' : ` (${told.join(', ')})`}.`
}
