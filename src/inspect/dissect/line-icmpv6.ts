/** ICMPv6 (RFC 4443) and neighbor discovery (RFC 4861) in a line, in words. */

import { ICMPV6_CODES, ICMPV6_TYPES } from './icmpv6.ts'
import { ipv6Address, macAddress } from './line-address.ts'
import type { LinePacket } from './line-packet.ts'
import { ascii } from './line-text.ts'

const HEADER_SIZE = 8
const IPV6_HEADER = 40
const DISCOVERY_SIZE = 24
const LINK_ADDRESS_SIZE = 8
const SOURCE_LINK_ADDRESS = 1
const TARGET_LINK_ADDRESS = 2

const ICMPV6 = ascii('ICMPv6 ')
const ECHO_REQUEST = ascii('echo request, id ')
const ECHO_REPLY = ascii('echo reply, id ')
const SEQUENCE = ascii(', seq ')
const LENGTH = ascii(', length ')
const CODE = ascii(' code ')
const TYPE = ascii('type ')
const SOLICITATION = ascii('neighbor solicitation, who has ')
const ADVERTISEMENT = ascii('neighbor advertisement, ')
const FROM = ascii(', from ')
const IS_AT = ascii(' is at ')
const TOO_BIG = ascii('packet too big, MTU ')
const FOR = ascii(' for ')
const REDIRECT = ascii('redirect to ')

const NAMES: ReadonlyMap<number, Uint8Array> = new Map(
  Object.entries(ICMPV6_TYPES).map(([type, name]) => [Number(type), ascii(name)]),
)
const REASONS: ReadonlyMap<number, Uint8Array> = new Map(
  Object.entries(ICMPV6_CODES).flatMap(([type, codes]) =>
    Object.entries(codes).map(
      ([code, reason]) => [(Number(type) << 8) | Number(code), ascii(` (${reason})`)] as const,
    ),
  ),
)

export function icmpv6Line(line: LinePacket, at: number): void {
  line.put(ICMPV6)
  if (!line.has(at, 4)) return
  const { view } = line
  const type = view.getUint8(at)
  const code = view.getUint8(at + 1)
  if ((type === 128 || type === 129) && line.has(at, HEADER_SIZE)) {
    line.put(type === 128 ? ECHO_REQUEST : ECHO_REPLY)
    line.decimal(view.getUint16(at + 4))
    line.put(SEQUENCE)
    line.decimal(view.getUint16(at + 6))
  } else if (type >= 135 && type <= 137 && line.has(at, DISCOVERY_SIZE)) discovery(line, at, type)
  else if (type === 2 && line.has(at, HEADER_SIZE)) {
    line.put(TOO_BIG)
    line.uint32(at + 4)
    quoted(line, at + HEADER_SIZE)
  } else other(line, at, type, code)
  line.put(LENGTH)
  line.decimal(Math.max(0, line.wireEnd - at))
}

function other(line: LinePacket, at: number, type: number, code: number): void {
  const name = NAMES.get(type)
  if (name === undefined) {
    line.put(TYPE)
    line.decimal(type)
  } else line.put(name)
  const reason = REASONS.get((type << 8) | code)
  if (reason !== undefined) line.put(reason)
  else if (code !== 0) {
    line.put(CODE)
    line.decimal(code)
  }
  if (type >= 1 && type <= 4) quoted(line, at + HEADER_SIZE)
}

function discovery(line: LinePacket, at: number, type: number): void {
  const option = at + DISCOVERY_SIZE
  if (type === 137) {
    line.put(REDIRECT)
    return ipv6Address(line, at + HEADER_SIZE)
  }
  line.put(type === 135 ? SOLICITATION : ADVERTISEMENT)
  ipv6Address(line, at + HEADER_SIZE)
  if (line.limit - option < LINK_ADDRESS_SIZE) return
  const kind = line.view.getUint8(option)
  if (kind !== SOURCE_LINK_ADDRESS && kind !== TARGET_LINK_ADDRESS) return
  line.put(kind === SOURCE_LINK_ADDRESS ? FROM : IS_AT)
  macAddress(line, option + 2)
}

/** The packet that it is about: to whom it went. */
function quoted(line: LinePacket, inner: number): void {
  if (line.limit - inner < IPV6_HEADER) return
  line.put(FOR)
  ipv6Address(line, inner + 24)
}
