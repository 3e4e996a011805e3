/** The outermost layers of a line: Ethernet, its tags, ARP, and what is neither of these nor IP. */

import * as arp from '../../wire/arp.ts'
import {
  HEADER_SIZE,
  TYPE_ARP,
  TYPE_IPV4,
  TYPE_IPV6,
  TYPE_MIN,
  TYPE_SERVICE_VLAN,
  TYPE_VLAN,
} from '../../wire/ethernet.ts'
import { ETHER_TYPES, TYPE_OLD_SERVICE_VLAN } from './ethernet.ts'
import { ipv4Address, macAddress } from './line-address.ts'
import { ipv4Line, ipv6Line } from './line-ip.ts'
import type { LinePacket } from './line-packet.ts'
import { ascii } from './line-text.ts'

const SOURCE = 6
const TYPE = 12
const TAG_SIZE = 4
/** Tags that a line names. */
const TAGS_MAX = 8
const LLC_SIZE = 3
const SNAP_SIZE = 8
/** Both addresses SNAP, unnumbered, and organization 0: an Ethernet type follows (RFC 1042). */
const SNAP_START = 0xaaaa0300 | 0
const RARP = 0x8035
/** Of ARP, up to the addresses. */
const ARP_FIXED_SIZE = 8

const TO = ascii(' > ')
const VLAN = ascii('vlan ')
const COMMA = ascii(', ')
const LENGTH = ascii(', length ')
const ETHERNET = ascii('Ethernet')
const ETHER_TYPE = ascii(': EtherType 0x')
const LLC = ascii(': LLC dsap 0x')
const SSAP = ascii(' ssap 0x')
const TYPE_NAMES: ReadonlyMap<number, Uint8Array> = new Map(
  Object.entries(ETHER_TYPES).map(([type, name]) => [Number(type), ascii(`: ${name}`)]),
)

/** The frame at `at`. */
export function ethernetLine(line: LinePacket, at: number): void {
  if (!line.has(at, HEADER_SIZE)) return line.put(ETHERNET)
  const { view } = line
  let type = view.getUint16(at + TYPE)
  let payload = at + HEADER_SIZE
  for (let tags = 0; isTag(type) && tags < TAGS_MAX; tags++) {
    line.put(VLAN)
    if (!line.has(payload, TAG_SIZE)) return
    line.decimal(view.getUint16(payload) & 0x0fff)
    line.put(COMMA)
    type = view.getUint16(payload + 2)
    payload += TAG_SIZE
  }
  if (type < TYPE_MIN && isSnap(line, payload)) {
    type = view.getUint16(payload + 6)
    payload += SNAP_SIZE
  }
  if (type === TYPE_IPV4) ipv4Line(line, payload)
  else if (type === TYPE_IPV6) ipv6Line(line, payload)
  else if (type === TYPE_ARP || type === RARP) arpLine(line, payload, type)
  else otherLine(line, at, payload, type)
}

const isSnap = ({ view, limit }: LinePacket, at: number): boolean =>
  limit - at >= SNAP_SIZE && view.getInt32(at) === SNAP_START && view.getUint16(at + 4) === 0

const isTag = (type: number): boolean =>
  type === TYPE_VLAN || type === TYPE_SERVICE_VLAN || type === TYPE_OLD_SERVICE_VLAN

const ARP = ascii('ARP')
const REVERSE_ARP = ascii('RARP')
const WHO_HAS = ascii(' who-has ')
const TELL = ascii(' tell ')
const IS_AT = ascii(' is-at ')
const OPERATION = ascii(' operation ')
const PROBE = ascii(' probe ')
const FROM = ascii(' from ')
const ANNOUNCES = ascii(' announces ')
const AT = ascii(' at ')

/** `check` of wire/arp.ts wants Ethernet and IPv4, as all ARP of today is. */
function arpLine(line: LinePacket, at: number, type: number): void {
  line.put(type === RARP ? REVERSE_ARP : ARP)
  if (!line.has(at, ARP_FIXED_SIZE)) return
  const { view } = line
  const operation = arp.operation(view, at)
  if (!arp.check(view, at, line.limit) || type === RARP || operation > arp.OPERATION_REPLY) {
    // Of other networks its addresses have other sizes.
    line.has(at, ARP_FIXED_SIZE + 2 * (view.getUint8(at + 4) + view.getUint8(at + 5)))
    line.put(OPERATION)
    line.decimal(operation)
    return
  }
  const sender = view.getInt32(at + 14)
  const target = view.getInt32(at + 24)
  if (operation === arp.OPERATION_REPLY) {
    line.byte(0x20)
    ipv4Address(line, at + 14)
    line.put(IS_AT)
    macAddress(line, at + 8)
  } else if (sender === 0) {
    // RFC 5227, 2.1.1: is the address free?
    line.put(PROBE)
    ipv4Address(line, at + 24)
    line.put(FROM)
    macAddress(line, at + 8)
  } else if (sender === target) {
    line.put(ANNOUNCES)
    ipv4Address(line, at + 14)
    line.put(AT)
    macAddress(line, at + 8)
  } else {
    line.put(WHO_HAS)
    ipv4Address(line, at + 24)
    line.put(TELL)
    ipv4Address(line, at + 14)
  }
}

function otherLine(line: LinePacket, at: number, payload: number, type: number): void {
  const { view } = line
  macAddress(line, at + SOURCE)
  line.put(TO)
  macAddress(line, at)
  const name = TYPE_NAMES.get(type)
  if (name !== undefined) line.put(name)
  else if (type >= TYPE_MIN) {
    line.put(ETHER_TYPE)
    line.hex(type, 4)
  } else if (line.has(payload, LLC_SIZE)) {
    line.put(LLC)
    line.hex(view.getUint8(payload), 2)
    line.put(SSAP)
    line.hex(view.getUint8(payload + 1), 2)
  }
  line.put(LENGTH)
  line.decimal(line.wireEnd - at)
}
