/** AH (RFC 4302, 2) and the part of ESP that is not encrypted (RFC 4303, 2). */

import { named } from './fields.ts'
import { IP_PROTOCOLS, upperLayer } from './ip-names.ts'
import { cutShort, type Extent, type Next, type Packet } from './packet.ts'

const AUTHENTICATION_FIXED_SIZE = 12
const ENCAPSULATION_HEADER_SIZE = 8

export function dissectAuthentication(packet: Packet, extent: Extent): Next | undefined {
  const { offset, end, wireEnd } = extent
  const layer = packet.layer('ah', 'Authentication Header', extent, AUTHENTICATION_FIXED_SIZE)
  const fields = packet.fields(layer, extent)
  fields.number('ah.next_header', 'Next header', offset, 1, named(IP_PROTOCOLS))
  const length = fields.number('ah.length', 'Length', offset + 1, 1)
  fields.hex('ah.spi', 'Security parameters index', offset + 4, 4)
  fields.number('ah.sequence', 'Sequence number', offset + 8, 4)
  if (layer.problem !== undefined) return undefined
  // Counts words of 4 bytes, less two.
  const size = ((length.value as number) + 2) * 4
  if (size < AUTHENTICATION_FIXED_SIZE) {
    length.problem = `less than the ${AUTHENTICATION_FIXED_SIZE} bytes that it always has`
    return undefined
  }
  length.text += ` (${size} bytes)`
  layer.length = Math.min(size, end - offset)
  if (size > end - offset) {
    layer.problem = cutShort(end - offset, size)
    return undefined
  }
  if (size > AUTHENTICATION_FIXED_SIZE) {
    const value = offset + AUTHENTICATION_FIXED_SIZE
    fields.bytes('ah.icv', 'Integrity check value', value, size - AUTHENTICATION_FIXED_SIZE)
  }
  const next = packet.view.getUint8(offset)
  const protocol = upperLayer(next, packet.carrier?.version ?? 4)
  return { protocol, offset: offset + size, end, wireEnd }
}

export function dissectEncapsulation(packet: Packet, extent: Extent): Next | undefined {
  const { offset, end, wireEnd } = extent
  const layer = packet.layer('esp', 'Encapsulating Security Payload', extent, ENCAPSULATION_HEADER_SIZE)
  const fields = packet.fields(layer, extent)
  fields.hex('esp.spi', 'Security parameters index', offset, 4)
  fields.number('esp.sequence', 'Sequence number', offset + 4, 4)
  if (layer.problem !== undefined) return undefined
  return { protocol: 'data', offset: offset + ENCAPSULATION_HEADER_SIZE, end, wireEnd }
}
