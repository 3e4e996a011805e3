/** IPv4 (RFC 791) and IPv6 (RFC 8200) in a line: addresses, fragments, and the way to what they carry. */

import { IPV6_EXTENSION_HEADERS_MAX } from '../../limits.ts'
import * as ipProtocol from '../../wire/ip-protocol.ts'
import { IP_PROTOCOLS, isLeftToDevice } from './ip-names.ts'
import { ipv4Address, ipv6Address } from './line-address.ts'
import { icmpLine } from './line-icmp.ts'
import { icmpv6Line } from './line-icmpv6.ts'
import type { LinePacket } from './line-packet.ts'
import { tcpLine } from './line-tcp.ts'
import { ascii } from './line-text.ts'
import { udpLine } from './line-udp.ts'

// Constants of this module.
const TCP = ipProtocol.TCP
const UDP = ipProtocol.UDP
const SCTP = ipProtocol.SCTP
const UDP_LITE = 136
const IPV4_HEADER_MIN = 20
const IPV6_HEADER = 40
const FRAGMENT_OFFSET = 0x1fff
const MORE_FRAGMENTS = 0x2000
const DOT = 0x2e

const IP = ascii('IP')
const IP6 = ascii('IP6')
const TO = ascii(' > ')
const COLON = ascii(': ')
const LENGTH = ascii(', length ')
const BAD_VERSION = ascii(', not version ')
const BAD_HEADER = ascii(', header of ')
const BYTES = ascii(' bytes')
const FRAGMENT = ascii(' fragment, id ')
const OFFSET = ascii(', offset ')
const MORE = ascii('+')
const FRAGMENT_ID = ascii(', fragment id ')
const PROTOCOL = ascii('protocol ')

const NAMES: ReadonlyMap<number, Uint8Array> = new Map(
  Object.entries(IP_PROTOCOLS).map(([number, name]) => [Number(number), ascii(name)]),
)

/** The packet at `at`, to which the frame's end may have padding that is none of it. */
export function ipv4Line(line: LinePacket, at: number): void {
  if (!line.has(at, IPV4_HEADER_MIN)) return line.put(IP)
  const { view } = line
  const first = view.getUint8(at)
  if (first >>> 4 !== 4) return wrongVersion(line, IP, first >>> 4, 4)
  const headerSize = (first & 0x0f) << 2
  if (headerSize < IPV4_HEADER_MIN) return wrongHeader(line, headerSize)
  // 0 of a super-frame: its length does not fit.
  const total = view.getUint16(at + 2)
  if (total >= headerSize) bound(line, at + total)
  const payload = at + headerSize
  const fragment = view.getUint16(at + 6)
  const protocol = view.getUint8(at + 9)
  const start = (fragment & FRAGMENT_OFFSET) << 3
  const ports = start === 0 && hasPorts(protocol) && line.limit - payload >= 4
  ipv4Address(line, at + 12)
  if (ports) port(line, payload)
  line.put(TO)
  ipv4Address(line, at + 16)
  if (ports) port(line, payload + 2)
  line.put(COLON)
  if (start !== 0) {
    laterFragment(line, protocol, view.getUint16(at + 4), start, (fragment & MORE_FRAGMENTS) !== 0, payload)
    return
  }
  carried(line, protocol, payload, 4)
  if ((fragment & MORE_FRAGMENTS) !== 0) firstFragment(line, view.getUint16(at + 4))
}

