/** A decision of the data path as a sentence for people. */

import { DROP_REASONS } from '../datapath/drop-reason.ts'

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
    'The kernel of {sandbox} asks for {nextHop} by ARP, and no sandbox of {network} has this address.',
  'kernel send': 'The kernel of {sandbox} sends it by {interface} to {nextHop} ({mac}).',
  'uplink arrive': 'It comes from {address}, by the uplink[ {interface}].',
  'ingress accept':
    'The switch takes the frame[ of {length} bytes][ from {interface}][ of {sandbox}][, on network {network}].',
  'guard accept': 'It may come from there: {mac}[ and {address}] belong to the port.',
  'bridge forward': 'Its target is known: it lives behind {interface}[ of {sandbox}].',
  'bridge flood':
    'Nobody is known to have its target address: the frame goes to all other ports[, {ports} in number].',
  'bridge router': 'Its target is the gateway: the router takes it.',
  'router for-us': 'Its destination is an address of the router itself[: {destination}].',
  'router forward': 'The router forwards it[ to {destination}][; it has a TTL of {ttl}].',
  'flow known': 'It belongs to a connection that is followed[: {state}][, {direction} direction].',
  'flow new': 'No connection that is followed has these addresses: it would begin one.',
  'published-port match':
    'Port {port}[ of {address}] is published: its destination becomes {targetAddress}:{targetPort}.',
  'published-port none': 'No published port is meant.',
  'policy accept': 'What comes from {from} may go to {to}[, in gateway mode {mode}].',
  'source-nat translate': 'Its source becomes {address}[:{port}].',
  'source-nat keep': 'Its source stays as it is.',
  'route match': 'The route {prefix}/{prefixLength} leads to {network}[, by the next hop {nextHop}].',
  'route none': 'There is no route to it.',
  'neighbour known': '{address} has the MAC address {mac}.',
  'neighbour unknown':
    'The MAC address of {address} is not known: the packet would wait while the router asks for it by ARP.',
  'egress transmit': 'It leaves[ by {interface}][ of {sandbox}][, on network {network}].',
  'egress segment': 'It leaves[ by {interface}][ of {sandbox}], in segments[ that fit an MTU of {mtu}].',
  'egress fragment': 'It leaves[ by {interface}][ of {sandbox}], in fragments[ that fit an MTU of {mtu}].',
  'answer rst': 'The router answers with a TCP reset.',
  'answer arp': 'The router answers with its MAC address.',
  'answer icmp': 'The router answers with an ICMP message of type {type}[, code {code}].',
}

/** By type, or by type and code (RFC 792; RFC 1812, 5.2.7.1). */
const ICMP_ANSWERS: Readonly<Record<string, string>> = {
  '0': 'an echo reply',
  '3/0': 'ICMP "network unreachable"',
  '3/1': 'ICMP "host unreachable"',
  '3/2': 'ICMP "protocol unreachable"',
  '3/3': 'ICMP "port unreachable"',
  '3/4': 'ICMP "fragmentation needed"',
  '3/13': 'ICMP "communication administratively prohibited"',
  '5': 'an ICMP redirect',
  '11': 'ICMP "time exceeded"',
  '12': 'ICMP "parameter problem"',
}

export function explainSentence(step: DecisionStep): string {
  const { stage, verdict, reason } = step
  if (verdict === 'drop' && reason !== undefined) return dropSentence(reason)
  const template = SENTENCES[`${stage} ${verdict}`]
  return icmpSentence(step) ?? (template && fill(template, step)) ?? plainSentence(step)
}

const dropSentence = (reason: string): string =>
  DROP_REASONS.find(({ name }) => name === reason)?.sentence ?? `It is dropped: ${reason}.`

function icmpSentence({ stage, values }: DecisionStep): string | undefined {
  const { type, code } = values
  if (stage !== 'answer' || typeof type !== 'number') return undefined
  const words = ICMP_ANSWERS[`${type}/${String(code)}`] ?? ICMP_ANSWERS[type]
  return words && `The router answers with ${words}.`
}

/** Undefined where a value that must be there is not. */
function fill(template: string, { values }: DecisionStep): string | undefined {
  const settled = template.replaceAll(/\[([^\]]*)\]/g, (_, part: string) => put(part, values) ?? '')
  return put(settled, values)
}

function put(text: string, values: DecisionStep['values']): string | undefined {
  let complete = true
  const filled = text.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name] ?? ''
    complete &&= value !== '' && value !== false
    return String(value)
  })
  return complete ? filled : undefined
}

/** Of a decision that has no sentence of its own. */
function plainSentence({ stage, verdict, values }: DecisionStep): string {
  const told = Object.entries(values).map(([name, value]) => `${name} ${String(value)}`)
  return `${stage}: ${verdict}${told.length === 0 ? '' : ` (${told.join(', ')})`}.`
}
