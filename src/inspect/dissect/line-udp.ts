/** UDP (RFC 768) in a line, and what it carries by its ports: DNS, DHCP (RFC 2131), VXLAN (RFC 7348). */

import * as dhcp from '../../wire/dhcp.ts'
import * as vxlan from '../../wire/vxlan.ts'
import { DHCP_MESSAGES } from './dhcp-options.ts'
import { ipv4Address, macAddress } from './line-address.ts'
import { dnsLine } from './line-dns.ts'
import type { LinePacket } from './line-packet.ts'
import { ascii } from './line-text.ts'
import { udpApplication } from './udp-applications.ts'

const HEADER_SIZE = 8
/** Tunnels inside one another that a line follows. */
const TUNNELS_MAX = 1

const UDP = ascii('UDP')
const UDP_LENGTH = ascii('UDP, length ')

export function udpLine(line: LinePacket, at: number): void {
  if (!line.has(at, HEADER_SIZE)) return line.put(UDP)
  const { view } = line
  const source = view.getUint16(at)
  const destination = view.getUint16(at + 2)
  const data = at + HEADER_SIZE
  if (application(line, data, source, destination)) return
  line.put(UDP_LENGTH)
  // Its own field; of a super-frame it is 0, or that of one segment.
  const length = view.getUint16(at + 4) - HEADER_SIZE
  line.decimal(length >= 0 ? length : Math.max(0, line.wireEnd - data))
}

function application(line: LinePacket, at: number, source: number, destination: number): boolean {
  switch (udpApplication(source, destination)) {
    case 'dns':
    case 'mdns':
      return dnsLine(line, at)
    case 'dhcp':
      return dhcpLine(line, at)
    case 'vxlan':
      return line.depth < TUNNELS_MAX && vxlanLine(line, at)
    case undefined:
      return false
  }
}

const DHCP = ascii('DHCP ')
const FROM = ascii(' from ')
const FOR = ascii(' for ')
const TO = ascii(' to ')
const TRANSACTION = ascii(', xid 0x')
/** Without a type it is of the protocol that DHCP extends. */
const BOOTP_REQUEST = ascii('BOOTP request')
const BOOTP_REPLY = ascii('BOOTP reply')
const REQUESTED_ADDRESS = 50
const MESSAGES: ReadonlyMap<number, Uint8Array> = new Map(
  Object.entries(DHCP_MESSAGES).map(([type, name]) => [Number(type), ascii(name)]),
)
const HARDWARE_ADDRESS = 28

function dhcpLine(line: LinePacket, at: number): boolean {
  const { view, limit } = line
  if (!dhcp.check(view, at, limit)) return false
  let message = 0
  let requested = -1
  for (let option = at + dhcp.HEADER_SIZE; ; ) {
    const size = dhcp.optionSize(view, option, limit)
    if (size === dhcp.NO_OPTION || view.getUint8(option) === dhcp.OPTION_END) break
    const code = view.getUint8(option)
    if (code === dhcp.OPTION_MESSAGE_TYPE && size === 3) message = view.getUint8(option + 2)
    if (code === REQUESTED_ADDRESS && size === 6) requested = option + 2
    option += size
  }
  const request = dhcp.operation(view, at) === dhcp.OPERATION_REQUEST
  const name = MESSAGES.get(message)
  if (name === undefined) line.put(request ? BOOTP_REQUEST : BOOTP_REPLY)
  else {
    line.put(DHCP)
    line.put(name)
  }
  if (request && requested >= 0) {
    line.put(FOR)
    ipv4Address(line, requested)
  } else if (!request && dhcp.yourAddress(view, at) !== 0) {
    line.byte(0x20)
    ipv4Address(line, at + 16)
  }
  line.put(request ? FROM : TO)
  macAddress(line, at + HARDWARE_ADDRESS)
  line.put(TRANSACTION)
  line.hex(dhcp.transaction(view, at), 8)
  return true
}

const VXLAN = ascii('VXLAN vni ')
const COLON = ascii(': ')

function vxlanLine(line: LinePacket, at: number): boolean {
  const { view, limit } = line
  if (!vxlan.check(view, at, limit) || (vxlan.flags(view, at) & vxlan.FLAG_VALID) === 0) return false
  line.put(VXLAN)
  line.decimal(vxlan.networkIdentifier(view, at))
  line.put(COLON)
  line.depth++
  line.inner = at + vxlan.HEADER_SIZE
  return true
}
