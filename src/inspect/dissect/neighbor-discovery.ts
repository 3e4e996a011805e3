/** Neighbor Discovery (RFC 4861, 4; RFC 8106; RFC 4191): messages of ICMPv6, and their options. */

import { formatIpv6 } from '../../wire/address.ts'
import { formatName, MALFORMED, nameSize } from '../../wire/dns-name.ts'
import { type Field, type Fields, named } from './fields.ts'
import type { Extent, Next, Packet } from './packet.ts'

const SOURCE_ADDRESS = 1
const TARGET_ADDRESS = 2
const PREFIX = 3
const REDIRECTED = 4
const MTU = 5
const ROUTE = 24
const DNS_SERVERS = 25
const DNS_SEARCH_LIST = 31

const OPTIONS: Readonly<Record<number, string>> = {
  [SOURCE_ADDRESS]: 'Source link-layer address',
  [TARGET_ADDRESS]: 'Target link-layer address',
  [PREFIX]: 'Prefix',
  [REDIRECTED]: 'Redirected header',
  [MTU]: 'MTU',
  14: 'Nonce',
  [ROUTE]: 'Route',
  [DNS_SERVERS]: 'DNS servers',
  [DNS_SEARCH_LIST]: 'DNS search list',
}

/** RFC 4191, 2.1. */
const PREFERENCES: Readonly<Record<number, string>> = { 0: 'medium', 1: 'high', 3: 'low' }
const FOREVER = 0xffffffff

const seconds = (value: number): string => (value === FOREVER ? 'for ever' : `${value} s`)

export const showRouterSolicitation = (packet: Packet, fields: Fields, extent: Extent): Next | undefined =>
  showOptions(packet, fields, extent, extent.offset + 8)

export function showRouterAdvertisement(packet: Packet, fields: Fields, extent: Extent): Next | undefined {
  const { offset, end } = extent
  if (end - offset < 16) return undefined
  fields.number('icmpv6.nd.ra.cur_hop_limit', 'Hop limit', offset + 4, 1)
  const flags = fields.under(fields.hex('icmpv6.nd.ra.flag', 'Flags', offset + 5, 1))
  flags.flag('icmpv6.nd.ra.flag.m', 'Addresses by DHCPv6', offset + 5, 1, 0x80)
  flags.flag('icmpv6.nd.ra.flag.o', 'Other settings by DHCPv6', offset + 5, 1, 0x40)
  flags.flag('icmpv6.nd.ra.flag.h', 'Home agent', offset + 5, 1, 0x20)
  flags.bits('icmpv6.nd.ra.flag.prf', 'Preference', offset + 5, 1, 0x18, named(PREFERENCES))
  flags.flag('icmpv6.nd.ra.flag.p', 'Proxy', offset + 5, 1, 0x04)
  fields.number('icmpv6.nd.ra.router_lifetime', 'Router lifetime', offset + 6, 2, seconds)
  fields.number('icmpv6.nd.ra.reachable_time', 'Reachable time', offset + 8, 4, milliseconds)
  fields.number('icmpv6.nd.ra.retrans_timer', 'Retransmission timer', offset + 12, 4, milliseconds)
  return showOptions(packet, fields, extent, offset + 16)
}

const milliseconds = (value: number): string => `${value} ms`

export function showNeighborSolicitation(packet: Packet, fields: Fields, extent: Extent): Next | undefined {
  if (extent.end - extent.offset < 24) return undefined
  fields.ipv6('icmpv6.nd.ns.target_address', 'Target', extent.offset + 8)
  return showOptions(packet, fields, extent, extent.offset + 24)
}

export function showNeighborAdvertisement(packet: Packet, fields: Fields, extent: Extent): Next | undefined {
  const { offset, end } = extent
  if (end - offset < 24) return undefined
  const flags = fields.under(fields.hex('icmpv6.nd.na.flag', 'Flags', offset + 4, 4))
  flags.flag('icmpv6.nd.na.flag.r', 'Router', offset + 4, 4, 0x80000000)
  flags.flag('icmpv6.nd.na.flag.s', 'Solicited', offset + 4, 4, 0x40000000)
  flags.flag('icmpv6.nd.na.flag.o', 'Override', offset + 4, 4, 0x20000000)
  fields.ipv6('icmpv6.nd.na.target_address', 'Target', offset + 8)
  return showOptions(packet, fields, extent, offset + 24)
}

export function showRedirect(packet: Packet, fields: Fields, extent: Extent): Next | undefined {
  const { offset, end } = extent
  if (end - offset < 40) return undefined
  fields.ipv6('icmpv6.nd.rd.target_address', 'Better next hop', offset + 8)
  fields.ipv6('icmpv6.rd.na.destination_address', 'Destination', offset + 24)
  return showOptions(packet, fields, extent, offset + 40)
}

