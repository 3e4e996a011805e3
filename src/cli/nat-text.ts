/** The router's connections as a table. */
import type { NatFlow } from '../control/api/nat.ts'
import type { Listing } from './format/listing.ts'
import { naturalOrder } from './natural-order.ts'
import { formatAge, formatCount, printable } from './output.ts'

type Protocol = NatFlow['protocol']

/** By sandbox, protocol and addresses: what is the same from one look to the next stays where it is. */
export function sortFlows(flows: readonly NatFlow[]): readonly NatFlow[] {
  const order = (a: NatFlow, b: NatFlow): number =>
    naturalOrder(a.sandbox, b.sandbox) ||
    naturalOrder(a.protocol, b.protocol) ||
    naturalOrder(source(a), source(b)) ||
    naturalOrder(destination(a), destination(b))
  return flows.toSorted(order)
}

export const FLOW_LISTING: Listing<NatFlow> = {
  columns: [
    'Number',
    'Protocol',
    'State',
    'Source',
    'Destination',
    'Translated',
    'Packets',
    'Replies',
    'Expires',
    'Sandbox',
  ],
  wideColumns: [
    'Number',
    'Protocol',
    'State',
    'Source',
    'Destination',
    'Translated',
    'Packets',
    'Replies',
    'Expires',
    'Network',
    'Service',
    'Sandbox',
  ],
  fields: {
    // As captures and tapwire explain call it: connection #17.
    Number: { heading: '#', value: ({ number }) => `${number}` },
    Protocol: { heading: 'PROTO', value: ({ protocol }) => protocol },
    State: { heading: 'STATE', value: ({ state }) => state },
    Source: { heading: 'SOURCE', value: source },
    Destination: { heading: 'DESTINATION', value: destination },
    Translated: { heading: 'TRANSLATED', value: translated },
    Packets: { heading: 'PACKETS', value: ({ original }) => formatCount(original.packets) },
    Replies: { heading: 'REPLIES', value: ({ reply }) => formatCount(reply.packets) },
    Expires: { heading: 'EXPIRES', value: ({ expiresS }) => formatAge(expiresS) },
    Sandbox: { heading: 'SANDBOX', value: ({ sandbox }) => printable(sandbox) || '-' },
    Network: {
      heading: 'NETWORK',
      value: ({ original, reply }) => printable(original.network || reply.network) || '-',
    },
    Translation: { heading: 'TRANSLATION', value: ({ translation }) => translation },
    Service: { heading: 'SERVICE', value: ({ service }) => printable(service ?? '') || '-' },
    PublishedPort: {
      heading: 'PUBLISHED PORT',
      value: ({ publishedPort }) => (publishedPort === undefined ? '-' : String(publishedPort)),
    },
  },
}

function source({ protocol, original }: NatFlow): string {
  return end(protocol, original.source, original.sourcePort)
}

function destination({ protocol, original }: NatFlow): string {
  // ICMP's identifier is told once.
  return protocol === 'icmp'
    ? original.destination
    : end(protocol, original.destination, original.destinationPort)
}

/**
 * The addresses behind the router, of which those that are the same are left out:
 *
 *     203.0.113.10:40312 →                   another source
 *     → 172.18.0.2:80                        another destination
 *     172.18.0.1:40312 → 172.18.0.2:80       both
 */
function translated({ protocol, reply, translation }: NatFlow): string {
  const from = end(protocol, reply.destination, reply.destinationPort)
  const to = end(protocol, reply.source, reply.sourcePort)
  if (translation === 'source') return `${from} →`
  if (translation === 'destination') return `→ ${to}`
  return translation === 'both' ? `${from} → ${to}` : '-'
}

const end = (protocol: Protocol, address: string, port: number): string =>
  protocol === 'icmp' ? `${address} id ${port}` : `${address}:${port}`
