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
const RARP = 0x8035

const TO = ascii(' > ')
const VLAN = ascii('vlan ')
const COMMA = ascii(', ')
const LENGTH = ascii(', length ')
const ETHERNET = ascii('Ethernet')
const ETHER_TYPE = ascii(': EtherType 0x')
const LLC = ascii(': LLC dsap 0x')
const SSAP = ascii(' ssap 0x')
const TYPE_NAMES: ReadonlyMap<number, Uint8Array> = new Map([
  [0x8847, ascii(': MPLS')],
  [0x8863, ascii(': PPPoE discovery')],
  [0x8864, ascii(': PPPoE')],
  [0x888e, ascii(': EAPOL')],
  [0x88cc, ascii(': LLDP')],
  [0x88f7, ascii(': PTP')],
  [0x9000, ascii(': loopback test')],
])

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
  if (type === TYPE_IPV4) ipv4Line(line, payload)
  else if (type === TYPE_IPV6) ipv6Line(line, payload)
  else if (type === TYPE_ARP || type === RARP) arpLine(line, payload, type)
  else otherLine(line, at, payload, type)
}

const isTag = (type: number): boolean => type === TYPE_VLAN || type === TYPE_SERVICE_VLAN || type === 0x9100

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
  if (!line.has(at, arp.PACKET_SIZE)) return
  const { view } = line
  const operation = arp.operation(view, at)
  if (!arp.check(view, at, line.limit) || type === RARP || operation > arp.OPERATION_REPLY) {
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
