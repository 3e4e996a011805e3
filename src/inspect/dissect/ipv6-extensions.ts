/** Extension headers of IPv6 (RFC 8200, 4), each a layer. */

import { type Field, type Fields, hex, named } from './fields.ts'
import { IP_PROTOCOLS, upperLayer } from './ip-names.ts'
import { cutShort, type Extent, type Layer, type Next, type Packet } from './packet.ts'

const MIN_SIZE = 8

const PAD1 = 0
const PADN = 1
const ROUTER_ALERT = 5
const JUMBO = 0xc2
const HOME_ADDRESS = 0xc9

const OPTIONS: Readonly<Record<number, string>> = {
  [PAD1]: 'Pad1',
  [PADN]: 'PadN',
  4: 'Tunnel encapsulation limit',
  [ROUTER_ALERT]: 'Router alert',
  7: 'CALIPSO',
  0x26: 'Quick start',
  [JUMBO]: 'Jumbo payload',
  [HOME_ADDRESS]: 'Home address',
}

/** What a node does that does not know the option (RFC 8200, 4.2). */
const ACTIONS: Readonly<Record<number, string>> = {
  0: 'skip it',
  1: 'drop the packet',
  2: 'drop the packet and send an error',
  3: 'drop the packet and send an error, unless to a group',
}

const SOURCE_ROUTE = 0
const SEGMENT_ROUTING = 4
const ROUTING_TYPES: Readonly<Record<number, string>> = {
  [SOURCE_ROUTE]: 'source route',
  2: 'mobile IPv6',
  3: 'RPL',
  [SEGMENT_ROUTING]: 'segment routing',
}

export const dissectHopByHop = (packet: Packet, extent: Extent): Next | undefined =>
  dissectOptions(packet, extent, 'ipv6.hopopts', 'Hop-by-Hop Options')

export const dissectDestinationOptions = (packet: Packet, extent: Extent): Next | undefined =>
  dissectOptions(packet, extent, 'ipv6.dstopts', 'Destination Options')

function dissectOptions(
  packet: Packet,
  extent: Extent,
  name: 'ipv6.hopopts' | 'ipv6.dstopts',
  title: string,
): Next | undefined {
  const layer = packet.layer(name, title, extent, MIN_SIZE)
  const fields = packet.fields(layer, extent)
  const size = showStart(layer, extent, fields)
  if (layer.problem !== undefined) return undefined
  showOptions(packet.view, fields, extent.offset + 2, extent.offset + size)
  return following(packet, extent, size)
}

/** Next header and length, which all but the fragment header begin with. Returns the size. */
function showStart(layer: Layer, { offset, end }: Extent, fields: Fields): number {
  fields.number(`${layer.protocol}.nxt`, 'Next header', offset, 1, named(IP_PROTOCOLS))
  const length = fields.number(`${layer.protocol}.len`, 'Length', offset + 1, 1)
  if (layer.problem !== undefined) return 0
  const size = ((length.value as number) + 1) * 8
  length.text += ` (${size} bytes)`
  layer.length = Math.min(size, end - offset)
  if (size > end - offset) layer.problem = cutShort(end - offset, size)
  return size
}

const following = (packet: Packet, { offset, end, wireEnd }: Extent, size: number): Next => ({
  protocol: upperLayer(packet.view.getUint8(offset), 6),
  offset: offset + size,
  end,
  wireEnd,
})

function showOptions(view: DataView, fields: Fields, offset: number, end: number): void {
  for (let at = offset; at < end; ) {
    const type = view.getUint8(at)
    const size = type === PAD1 ? 1 : at + 1 < end ? view.getUint8(at + 1) + 2 : Number.POSITIVE_INFINITY
    const label = OPTIONS[type] ?? `Option ${hex(type, 2)}`
    if (size > end - at) {
      const option = fields.add('ipv6.opt', label, '', '', at, end - at)
      option.problem = `longer than the ${end - at} bytes that are left`
      return
    }
    showOption(view, fields.under(fields.add('ipv6.opt', label, '', '', at, size)), type, at, size)
    at += size
  }
}

