/** Ethernet II, and frames of IEEE 802.3 with a length in place of the type. */

import {
  etherType,
  HEADER_SIZE,
  TYPE_ARP,
  TYPE_IPV4,
  TYPE_IPV6,
  TYPE_MIN,
  TYPE_SERVICE_VLAN,
  TYPE_VLAN,
} from '../../wire/ethernet.ts'
import type { Field, Fields } from './fields.ts'
import type { Extent, Next, Packet, Protocol } from './packet.ts'

/** A length is not above it (IEEE 802.3, 3.2.6); between it and TYPE_MIN is neither a length nor a type. */
const LENGTH_MAX = 1500

/** A provider's tag as switches sent it before IEEE 802.1ad had chosen a type. */
export const TYPE_OLD_SERVICE_VLAN = 0x9100

export const ETHER_TYPES: Readonly<Record<number, string>> = {
  [TYPE_IPV4]: 'IPv4',
  [TYPE_ARP]: 'ARP',
  [TYPE_VLAN]: '802.1Q VLAN tag',
  [TYPE_SERVICE_VLAN]: '802.1ad service VLAN tag',
  [TYPE_IPV6]: 'IPv6',
  0x8035: 'RARP',
  0x8847: 'MPLS',
  0x8863: 'PPPoE discovery',
  0x8864: 'PPPoE session',
  0x888e: '802.1X',
  0x88cc: 'LLDP',
  0x88e5: 'MACsec',
  0x88f7: 'PTP',
  0x9000: 'loopback test',
  [TYPE_OLD_SERVICE_VLAN]: 'old service VLAN tag',
}

export function dissectEthernet(packet: Packet, extent: Extent): Next | undefined {
  const { offset, end, wireEnd } = extent
  const layer = packet.layer('eth', 'Ethernet', extent, HEADER_SIZE)
  const fields = packet.fields(layer, extent)
  const target = address(fields, 'eth.dst', 'Destination', offset)
  const source = address(fields, 'eth.src', 'Source', offset + 6)
  if (layer.problem !== undefined) {
    fields.hex('eth.type', 'Type', offset + 12, 2)
    return undefined
  }
  layer.title = `Ethernet, ${source.text} → ${target.text}`
  const type = etherType(packet.view, offset)
  const payload = offset + HEADER_SIZE
  if (type > LENGTH_MAX) {
    const field = fields.hex('eth.type', 'Type', offset + 12, 2, ETHER_TYPES[type] ?? '')
    if (type < TYPE_MIN) field.problem = 'neither a length, up to 1500, nor a type, from 0x0600'
    return { protocol: payloadProtocol(type), offset: payload, end, wireEnd }
  }
  const field = fields.number('eth.len', 'Length', offset + 12, 2)
  if (type > wireEnd - payload) {
    field.problem = `more than the frame has: ${wireEnd - payload} bytes follow`
    return { protocol: 'llc', offset: payload, end, wireEnd }
  }
  showTrailer(packet, payload + type, end)
  return { protocol: 'llc', offset: payload, end: Math.min(end, payload + type), wireEnd: payload + type }
}

/** The layer for what stands behind a type field. */
export function payloadProtocol(type: number): Protocol {
  switch (type) {
    case TYPE_IPV4:
      return 'ip'
    case TYPE_IPV6:
      return 'ipv6'
    case TYPE_ARP:
      return 'arp'
    case TYPE_VLAN:
    case TYPE_OLD_SERVICE_VLAN:
      return 'vlan'
    case TYPE_SERVICE_VLAN:
      return 'ieee8021ad'
    default:
      return 'data'
  }
}

/**
 * What stands behind the frame's payload, up to `end`: padding to the 60 bytes of the shortest frame (IEEE 802.3, 4.2.8), as the payload
 * says how long it is and the frame does not. A field of the Ethernet layer that lies behind its header.
 */
export function showTrailer(packet: Packet, offset: number, end: number): void {
  const layer = packet.layers.findLast((one) => one.protocol === 'eth' && one.depth === packet.depth)
  if (layer === undefined || offset >= end) return
  const fields = packet.fields(layer, { offset, end, wireEnd: end })
  const zeros = isZero(packet.view, offset, end)
  if (zeros) fields.bytes('eth.padding', 'Padding', offset, end - offset, `${end - offset} bytes of zeros`)
  else fields.bytes('eth.trailer', 'Trailer', offset, end - offset)
}

function isZero(view: DataView, offset: number, end: number): boolean {
  for (let at = offset; at < end; at++) if (view.getUint8(at) !== 0) return false
  return true
}

/** The first byte's two lowest bits (IEEE 802, 8.2). */
function address(fields: Fields, name: string, label: string, offset: number): Field {
  const field = fields.mac(name, label, offset)
  const bits = fields.under(field)
  bits.flag(`${name}.lg`, 'Locally administered', offset, 3, 0x020000)
  bits.flag(`${name}.ig`, 'Group address', offset, 3, 0x010000)
  return field
}
