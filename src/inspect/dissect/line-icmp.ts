/** ICMP (RFC 792) in a line, in words; of an error also what it is about. */

import * as ipProtocol from '../../wire/ip-protocol.ts'
import { ICMP_TYPES } from './icmp.ts'
import { ipv4Address } from './line-address.ts'
import type { LinePacket } from './line-packet.ts'
import { ascii } from './line-text.ts'

const HEADER_SIZE = 8
const IPV4_HEADER_MIN = 20
/** What stands in a later fragment are no ports. */
const FRAGMENT_OFFSET = 0x1fff

const ICMP = ascii('ICMP ')
const ECHO_REQUEST = ascii('echo request, id ')
const ECHO_REPLY = ascii('echo reply, id ')
const SEQUENCE = ascii(', seq ')
const LENGTH = ascii(', length ')
const CODE = ascii(' code ')
const TYPE = ascii('type ')
const PORT = ascii(' port ')
const UNREACHABLE = ascii(' unreachable')
const HOST = ascii('host ')
const NETWORK = ascii('net of ')
const PROTOCOL = ascii('protocol ')
const TOO_BIG = ascii('must be fragmented for MTU ')
const PROHIBITED = ascii(' unreachable: prohibited')
const OF = ascii(' of ')
const TO = ascii(' to ')
const FOR = ascii(' for ')
const REDIRECT = ascii('redirect to ')
const TTL_EXCEEDED = ascii('time exceeded in transit')
const REASSEMBLY_EXCEEDED = ascii('time exceeded for reassembly')

const NAMES: ReadonlyMap<number, Uint8Array> = new Map(
  Object.entries(ICMP_TYPES).map(([type, name]) => [Number(type), ascii(name)]),
)

export function icmpLine(line: LinePacket, at: number): void {
  line.put(ICMP)
  if (!line.has(at, HEADER_SIZE)) return
  const { view } = line
  const type = view.getUint8(at)
  const code = view.getUint8(at + 1)
  if (type === 8 || type === 0) echo(line, at, type === 8 ? ECHO_REQUEST : ECHO_REPLY)
  else if (type === 3) unreachable(line, at, code)
  else if (type === 11) {
    line.put(code === 1 ? REASSEMBLY_EXCEEDED : TTL_EXCEEDED)
    quoted(line, at + HEADER_SIZE)
  } else if (type === 5) {
    line.put(REDIRECT)
    ipv4Address(line, at + 4)
    quoted(line, at + HEADER_SIZE)
  } else other(line, type, code)
  line.put(LENGTH)
  line.decimal(line.wireEnd - at)
}

function echo(line: LinePacket, at: number, name: Uint8Array): void {
  line.put(name)
  line.decimal(line.view.getUint16(at + 4))
  line.put(SEQUENCE)
  line.decimal(line.view.getUint16(at + 6))
}

function other(line: LinePacket, type: number, code: number): void {
  const name = NAMES.get(type)
  if (name === undefined) {
    line.put(TYPE)
    line.decimal(type)
  } else line.put(name)
  if (code === 0) return
  line.put(CODE)
  line.decimal(code)
}

/** The packet that could not go on is quoted behind the header: who it was for, and which port. */
function unreachable(line: LinePacket, at: number, code: number): void {
  const { view } = line
  const inner = at + HEADER_SIZE
  if (!line.has(inner, IPV4_HEADER_MIN) || view.getUint8(inner) >>> 4 !== 4) return other(line, 3, code)
  const transport = inner + ((view.getUint8(inner) & 0x0f) << 2)
  const protocol = view.getUint8(inner + 9)
  if (code === 4) {
    line.put(TOO_BIG)
    line.decimal(view.getUint16(at + 6))
    line.put(FOR)
    return ipv4Address(line, inner + 16)
  }
  const later = (view.getUint16(inner + 6) & FRAGMENT_OFFSET) !== 0
  if (code === 3 && !later && line.limit - transport >= 4) {
    line.text(protocol === ipProtocol.TCP ? 'TCP' : protocol === ipProtocol.UDP ? 'UDP' : 'transport')
    line.put(PORT)
    line.decimal(view.getUint16(transport + 2))
    line.put(OF)
  } else if (code === 2) {
    line.put(PROTOCOL)
    line.decimal(protocol)
    line.put(OF)
  } else line.put(code === 0 || code === 6 ? NETWORK : HOST)
  ipv4Address(line, inner + 16)
  const prohibited = code === 9 || code === 10 || code === 13
  line.put(prohibited ? PROHIBITED : UNREACHABLE)
  if (code <= 3 || prohibited) return
  line.put(CODE)
  line.decimal(code)
}

function quoted(line: LinePacket, inner: number): void {
  if (line.limit - inner < IPV4_HEADER_MIN || line.view.getUint8(inner) >>> 4 !== 4) return
  line.put(FOR)
  ipv4Address(line, inner + 12)
  line.put(TO)
  ipv4Address(line, inner + 16)
}
