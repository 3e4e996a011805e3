/** UDP (RFC 768). */

import * as ipProtocol from '../../wire/ip-protocol.ts'
import {
  CHECKSUM_OFFSET,
  checksum,
  destinationPort,
  HEADER_SIZE,
  length,
  sourcePort,
} from '../../wire/udp.ts'
import type { Extent, Next, Packet } from './packet.ts'
import { judgeChecksum } from './transport-checksum.ts'
import { udpApplication } from './udp-applications.ts'

export function dissectUdp(packet: Packet, extent: Extent): Next | undefined {
  const { offset, end, wireEnd } = extent
  const { view } = packet
  const layer = packet.layer('udp', 'User Datagram Protocol', extent, HEADER_SIZE)
  const fields = packet.fields(layer, extent)
  fields.number('udp.srcport', 'Source port', offset, 2)
  fields.number('udp.dstport', 'Destination port', offset + 2, 2)
  const lengthField = fields.number('udp.length', 'Length', offset + 4, 2)
  const checksumField = fields.hex('udp.checksum', 'Checksum', offset + 6, 2)
  if (layer.problem !== undefined) return undefined
  const source = sourcePort(view, offset)
  const destination = destinationPort(view, offset)
  layer.title = `User Datagram Protocol, ${source} → ${destination}`
  const size = length(view, offset)
  const fragment = packet.carrier?.partial === true
  if (size < HEADER_SIZE) {
    lengthField.problem = `less than the header's ${HEADER_SIZE} bytes`
    return { protocol: 'data', offset: offset + HEADER_SIZE, end, wireEnd }
  }
  if (size > wireEnd - offset && !fragment) {
    lengthField.problem = `more than the ${wireEnd - offset} bytes that are left for it`
  }
  const inner = {
    offset,
    end: Math.min(end, offset + size),
    wireEnd: Math.max(Math.min(wireEnd, offset + size), Math.min(end, offset + size)),
  }
  if (checksum(view, offset) !== 0)
    judgeChecksum(
      packet,
      { ...inner, wireEnd: offset + size },
      ipProtocol.UDP,
      CHECKSUM_OFFSET,
      checksumField,
    )
  else if (packet.carrier?.version === 6) checksumField.problem = 'missing, which IPv6 does not allow'
  else checksumField.text += ' (none)'
  if (inner.end <= offset + HEADER_SIZE) return undefined
  const protocol = udpApplication(source, destination) ?? 'data'
  return { ...inner, offset: offset + HEADER_SIZE, protocol }
}
