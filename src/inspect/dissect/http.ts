/** HTTP/1 (RFC 9112): the first line, and the names and values of the fields. */

import { asciiText, type Field, type Fields } from './fields.ts'
import type { Extent, Next, Packet } from './packet.ts'

/** The shortest have three letters, so the first four bytes of each differ from most other data. */
const METHODS = ['GET', 'POST', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'CONNECT', 'TRACE']
export const VERSION = 'HTTP/1.'
export const STARTS: readonly Uint8Array[] = [...METHODS.map((method) => `${method} `), VERSION].map(
  (start) => Buffer.from(start),
)

const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
const BLANK = 0x20
/** Lines of a head that are shown. */
const LINES_MAX = 128

/** Fields with a name of their own in Wireshark; others are `http.unknown_header`. */
const HEADERS: Readonly<Record<string, string>> = {
  accept: 'http.accept',
  'accept-encoding': 'http.accept_encoding',
  'accept-language': 'http.accept_language',
  authorization: 'http.authorization',
  'cache-control': 'http.cache_control',
  connection: 'http.connection',
  'content-encoding': 'http.content_encoding',
  'content-length': 'http.content_length_header',
  'content-type': 'http.content_type',
  cookie: 'http.cookie',
  date: 'http.date',
  host: 'http.host',
  'last-modified': 'http.last_modified',
  location: 'http.location',
  referer: 'http.referer',
  server: 'http.server',
  'set-cookie': 'http.set_cookie',
  'transfer-encoding': 'http.transfer_encoding',
  upgrade: 'http.upgrade',
  'user-agent': 'http.user_agent',
}

/** Whether the data begin with a method of HTTP, or with a status line. Allocates nothing: lines ask it, too. */
export function isHttp(view: DataView, offset: number, end: number): boolean {
  for (const start of STARTS) if (beginsWith(view, offset, end, start)) return true
  return false
}

function beginsWith(view: DataView, offset: number, end: number, start: Uint8Array): boolean {
  if (end - offset < start.length) return false
  for (let i = 0; i < start.length; i++) if (view.getUint8(offset + i) !== start[i]) return false
  return true
}

export function dissectHttp(packet: Packet, extent: Extent): Next | undefined {
  const { offset, end, wireEnd } = extent
  const { view } = packet
  const layer = packet.layer('http', 'Hypertext Transfer Protocol', extent, end - offset)
  const fields = packet.fields(layer, extent)
  let at = offset
  for (let line = 0; at < end; line++) {
    const next = lineEnd(view, at, end)
    const size = textSize(view, at, next)
    if (line === 0) {
      showFirstLine(view, fields, at, size)
      layer.title = `Hypertext Transfer Protocol, ${asciiText(view, at, size)}`
    } else if (size === 0 || line > LINES_MAX) {
      at = next
      break
    } else showHeader(view, fields, at, next, size)
    at = next
  }
  layer.length = at - offset
  return { protocol: 'data', offset: at, end, wireEnd }
}

function lineEnd(view: DataView, offset: number, end: number): number {
  let at = offset
  while (at < end && view.getUint8(at) !== LINE_FEED) at++
  return Math.min(at + 1, end)
}

/** Bytes of the line without what ends it. */
function textSize(view: DataView, offset: number, end: number): number {
  let size = end - offset
  if (size > 0 && view.getUint8(end - 1) === LINE_FEED) size--
  if (size > 0 && view.getUint8(offset + size - 1) === CARRIAGE_RETURN) size--
  return size
}

/** `GET /index.html HTTP/1.1` or `HTTP/1.1 200 OK`: three words, of which the last of a response may have blanks. */
function showFirstLine(view: DataView, fields: Fields, offset: number, size: number): void {
  const end = offset + size
  const first = wordEnd(view, offset, end)
  const second = wordEnd(view, first + 1, end)
  const response = asciiText(view, offset, first - offset).startsWith(VERSION)
  const show = (name: string, label: string, from: number, to: number): Field | undefined =>
    from < to ? fields.string(name, label, from, to - from) : undefined
  if (response) {
    show('http.response.version', 'Version', offset, first)
    const code = show('http.response.code', 'Status code', first + 1, second)
    if (code !== undefined && /^[0-9]{1,9}$/.test(code.text)) code.value = Number(code.text)
    show('http.response.phrase', 'Reason', second + 1, end)
    return
  }
  show('http.request.method', 'Method', offset, first)
  show('http.request.uri', 'Target', first + 1, second)
  show('http.request.version', 'Version', second + 1, end)
}

function wordEnd(view: DataView, offset: number, end: number): number {
  let at = Math.min(offset, end)
  while (at < end && view.getUint8(at) !== BLANK) at++
  return at
}

function showHeader(view: DataView, fields: Fields, offset: number, end: number, size: number): void {
  const text = asciiText(view, offset, size)
  const colon = text.indexOf(':')
  const key = colon < 0 ? text : text.slice(0, colon) || '(no name)'
  const value = colon < 0 ? '' : text.slice(colon + 1).trim()
  fields.add(HEADERS[key.toLowerCase()] ?? 'http.unknown_header', key, value, value, offset, end - offset)
}