/** The options up to the message's end. Returns the redirected packet, where there is one. */
function showOptions(packet: Packet, fields: Fields, extent: Extent, offset: number): Next | undefined {
  const { view } = packet
  const { end } = extent
  let quoted: Next | undefined
  for (let at = offset; at < end && !packet.full; ) {
    const type = view.getUint8(at)
    const size = at + 1 < end ? view.getUint8(at + 1) * 8 : 0
    const label = OPTIONS[type] ?? `Option ${type}`
    if (size === 0 || size > end - at) {
      const option = fields.add('icmpv6.opt', label, '', '', at, end - at)
      option.problem = `its length of ${size} bytes does not fit the ${end - at} that are left`
      return quoted
    }
    const option = fields.add('icmpv6.opt', label, '', '', at, size)
    showOption(view, fields.under(option), option, type)
    if (type === REDIRECTED && size > 8 && quoted === undefined) {
      quoted = { protocol: 'ipv6', offset: at + 8, end: at + size, wireEnd: at + size }
      packet.depth++
      packet.quoted = true
    }
    at += size
  }
  return quoted
}

function showOption(view: DataView, fields: Fields, option: Field, type: number): void {
  const { offset, length } = option
  fields.number('icmpv6.opt.type', 'Type', offset, 1)
  fields.number('icmpv6.opt.length', 'Length', offset + 1, 1, (units) => `${units} (${units * 8} bytes)`)
  switch (type) {
    case SOURCE_ADDRESS:
    case TARGET_ADDRESS:
      if (length === 8) option.text = fields.mac('icmpv6.opt.linkaddr', 'Address', offset + 2).text
      return
    case MTU:
      if (length === 8) option.text = fields.number('icmpv6.opt.mtu', 'MTU', offset + 4, 4).text
      return
    case PREFIX:
      if (length === 32) showPrefix(fields, option)
      return
    case ROUTE:
      showRoute(view, fields, option)
      return
    case DNS_SERVERS:
      if (length < 8) return
      fields.number('icmpv6.opt.rdnss.lifetime', 'Lifetime', offset + 4, 4, seconds)
      for (let at = offset + 8; at + 16 <= offset + length; at += 16) {
        fields.ipv6('icmpv6.opt.rdnss', 'Server', at)
      }
      return
    case DNS_SEARCH_LIST:
      showSearchList(view, fields, option)
      return
    default:
  }
}

/** RFC 4861, 4.6.2. */
function showPrefix(fields: Fields, option: Field): void {
  const { offset } = option
  const bits = fields.number('icmpv6.opt.prefix.length', 'Prefix length', offset + 2, 1).text
  const flags = fields.under(fields.hex('icmpv6.opt.prefix.flag', 'Flags', offset + 3, 1))
  flags.flag('icmpv6.opt.prefix.flag.l', 'On link', offset + 3, 1, 0x80)
  flags.flag('icmpv6.opt.prefix.flag.a', 'Make addresses of it', offset + 3, 1, 0x40)
  flags.flag('icmpv6.opt.prefix.flag.r', 'Router address', offset + 3, 1, 0x20)
  fields.number('icmpv6.opt.prefix.valid_lifetime', 'Valid lifetime', offset + 4, 4, seconds)
  fields.number('icmpv6.opt.prefix.preferred_lifetime', 'Preferred lifetime', offset + 8, 4, seconds)
  option.text = `${fields.ipv6('icmpv6.opt.prefix', 'Prefix', offset + 16).text}/${bits}`
}

/** RFC 4191, 2.3: of the prefix as many bytes as its length needs, 0, 8 or 16. */
function showRoute(view: DataView, fields: Fields, option: Field): void {
  const { offset, length } = option
  const bits = fields.number('icmpv6.opt.prefix.length', 'Prefix length', offset + 2, 1).text
  const flags = fields.under(fields.hex('icmpv6.opt.route_info.flag', 'Flags', offset + 3, 1))
  const preference = named(PREFERENCES)
  flags.bits('icmpv6.opt.route_info.flag.route_preference', 'Preference', offset + 3, 1, 0x18, preference)
  fields.number('icmpv6.opt.route_lifetime', 'Lifetime', offset + 4, 4, seconds)
  const size = Math.min(length - 8, 16)
  if (size === 0) return
  const address = new Uint8Array(16)
  address.set(new Uint8Array(view.buffer, view.byteOffset + offset + 8, size))
  const prefix = formatIpv6(address)
  fields.add('icmpv6.opt.prefix', 'Prefix', prefix, `${prefix}/${bits}`, offset + 8, size)
}

/** RFC 8106, 5.2: names, then zeros up to a multiple of 8 bytes. */
function showSearchList(view: DataView, fields: Fields, { offset, length }: Field): void {
  fields.number('icmpv6.opt.dnssl.lifetime', 'Lifetime', offset + 4, 4, seconds)
  const end = offset + length
  for (let at = offset + 8; at < end && view.getUint8(at) !== 0; ) {
    const size = nameSize(view, at, end)
    if (size === MALFORMED) return
    const name = formatName(new Uint8Array(view.buffer, view.byteOffset + at, size))
    fields.add('icmpv6.opt.dnssl', 'Domain', name, name, at, size)
    at += size
  }
}