function showOption(view: DataView, fields: Fields, type: number, offset: number, size: number): void {
  const field = fields.hex('ipv6.opt.type', 'Type', offset, 1)
  if (type === PAD1) return
  showType(fields.under(field), offset)
  fields.number('ipv6.opt.length', 'Length', offset + 1, 1)
  const data = offset + 2
  const length = size - 2
  if (type === PADN) {
    if (length > 0) fields.bytes('ipv6.opt.padn', 'Padding', data, length)
  } else if (type === ROUTER_ALERT && length === 2) {
    fields.number('ipv6.opt.router_alert', 'Router alert', data, 2, named({ 0: 'MLD', 1: 'RSVP' }))
  } else if (type === JUMBO && length === 4) fields.number('ipv6.opt.jumbo', 'Payload length', data, 4)
  else if (type === HOME_ADDRESS && length === 16) {
    fields.ipv6('ipv6.opt.mipv6.home_address', 'Home address', data)
  } else if (length > 0) {
    const name = (view.getUint8(offset) & 0x1f) === 0x1e ? 'ipv6.opt.experimental' : 'ipv6.opt.unknown'
    fields.bytes(name, 'Data', data, length)
  }
}

function showType(fields: Fields, offset: number): void {
  fields.bits('ipv6.opt.type.action', 'Where unknown', offset, 1, 0xc0, named(ACTIONS))
  fields.flag('ipv6.opt.type.change', 'May change on the way', offset, 1, 0x20)
  fields.bits('ipv6.opt.type.rest', 'Number', offset, 1, 0x1f)
}

export function dissectRouting(packet: Packet, extent: Extent): Next | undefined {
  const { offset } = extent
  const layer = packet.layer('ipv6.routing', 'Routing Header', extent, MIN_SIZE)
  const fields = packet.fields(layer, extent)
  const size = showStart(layer, extent, fields)
  const type = fields.number('ipv6.routing.type', 'Type', offset + 2, 1, named(ROUTING_TYPES))
  const left = fields.number('ipv6.routing.segleft', 'Segments left', offset + 3, 1)
  if (layer.problem !== undefined) return undefined
  if (type.value === SOURCE_ROUTE) showAddresses(fields, 'ipv6.routing.src.addr', offset + 8, offset + size)
  else if (type.value === SEGMENT_ROUTING) showSegments(packet.view, fields, offset, size)
  else fields.bytes('ipv6.routing.unknown.data', 'Data', offset + 4, size - 4)
  // The checksum is computed with the last address of the route: RFC 8200, 8.1.
  if (packet.carrier !== undefined && left.value !== 0) packet.carrier = { ...packet.carrier, partial: true }
  return following(packet, extent, size)
}

function showAddresses(fields: Fields, name: string, offset: number, end: number): void {
  for (let at = offset; at + 16 <= end; at += 16) fields.ipv6(name, 'Address', at)
}

/** RFC 8754, 2. */
function showSegments(view: DataView, fields: Fields, offset: number, size: number): void {
  fields.number('ipv6.routing.srh.last_entry', 'Last entry', offset + 4, 1)
  fields.hex('ipv6.routing.srh.flags', 'Flags', offset + 5, 1)
  fields.hex('ipv6.routing.srh.tag', 'Tag', offset + 6, 2)
  const segments = (view.getUint8(offset + 4) + 1) * 16
  showAddresses(fields, 'ipv6.routing.srh.addr', offset + 8, Math.min(offset + 8 + segments, offset + size))
}

export function dissectFragment(packet: Packet, extent: Extent): Next | undefined {
  const { offset, end, wireEnd } = extent
  const layer = packet.layer('ipv6.fraghdr', 'Fragment Header', extent, MIN_SIZE)
  const fields = packet.fields(layer, extent)
  fields.number('ipv6.fraghdr.nxt', 'Next header', offset, 1, named(IP_PROTOCOLS))
  const start: Field = fields.bits('ipv6.fraghdr.offset', 'Offset', offset + 2, 2, 0xfff8)
  start.text += ` (${(start.value as number) * 8} bytes)`
  const more = fields.flag('ipv6.fraghdr.more', 'More fragments', offset + 2, 2, 0x0001)
  fields.hex('ipv6.fraghdr.ident', 'Identification', offset + 4, 4)
  if (layer.problem !== undefined) return undefined
  const whole = start.value === 0 && more.value === false
  if (packet.carrier !== undefined && !whole) packet.carrier = { ...packet.carrier, partial: true }
  if (start.value !== 0) return { protocol: 'data', offset: offset + MIN_SIZE, end, wireEnd }
  return following(packet, extent, MIN_SIZE)
}