export function ipv6Line(line: LinePacket, at: number): void {
  if (!line.has(at, IPV6_HEADER)) return line.put(IP6)
  const { view } = line
  const version = view.getUint8(at) >>> 4
  if (version !== 6) return wrongVersion(line, IP6, version, 6)
  const length = view.getUint16(at + 4)
  if (length > 0 || !isLeftToDevice(view.getUint8(at + 6))) bound(line, at + IPV6_HEADER + length)
  let protocol = view.getUint8(at + 6)
  let payload = at + IPV6_HEADER
  let fragmentHeader = -1
  for (let headers = 0; headers < IPV6_EXTENSION_HEADERS_MAX && line.limit - payload >= 8; headers++) {
    if (protocol === ipProtocol.FRAGMENT) {
      if (fragmentHeader < 0) fragmentHeader = payload
      protocol = view.getUint8(payload)
      payload += 8
      // What stands in a later fragment is no header.
      if ((view.getUint16(fragmentHeader + 2) & 0xfff8) !== 0) break
    } else if (
      protocol === ipProtocol.HOP_BY_HOP ||
      protocol === ipProtocol.ROUTING ||
      protocol === ipProtocol.DESTINATION_OPTIONS
    ) {
      protocol = view.getUint8(payload)
      payload += (view.getUint8(payload + 1) + 1) << 3
    } else break
  }
  ipv6Rest(line, at, protocol, payload, fragmentHeader)
}

function ipv6Rest(line: LinePacket, at: number, protocol: number, payload: number, fragment: number): void {
  const { view } = line
  const flags = fragment < 0 ? 0 : view.getUint16(fragment + 2)
  const start = flags & 0xfff8
  const ports = start === 0 && hasPorts(protocol) && line.limit - payload >= 4
  ipv6Address(line, at + 8)
  if (ports) port(line, payload)
  line.put(TO)
  ipv6Address(line, at + 24)
  if (ports) port(line, payload + 2)
  line.put(COLON)
  const id = fragment < 0 ? 0 : view.getInt32(fragment + 4)
  if (start !== 0) return laterFragment(line, protocol, id, start, (flags & 1) !== 0, payload)
  carried(line, protocol, payload, 6)
  if ((flags & 1) !== 0) firstFragment(line, id)
}

const hasPorts = (protocol: number): boolean =>
  protocol === TCP || protocol === UDP || protocol === SCTP || protocol === UDP_LITE

/** The packet ends there, whatever stands behind it. */
function bound(line: LinePacket, end: number): void {
  if (end < line.limit) line.limit = end
  if (end < line.wireEnd) line.wireEnd = end
}

function port(line: LinePacket, at: number): void {
  line.byte(DOT)
  line.decimal(line.view.getUint16(at))
}

function carried(line: LinePacket, protocol: number, at: number, version: 4 | 6): void {
  if (protocol === TCP) tcpLine(line, at)
  else if (protocol === UDP) udpLine(line, at)
  else if (protocol === ipProtocol.ICMP && version === 4) icmpLine(line, at)
  else if (protocol === ipProtocol.ICMPV6 && version === 6) icmpv6Line(line, at)
  else {
    protocolName(line, protocol)
    line.put(LENGTH)
    line.decimal(Math.max(0, line.wireEnd - at))
  }
}

export function protocolName(line: LinePacket, protocol: number): void {
  const name = NAMES.get(protocol)
  if (name !== undefined) return line.put(name)
  line.put(PROTOCOL)
  line.decimal(protocol)
}

function firstFragment(line: LinePacket, id: number): void {
  line.put(FRAGMENT_ID)
  line.unsigned(id)
  line.put(OFFSET)
  line.decimal(0)
  line.put(MORE)
}

/** `UDP fragment, id 7, offset 1480+, length 1480`; the plus: more come. */
function laterFragment(
  line: LinePacket,
  protocol: number,
  id: number,
  start: number,
  more: boolean,
  payload: number,
): void {
  protocolName(line, protocol)
  line.put(FRAGMENT)
  line.unsigned(id)
  line.put(OFFSET)
  line.decimal(start)
  if (more) line.put(MORE)
  line.put(LENGTH)
  line.decimal(Math.max(0, line.wireEnd - payload))
}

function wrongVersion(line: LinePacket, name: Uint8Array, version: number, right: number): void {
  line.put(name)
  line.put(BAD_VERSION)
  line.decimal(right)
  line.put(COLON)
  line.decimal(version)
}

function wrongHeader(line: LinePacket, size: number): void {
  line.put(IP)
  line.put(BAD_HEADER)
  line.decimal(size)
  line.put(BYTES)
}
