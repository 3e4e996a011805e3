/** IPv6 (RFC 8200, 3): the fixed header. Extension headers are layers of their own. */

import { ipv6At } from '../../wire/address.ts'
import { HEADER_SIZE, nextHeader, payloadLength, version } from '../../wire/ipv6.ts'
import { showTrailer } from './ethernet.ts'
import { type Fields, hex, named } from './fields.ts'
import { DSCP_NAMES, ECN_NAMES, IP_PROTOCOLS, isLeftToDevice, upperLayer } from './ip-names.ts'
import type { Extent, Next, Packet } from './packet.ts'

export function dissectIpv6(packet: Packet, extent: Extent): Next | undefined {
  const { offset, end } = extent
  const { view } = packet
  const layer = packet.layer('ipv6', 'Internet Protocol Version 6', extent, HEADER_SIZE)
  const fields = packet.fields(layer, extent)
  const header = showHeader(fields, offset)
  if (layer.problem !== undefined) return undefined
  layer.title = `Internet Protocol Version 6, ${ipv6At(view, offset + 8)} → ${ipv6At(view, offset + 24)}`
  const payload = offset + HEADER_SIZE
  if (version(view, offset) !== 6) {
    header.version.problem = 'should be 6'
    layer.problem = `its version is ${version(view, offset)}`
    return { protocol: 'data', offset: payload, end, wireEnd: extent.wireEnd }
  }
  let wireEnd = payload + (payloadLength(view, offset) || lengthWhereZero(view, extent, header.length))
  if (wireEnd > extent.wireEnd && !packet.quoted) {
    header.length.problem = `more than there is: ${extent.wireEnd - payload} bytes`
  }
  showTrailer(packet, wireEnd, end)
  const bytesEnd = Math.min(end, wireEnd)
  const whole = bytesEnd === wireEnd
  if (!packet.quoted) wireEnd = Math.min(wireEnd, extent.wireEnd)
  packet.carrier = { version: 6, header: offset, partial: !whole }
  return { protocol: upperLayer(nextHeader(view, offset), 6), offset: payload, end: bytesEnd, wireEnd }
}

/** As IPv4's total length of 0: the device, or an option, says how long the packet is. */
function lengthWhereZero(view: DataView, { offset, wireEnd }: Extent, field: Field): number {
  if (!isLeftToDevice(nextHeader(view, offset))) return 0
  const length = wireEnd - offset - HEADER_SIZE
  field.value = length
  field.text = `0 (left to the device; ${length} bytes are here)`
  return length
}

type Field = ReturnType<Fields['number']>

function showHeader(fields: Fields, offset: number): { version: Field; length: Field } {
  const versionField = fields.bits('ipv6.version', 'Version', offset, 1, 0xf0)
  const traffic = fields.bits('ipv6.tclass', 'Traffic class', offset, 4, 0x0ff00000, (value) => hex(value, 2))
  const bits = fields.under(traffic)
  bits.bits('ipv6.tclass.dscp', 'Code point', offset, 4, 0x0fc00000, named(DSCP_NAMES))
  bits.bits('ipv6.tclass.ecn', 'Explicit congestion notification', offset, 4, 0x00300000, named(ECN_NAMES))
  fields.bits('ipv6.flow', 'Flow label', offset + 1, 3, 0x0fffff, (value) => hex(value, 5))
  const length = fields.number('ipv6.plen', 'Payload length', offset + 4, 2)
  fields.number('ipv6.nxt', 'Next header', offset + 6, 1, named(IP_PROTOCOLS))
  fields.number('ipv6.hlim', 'Hop limit', offset + 7, 1)
  fields.ipv6('ipv6.src', 'Source', offset + 8)
  fields.ipv6('ipv6.dst', 'Destination', offset + 24)
  return { version: versionField, length }
}
