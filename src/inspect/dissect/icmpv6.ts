/** ICMPv6 (RFC 4443). The packet that an error quotes is shown as layers of its own, one deeper. */

import { ipv6At } from '../../wire/address.ts'
import {
  CHECKSUM_OFFSET,
  code,
  HEADER_SIZE,
  TYPE_DESTINATION_UNREACHABLE,
  TYPE_ECHO_REPLY,
  TYPE_ECHO_REQUEST,
  TYPE_NEIGHBOR_ADVERTISEMENT,
  TYPE_NEIGHBOR_SOLICITATION,
  TYPE_PACKET_TOO_BIG,
  TYPE_PARAMETER_PROBLEM,
  TYPE_ROUTER_ADVERTISEMENT,
  TYPE_ROUTER_SOLICITATION,
  TYPE_TIME_EXCEEDED,
  type,
} from '../../wire/icmpv6.ts'
import * as ipProtocol from '../../wire/ip-protocol.ts'
import { type Fields, named } from './fields.ts'
import { showListenerMessage, showListenerQuery, showListenerReport } from './multicast-listener.ts'
import {
  showNeighborAdvertisement,
  showNeighborSolicitation,
  showRedirect,
  showRouterAdvertisement,
  showRouterSolicitation,
} from './neighbor-discovery.ts'
import type { Extent, Next, Packet } from './packet.ts'
import { judgeChecksum } from './transport-checksum.ts'

const TYPE_LISTENER_QUERY = 130
const TYPE_LISTENER_REPORT = 131
const TYPE_LISTENER_DONE = 132
const TYPE_REDIRECT = 137
const TYPE_LISTENER_REPORT_2 = 143

export const ICMPV6_TYPES: Readonly<Record<number, string>> = {
  [TYPE_DESTINATION_UNREACHABLE]: 'destination unreachable',
  [TYPE_PACKET_TOO_BIG]: 'packet too big',
  [TYPE_TIME_EXCEEDED]: 'time exceeded',
  [TYPE_PARAMETER_PROBLEM]: 'parameter problem',
  [TYPE_ECHO_REQUEST]: 'echo request',
  [TYPE_ECHO_REPLY]: 'echo reply',
  [TYPE_LISTENER_QUERY]: 'multicast listener query',
  [TYPE_LISTENER_REPORT]: 'multicast listener report',
  [TYPE_LISTENER_DONE]: 'multicast listener done',
  [TYPE_ROUTER_SOLICITATION]: 'router solicitation',
  [TYPE_ROUTER_ADVERTISEMENT]: 'router advertisement',
  [TYPE_NEIGHBOR_SOLICITATION]: 'neighbor solicitation',
  [TYPE_NEIGHBOR_ADVERTISEMENT]: 'neighbor advertisement',
  [TYPE_REDIRECT]: 'redirect',
  [TYPE_LISTENER_REPORT_2]: 'multicast listener report v2',
}

export const ICMPV6_CODES: Readonly<Record<number, Readonly<Record<number, string>>>> = {
  [TYPE_DESTINATION_UNREACHABLE]: {
    0: 'no route',
    1: 'prohibited by an administrator',
    2: 'beyond the scope of the source address',
    3: 'address unreachable',
    4: 'port unreachable',
    5: 'source address failed a policy',
    6: 'route rejected',
  },
  [TYPE_TIME_EXCEEDED]: {
    0: 'its hop limit ran out on the way',
    1: 'its fragments did not all come in time',
  },
  [TYPE_PARAMETER_PROBLEM]: { 0: 'erroneous field', 1: 'unknown next header', 2: 'unknown option' },
}

/** Errors have types below it (RFC 4443, 2.1). */
const INFORMATIONAL = 128

