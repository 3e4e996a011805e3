/** DHCP (RFC 2131) and the BOOTP that it extends (RFC 951). */

import {
  check,
  HEADER_SIZE,
  hardwareLength,
  messageType,
  NO_OPTION,
  OPERATION_REPLY,
  OPERATION_REQUEST,
  OPTION_END,
  OPTION_PAD,
  optionSize,
} from '../../wire/dhcp.ts'
import { DHCP_MESSAGES, OPTION_LABELS, showOption } from './dhcp-options.ts'
import { asciiText, type Fields, named, nameIn } from './fields.ts'
import { cutShort, type Extent, type Layer, type Packet } from './packet.ts'

const SERVER_NAME = 44
const FILE = 108
const COOKIE = 236
const BOOTP_SIZE = 236
const CLIENT_HARDWARE_SIZE = 16

const OPERATIONS: Readonly<Record<number, string>> = {
  [OPERATION_REQUEST]: 'request',
  [OPERATION_REPLY]: 'reply',
}

export function dissectDhcp(packet: Packet, extent: Extent): undefined {
  const { offset, end } = extent
  const { view } = packet
  const layer = packet.layer('dhcp', 'Dynamic Host Configuration Protocol', extent, BOOTP_SIZE)
  const fields = packet.fields(layer, extent)
  showHeader(fields, offset)
  if (layer.problem !== undefined) return
  layer.length = end - offset
  showClient(view, fields, offset)
  showText(view, fields, 'dhcp.server', 'Server name', offset + SERVER_NAME, 64)
  showText(view, fields, 'dhcp.file', 'Boot file', offset + FILE, 128)
  if (end < extent.wireEnd) layer.problem = cutShort(end - offset, extent.wireEnd - offset)
  if (layer.problem !== undefined && end - offset < HEADER_SIZE) return
  if (!check(view, offset, end)) {
    layer.title = 'Bootstrap Protocol'
    if (end - offset > BOOTP_SIZE)
      fields.bytes('dhcp.vendor', 'Vendor data', offset + BOOTP_SIZE, end - offset - BOOTP_SIZE)
    return
  }
  const type = DHCP_MESSAGES[messageType(view, offset, end)] ?? 'without a message type'
  layer.title = `Dynamic Host Configuration Protocol, ${type}`
  fields.ipv4('dhcp.cookie', 'Magic cookie', offset + COOKIE).text = 'DHCP'
  showOptions(packet, layer, fields, { ...extent, offset: offset + HEADER_SIZE })
}

function showHeader(fields: Fields, offset: number): void {
  fields.number('dhcp.type', 'Operation', offset, 1, named(OPERATIONS))
  fields.hex('dhcp.hw.type', 'Hardware type', offset + 1, 1, nameIn({ 1: 'Ethernet' }))
  fields.number('dhcp.hw.len', 'Hardware address length', offset + 2, 1)
  fields.number('dhcp.hops', 'Hops', offset + 3, 1)
  fields.hex('dhcp.id', 'Transaction', offset + 4, 4)
  fields.number('dhcp.secs', 'Seconds', offset + 8, 2)
  const flags = fields.under(fields.hex('dhcp.flags', 'Flags', offset + 10, 2))
  flags.flag('dhcp.flags.bc', 'Answer by broadcast wanted', offset + 10, 2, 0x8000)
  fields.ipv4('dhcp.ip.client', "Client's address", offset + 12)
  fields.ipv4('dhcp.ip.your', 'Your address', offset + 16)
  fields.ipv4('dhcp.ip.server', "Next server's address", offset + 20)
  fields.ipv4('dhcp.ip.relay', "Relay's address", offset + 24)
}

function showClient(view: DataView, fields: Fields, offset: number): void {
  const size = hardwareLength(view, offset)
  if (size === 6) fields.mac('dhcp.hw.mac_addr', "Client's hardware address", offset + 28)
  else if (size > 0 && size <= CLIENT_HARDWARE_SIZE) {
    fields.bytes('dhcp.hw.addr', "Client's hardware address", offset + 28, size)
  }
}

/** Text up to its first zero byte; nothing where it is empty. */
function showText(
  view: DataView,
  fields: Fields,
  name: string,
  label: string,
  offset: number,
  size: number,
): void {
  let length = 0
  while (length < size && view.getUint8(offset + length) !== 0) length++
  if (length === 0) return
  const text = asciiText(view, offset, length)
  fields.add(name, label, text, text, offset, size)
}

function showOptions(packet: Packet, layer: Layer, fields: Fields, { offset, end }: Extent): void {
  const { view } = packet
  let at = offset
  while (at < end && !packet.full) {
    const code = view.getUint8(at)
    const size = optionSize(view, at, end)
    const label = OPTION_LABELS[code] ?? `Option ${code}`
    if (size === NO_OPTION) {
      fields.add('dhcp.option.type', label, code, String(code), at, end - at).problem =
        `longer than the ${end - at} bytes that are left`
      return
    }
    if (code === OPTION_PAD) {
      let count = 1
      while (at + count < end && view.getUint8(at + count) === OPTION_PAD) count++
      fields.bytes('dhcp.option.padding', 'Padding', at, count)
      at += count
      continue
    }
    if (code === OPTION_END) {
      fields.add('dhcp.option.end', label, code, String(code), at, 1)
      const rest = end - at - 1
      if (rest > 0) fields.bytes('dhcp.option.padding', 'Padding', at + 1, rest)
      return
    }
    const option = fields.add('dhcp.option.type', label, code, String(code), at, size)
    const text = showOption(view, fields.under(option), code, at, size)
    if (text !== '') option.text = text
    at += size
  }
  layer.problem ??= 'its options have no end'
}
