/** ICMP for IPv4 (RFC 792). The packet that an error quotes is shown as layers of its own, one deeper. */

import {
  CHECKSUM_OFFSET,
  CODE_FRAGMENTATION_NEEDED,
  code,
  HEADER_SIZE,
  identifier,
  sequenceNumber,
  TYPE_DESTINATION_UNREACHABLE,
  TYPE_ECHO,
  TYPE_ECHO_REPLY,
  TYPE_PARAMETER_PROBLEM,
  TYPE_REDIRECT,
  TYPE_SOURCE_QUENCH,
  TYPE_TIME_EXCEEDED,
  TYPE_TIMESTAMP,
  TYPE_TIMESTAMP_REPLY,
  type,
} from '../../wire/icmp.ts'
import type { Fields } from './fields.ts'
import { named } from './fields.ts'
import type { Extent, Next, Packet } from './packet.ts'
import { judgeChecksum } from './transport-checksum.ts'

/** RFC 950, Appendix I. */
const TYPE_MASK_REQUEST = 17
const TYPE_MASK_REPLY = 18

export const ICMP_TYPES: Readonly<Record<number, string>> = {
  [TYPE_ECHO_REPLY]: 'echo reply',
  [TYPE_DESTINATION_UNREACHABLE]: 'destination unreachable',
  [TYPE_SOURCE_QUENCH]: 'source quench',
  [TYPE_REDIRECT]: 'redirect',
  [TYPE_ECHO]: 'echo request',
  9: 'router advertisement',
  10: 'router solicitation',
  [TYPE_TIME_EXCEEDED]: 'time exceeded',
  [TYPE_PARAMETER_PROBLEM]: 'parameter problem',
  [TYPE_TIMESTAMP]: 'timestamp request',
  [TYPE_TIMESTAMP_REPLY]: 'timestamp reply',
  [TYPE_MASK_REQUEST]: 'address mask request',
  [TYPE_MASK_REPLY]: 'address mask reply',
}

const CODES: Readonly<Record<number, Readonly<Record<number, string>>>> = {
  [TYPE_DESTINATION_UNREACHABLE]: {
    0: 'network unreachable',
    1: 'host unreachable',
    2: 'protocol unreachable',
    3: 'port unreachable',
    [CODE_FRAGMENTATION_NEEDED]: "too big, and don't fragment is set",
    5: 'source route failed',
    6: 'network unknown',
    7: 'host unknown',
    9: 'network prohibited',
    10: 'host prohibited',
    11: 'network unreachable for this type of service',
    12: 'host unreachable for this type of service',
    13: 'prohibited by an administrator',
  },
  [TYPE_REDIRECT]: {
    0: 'for the network',
    1: 'for the host',
    2: 'for the network and type of service',
    3: 'for the host and type of service',
  },
  [TYPE_TIME_EXCEEDED]: { 0: 'its TTL ran out on the way', 1: 'its fragments did not all come in time' },
  [TYPE_PARAMETER_PROBLEM]: { 0: 'at the pointer', 1: 'an option is missing', 2: 'bad length' },
}

const ERRORS: ReadonlySet<number> = new Set([
  TYPE_DESTINATION_UNREACHABLE,
  TYPE_SOURCE_QUENCH,
  TYPE_REDIRECT,
  TYPE_TIME_EXCEEDED,
  TYPE_PARAMETER_PROBLEM,
])

export function dissectIcmp(packet: Packet, extent: Extent): Next | undefined {
  const { offset, end, wireEnd } = extent
  const { view } = packet
  const layer = packet.layer('icmp', 'Internet Control Message Protocol', extent, HEADER_SIZE)
  const fields = packet.fields(layer, extent)
  if (layer.problem !== undefined) {
    showStart(fields, offset, undefined)
    return undefined
  }
  layer.length = end - offset
  const kind = type(view, offset)
  const meaning = CODES[kind]?.[code(view, offset)]
  layer.title = `Internet Control Message Protocol, ${ICMP_TYPES[kind] ?? `type ${kind}`}${meaning === undefined ? '' : `: ${meaning}`}`
  judgeChecksum(packet, extent, undefined, CHECKSUM_OFFSET, showStart(fields, offset, CODES[kind]))
  const body = offset + HEADER_SIZE
  if (ERRORS.has(kind)) {
    showErrorRest(view, fields, offset, kind)
    packet.depth++
    packet.quoted = true
    return { protocol: 'ip', offset: body, end, wireEnd }
  }
  return { protocol: 'data', offset: showQuery(packet, fields, extent, kind), end, wireEnd }
}

function showStart(
  fields: Fields,
  offset: number,
  codes: Readonly<Record<number, string>> | undefined,
): ReturnType<Fields['hex']> {
  fields.number('icmp.type', 'Type', offset, 1, named(ICMP_TYPES))
  fields.number('icmp.code', 'Code', offset + 1, 1, named(codes ?? {}))
  return fields.hex('icmp.checksum', 'Checksum', offset + 2, 2)
}

/** The four bytes between the checksum and the quoted packet. */
function showErrorRest(view: DataView, fields: Fields, offset: number, kind: number): void {
  const at = offset + 4
  if (kind === TYPE_REDIRECT) fields.ipv4('icmp.redir_gw', 'Better gateway', at)
  else if (kind === TYPE_PARAMETER_PROBLEM) fields.number('icmp.pointer', 'Pointer', at, 1)
  else if (kind === TYPE_DESTINATION_UNREACHABLE && code(view, offset) === CODE_FRAGMENTATION_NEEDED) {
    fields.number('icmp.mtu', 'MTU of the next hop', at + 2, 2)
  }
}

/** Messages that ask and answer. Returns where the data begin. */
function showQuery(packet: Packet, fields: Fields, { offset, end }: Extent, kind: number): number {
  const { view } = packet
  const body = offset + HEADER_SIZE
  switch (kind) {
    case TYPE_ECHO:
    case TYPE_ECHO_REPLY:
      showIdentity(view, fields, offset)
      return body
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_REPLY:
      showIdentity(view, fields, offset)
      if (end - body < 12) return body
      fields.number('icmp.originate_timestamp', 'Originate timestamp', body, 4)
      fields.number('icmp.receive_timestamp', 'Receive timestamp', body + 4, 4)
      fields.number('icmp.transmit_timestamp', 'Transmit timestamp', body + 8, 4)
      return body + 12
    case TYPE_MASK_REQUEST:
    case TYPE_MASK_REPLY:
      showIdentity(view, fields, offset)
      if (end - body < 4) return body
      fields.ipv4('icmp.address_mask', 'Address mask', body)
      return body + 4
    default:
      return offset + 4
  }
}

function showIdentity(view: DataView, fields: Fields, offset: number): void {
  fields.add(
    'icmp.ident',
    'Identifier',
    identifier(view, offset),
    String(identifier(view, offset)),
    offset + 4,
    2,
  )
  const sequence = sequenceNumber(view, offset)
  fields.add('icmp.seq', 'Sequence number', sequence, String(sequence), offset + 6, 2)
}