export function dissectIcmpv6(packet: Packet, extent: Extent): Next | undefined {
  const { offset, end, wireEnd } = extent
  const { view } = packet
  const layer = packet.layer('icmpv6', 'Internet Control Message Protocol v6', extent, HEADER_SIZE)
  const fields = packet.fields(layer, extent)
  if (layer.problem !== undefined) {
    showStart(fields, offset, undefined)
    return undefined
  }
  layer.length = end - offset
  const kind = type(view, offset)
  const meaning = ICMPV6_CODES[kind]?.[code(view, offset)]
  const target = targetOf(view, extent, kind)
  layer.title = `Internet Control Message Protocol v6, ${ICMPV6_TYPES[kind] ?? `type ${kind}`}${meaning === undefined ? '' : `: ${meaning}`}${target}`
  const checksum = showStart(fields, offset, ICMPV6_CODES[kind])
  judgeChecksum(packet, extent, ipProtocol.ICMPV6, CHECKSUM_OFFSET, checksum)
  if (kind < INFORMATIONAL && ICMPV6_TYPES[kind] !== undefined) {
    if (kind === TYPE_PACKET_TOO_BIG) fields.number('icmpv6.mtu', 'MTU of the next hop', offset + 4, 4)
    if (kind === TYPE_PARAMETER_PROBLEM) fields.number('icmpv6.pointer', 'Pointer', offset + 4, 4)
    packet.depth++
    packet.quoted = true
    return { protocol: 'ipv6', offset: offset + HEADER_SIZE, end, wireEnd }
  }
  return showMessage(packet, fields, extent, kind)
}

function showStart(
  fields: Fields,
  offset: number,
  codes: Readonly<Record<number, string>> | undefined,
): ReturnType<Fields['hex']> {
  fields.number('icmpv6.type', 'Type', offset, 1, named(ICMPV6_TYPES))
  fields.number('icmpv6.code', 'Code', offset + 1, 1, named(codes ?? {}))
  return fields.hex('icmpv6.checksum', 'Checksum', offset + 2, 2)
}

/** Messages that are no errors. */
function showMessage(packet: Packet, fields: Fields, extent: Extent, kind: number): Next | undefined {
  const { offset, end, wireEnd } = extent
  switch (kind) {
    case TYPE_ECHO_REQUEST:
    case TYPE_ECHO_REPLY:
      fields.hex('icmpv6.echo.identifier', 'Identifier', offset + 4, 2, String)
      fields.number('icmpv6.echo.sequence_number', 'Sequence number', offset + 6, 2)
      return { protocol: 'data', offset: offset + HEADER_SIZE, end, wireEnd }
    case TYPE_ROUTER_SOLICITATION:
      return showRouterSolicitation(packet, fields, extent)
    case TYPE_ROUTER_ADVERTISEMENT:
      return showRouterAdvertisement(packet, fields, extent)
    case TYPE_NEIGHBOR_SOLICITATION:
      return showNeighborSolicitation(packet, fields, extent)
    case TYPE_NEIGHBOR_ADVERTISEMENT:
      return showNeighborAdvertisement(packet, fields, extent)
    case TYPE_REDIRECT:
      return showRedirect(packet, fields, extent)
    case TYPE_LISTENER_QUERY:
      showListenerQuery(packet.view, fields, extent)
      return undefined
    case TYPE_LISTENER_REPORT:
    case TYPE_LISTENER_DONE:
      showListenerMessage(fields, extent)
      return undefined
    case TYPE_LISTENER_REPORT_2:
      showListenerReport(packet.view, fields, extent)
      return undefined
    default:
      return { protocol: 'data', offset: offset + 4, end, wireEnd }
  }
}

/** ` for fe80::1`, where the message asks or tells about an address. */
function targetOf(view: DataView, { offset, end }: Extent, kind: number): string {
  const tells = kind === TYPE_NEIGHBOR_SOLICITATION || kind === TYPE_NEIGHBOR_ADVERTISEMENT
  return tells && end - offset >= HEADER_SIZE + 16 ? ` for ${ipv6At(view, offset + HEADER_SIZE)}` : ''
}
