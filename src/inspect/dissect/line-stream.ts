/** What a TCP segment carries, where its beginning says so: HTTP/1 (RFC 9112), TLS (RFC 8446), DNS over TCP (RFC 1035, 4.2.2). */

import { DNS_PORT } from '../../limits.ts'
import { isHttp, STARTS, VERSION } from './http.ts'
import { dnsLine } from './line-dns.ts'
import { type LinePacket, NAME_LETTERS_MAX } from './line-packet.ts'
import { ascii } from './line-text.ts'
import { CONTENT_TYPES, isTls } from './tls.ts'

const HTTP = ascii(': HTTP ')
const TLS = ascii(': TLS ')
const SEPARATOR = ascii(': ')
const CLIENT_HELLO = ascii('client hello')
const SERVER_HELLO = ascii('server hello')
const FOR = ascii(' for ')
const RECORDS: ReadonlyMap<number, Uint8Array> = new Map(
  Object.entries(CONTENT_TYPES).map(([type, name]) => [Number(type), ascii(name)]),
)

/** The first four bytes of all that HTTP begins with: one look tells most other data from it. */
const HTTP_STARTS: ReadonlySet<number> = new Set(
  STARTS.map((start) => start.subarray(0, 4).reduce((word, byte) => (word << 8) | byte, 0)),
)

const HANDSHAKE = 22
const RECORD_HEADER = 5
const HELLO_FIXED = 2 + 32
/** `HTTP`. */
const HTTP_WORD = 0x48545450
const BLANK = 0x20
const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d

/** The data at `at`, of which there is a byte at least. */
export function applicationLine(line: LinePacket, at: number, source: number, destination: number): void {
  const { view, limit } = line
  if (limit - at < 4) return
  const first = view.getUint8(at)
  if (first >= 0x41 && first <= 0x5a) {
    if (HTTP_STARTS.has(view.getInt32(at)) && isHttp(view, at, limit)) httpLine(line, at)
  } else if (first >= 20 && first <= 23 && isTls(view, at, limit)) {
    tlsLine(line, at, first)
  } else if (source === DNS_PORT || destination === DNS_PORT) {
    // Behind the length, where the message begins with this segment and is all in it.
    if (view.getUint16(at) !== line.wireEnd - at - 2) return
    line.put(SEPARATOR)
    dnsLine(line, at + 2)
  }
}

function httpLine(line: LinePacket, at: number): void {
  const { view } = line
  const most = Math.min(line.limit, at + NAME_LETTERS_MAX)
  let end = at
  while (end < most && view.getUint8(end) !== LINE_FEED) end++
  if (view.getUint8(end - 1) === CARRIAGE_RETURN) end--
  line.put(HTTP)
  const from = statusCode(view, at, end)
  line.printable(view, from, end - from)
}

/** Behind `HTTP/1.1 ` of a status line, which would say HTTP a second time; other lines are shown from `at`. */
function statusCode(view: DataView, at: number, end: number): number {
  const code = at + VERSION.length + 2
  return code < end && view.getInt32(at) === HTTP_WORD && view.getUint8(code - 1) === BLANK ? code : at
}

function tlsLine(line: LinePacket, at: number, type: number): void {
  const { view, limit } = line
  line.put(TLS)
  const handshake = type === HANDSHAKE && limit - at > RECORD_HEADER ? view.getUint8(at + RECORD_HEADER) : 0
  if (handshake === 2) return line.put(SERVER_HELLO)
  if (handshake !== 1) return line.put(RECORDS.get(type)!)
  line.put(CLIENT_HELLO)
  const name = serverName(view, at + RECORD_HEADER + 4, limit)
  if (name < 0) return
  const length = Math.min(view.getUint16(name), NAME_LETTERS_MAX)
  line.put(FOR)
  line.printable(view, name + 2, length)
}

/**
 * Where the server's name stands with its length in front, or -1 (RFC 6066, 3):
 *
 *     version 2 | random 32 | session 1+n | cipher suites 2+n | compression 1+n | extensions 2+n
 */
function serverName(view: DataView, hello: number, limit: number): number {
  let at = hello + HELLO_FIXED
  if (at >= limit) return -1
  at += 1 + view.getUint8(at)
  if (at + 2 > limit) return -1
  at += 2 + view.getUint16(at)
  if (at >= limit) return -1
  at += 1 + view.getUint8(at) + 2
  while (at + 4 <= limit) {
    const size = view.getUint16(at + 2)
    if (view.getUint16(at) === 0) {
      // List's length, kind 0, and the name with its length.
      const name = at + 4 + 3
      if (name + 2 > limit || view.getUint8(name - 1) !== 0) return -1
      return name + 2 + view.getUint16(name) <= limit ? name : -1
    }
    at += 4 + size
  }
  return -1
}
