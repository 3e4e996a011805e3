/** ARP (RFC 826), for IPv4 over Ethernet. */

import { formatIpv4, macAt } from '../../wire/address.ts'
import {
  check,
  OPERATION_REPLY,
  OPERATION_REQUEST,
  operation,
  PACKET_SIZE,
  senderProtocol,
  targetHardwareHigh,
  targetHardwareLow,
  targetProtocol,
} from '../../wire/arp.ts'
import { ETHER_TYPES, showTrailer } from './ethernet.ts'
import { named, nameIn } from './fields.ts'
import type { Extent, Next, Packet } from './packet.ts'

const FIXED_SIZE = 8

const HARDWARE_TYPES: Readonly<Record<number, string>> = { 1: 'Ethernet', 6: 'IEEE 802', 15: 'Frame Relay' }
const OPERATIONS: Readonly<Record<number, string>> = {
  [OPERATION_REQUEST]: 'request',
  [OPERATION_REPLY]: 'reply',
  3: 'reverse request',
  4: 'reverse reply',
}

export function dissectArp(packet: Packet, extent: Extent): Next | undefined {
  const { offset, end, wireEnd } = extent
  const layer = packet.layer('arp', 'Address Resolution Protocol', extent, PACKET_SIZE)
  const fields = packet.fields(layer, extent)
  fields.number('arp.hw.type', 'Hardware type', offset, 2, named(HARDWARE_TYPES))
  fields.hex('arp.proto.type', 'Protocol type', offset + 2, 2, nameIn(ETHER_TYPES))
  fields.number('arp.hw.size', 'Hardware address length', offset + 4, 1)
  fields.number('arp.proto.size', 'Protocol address length', offset + 5, 1)
  fields.number('arp.opcode', 'Operation', offset + 6, 2, named(OPERATIONS))
  const whole = check(packet.view, offset, end)
  if (!whole && layer.problem === undefined) {
    layer.length = FIXED_SIZE
    layer.problem = 'not for IPv4 over Ethernet: its addresses are not shown'
    return { protocol: 'data', offset: offset + FIXED_SIZE, end, wireEnd }
  }
  if (whole) {
    layer.title = title(packet.view, offset)
    const note = special(packet.view, offset)
    if (note !== undefined) fields.add(note.name, note.label, true, note.text, offset, 0)
  }
  fields.mac('arp.src.hw_mac', 'Sender hardware address', offset + 8)
  fields.ipv4('arp.src.proto_ipv4', 'Sender protocol address', offset + 14)
  fields.mac('arp.dst.hw_mac', 'Target hardware address', offset + 18)
  fields.ipv4('arp.dst.proto_ipv4', 'Target protocol address', offset + 24)
  showTrailer(packet, offset + PACKET_SIZE, end)
  return undefined
}

function title(view: DataView, offset: number): string {
  const sender = formatIpv4(senderProtocol(view, offset))
  const target = formatIpv4(targetProtocol(view, offset))
  switch (operation(view, offset)) {
    case OPERATION_REQUEST:
      return `Address Resolution Protocol, request: who has ${target}? Tell ${sender}`
    case OPERATION_REPLY:
      return `Address Resolution Protocol, reply: ${sender} is at ${macAt(view, offset + 8)}`
    default:
      return 'Address Resolution Protocol'
  }
}

/** A request or reply that asks nobody (RFC 5227, 1.1 and 3). */
function special(view: DataView, offset: number): { name: string; label: string; text: string } | undefined {
  const sender = senderProtocol(view, offset)
  const kind = operation(view, offset)
  if (kind !== OPERATION_REQUEST && kind !== OPERATION_REPLY) return undefined
  if (sender === targetProtocol(view, offset)) {
    return { name: 'arp.isgratuitous', label: 'Gratuitous', text: 'the sender tells its own address' }
  }
  const asked = targetHardwareHigh(view, offset) === 0 && targetHardwareLow(view, offset) === 0
  if (sender === 0 && kind === OPERATION_REQUEST && asked) {
    return { name: 'arp.isprobe', label: 'Probe', text: 'the sender asks whether the address is free' }
  }
  return undefined
}
