/** TCP (RFC 9293). */

import { DNS_PORT } from '../../limits.ts'
import * as ipProtocol from '../../wire/ip-protocol.ts'
import {
  ACK,
  CHECKSUM_OFFSET,
  CWR,
  controlBits,
  destinationPort,
  ECE,
  FIN,
  headerSize,
  MIN_HEADER_SIZE,
  PSH,
  RST,
  SYN,
  sourcePort,
  URG,
} from '../../wire/tcp.ts'
import type { Field, Fields } from './fields.ts'
import { isHttp } from './http.ts'
import { cutShort, type Extent, type Next, type Packet, type Protocol } from './packet.ts'
import { showOptions } from './tcp-options.ts'
import { isTls } from './tls.ts'
import { judgeChecksum } from './transport-checksum.ts'

/** Of the byte of control bits, as they stand on the wire from left to right. */
const FLAGS = [
  { mask: CWR, name: 'cwr', label: 'Congestion window reduced', short: 'CWR' },
  { mask: ECE, name: 'ece', label: 'ECN echo', short: 'ECE' },
  { mask: URG, name: 'urg', label: 'Urgent', short: 'URG' },
  { mask: ACK, name: 'ack', label: 'Acknowledgment', short: 'ACK' },
  { mask: PSH, name: 'push', label: 'Push', short: 'PSH' },
  { mask: RST, name: 'reset', label: 'Reset', short: 'RST' },
  { mask: SYN, name: 'syn', label: 'Synchronize', short: 'SYN' },
  { mask: FIN, name: 'fin', label: 'Finish', short: 'FIN' },
] as const

/** The order in which people say them: a handshake is [SYN], [SYN, ACK], [ACK]. */
const SPOKEN = FLAGS.toReversed()

export function dissectTcp(packet: Packet, extent: Extent): Next | undefined {
  const { offset, end, wireEnd } = extent
  const { view } = packet
  const layer = packet.layer('tcp', 'Transmission Control Protocol', extent, MIN_HEADER_SIZE)
  const fields = packet.fields(layer, extent)
  const { size, checksum } = showHeader(fields, offset)
  if (layer.problem !== undefined) return undefined
  const ports = `${sourcePort(view, offset)} → ${destinationPort(view, offset)}`
  layer.title = `Transmission Control Protocol, ${ports}, ${flagsText(controlBits(view, offset))}`
  const header = headerSize(view, offset)
  if (header < MIN_HEADER_SIZE) {
    size.problem = `less than the ${MIN_HEADER_SIZE} bytes of the shortest header`
    return { protocol: 'data', offset: offset + MIN_HEADER_SIZE, end, wireEnd }
  }
  judgeChecksum(packet, extent, ipProtocol.TCP, CHECKSUM_OFFSET, checksum)
  layer.length = Math.min(header, end - offset)
  if (header > end - offset) {
    if (header > wireEnd - offset) size.problem = `more than the ${wireEnd - offset} bytes of the segment`
    layer.problem = cutShort(end - offset, header)
  } else
    fields.add('tcp.len', 'Data', wireEnd - offset - header, bytesText(wireEnd - offset - header), offset, 0)
  showOptions(packet, layer, offset + MIN_HEADER_SIZE, offset + layer.length)
  if (layer.problem !== undefined || offset + header >= end) return undefined
  return {
    protocol: application(packet, offset, header, end),
    offset: offset + header,
    end,
    wireEnd,
    stream: true,
  }
}

const bytesText = (count: number): string => (count === 1 ? '1 byte' : `${count} bytes`)

function showHeader(fields: Fields, offset: number): { size: Field; checksum: Field } {
  fields.number('tcp.srcport', 'Source port', offset, 2)
  fields.number('tcp.dstport', 'Destination port', offset + 2, 2)
  // As they are on the wire: Wireshark's `tcp.seq` counts from the connection's first.
  fields.number('tcp.seq_raw', 'Sequence number', offset + 4, 4)
  fields.number('tcp.ack_raw', 'Acknowledgment number', offset + 8, 4)
  const size = fields.bits('tcp.hdr_len', 'Header length', offset + 12, 1, 0xf0)
  size.value = (size.value as number) * 4
  size.text = `${size.value} bytes`
  showFlags(fields, offset + 12)
  fields.number('tcp.window_size_value', 'Window', offset + 14, 2)
  const checksum = fields.hex('tcp.checksum', 'Checksum', offset + 16, 2)
  fields.number('tcp.urgent_pointer', 'Urgent pointer', offset + 18, 2)
  return { size, checksum }
}

function showFlags(fields: Fields, offset: number): void {
  const flags = fields.bits('tcp.flags', 'Flags', offset, 2, 0x0fff, flagsText)
  const bits = fields.under(flags)
  bits.flag('tcp.flags.res', 'Reserved', offset, 1, 0x0e)
  bits.flag('tcp.flags.ae', 'Accurate ECN', offset, 1, 0x01)
  for (const { mask, name, label } of FLAGS) bits.flag(`tcp.flags.${name}`, label, offset + 1, 1, mask)
}

/** `[SYN, ACK]`. */
const flagsText = (bits: number): string =>
  `[${SPOKEN.filter(({ mask }) => (bits & mask) !== 0)
    .map(({ short }) => short)
    .join(', ')}]`

/** What the data are, by the port where it is DNS's, else by how they begin. */
function application(packet: Packet, offset: number, header: number, end: number): Protocol {
  const { view } = packet
  const at = offset + header
  if (sourcePort(view, offset) === DNS_PORT || destinationPort(view, offset) === DNS_PORT) return 'dns'
  if (isHttp(view, at, end)) return 'http'
  return isTls(view, at, end) ? 'tls' : 'data'
}
