/**
 * DNS (RFC 1035, 4) in a line: `DNS 4660+ A? web.example` and `DNS 4660 2/0/1 CNAME a.example, A 172.18.0.2`. Behind a query's number a plus
 * says that recursion is wanted; behind an answer's, `*` that it is authoritative, `-` that there is no recursion, `|` that it is cut short.
 */

import { DNS_NAME_POINTERS_MAX } from '../../limits.ts'
import * as dns from '../../wire/dns.ts'
import { ipv4Number, ipv6Number } from './line-address.ts'
import { type LinePacket, NAME_LETTERS_MAX } from './line-packet.ts'
import { ascii } from './line-text.ts'

const DNS = ascii('DNS ')
const ASKS = ascii('? ')
const MORE = ascii(', ...')
const OPERATION = ascii(' operation ')
const NXDOMAIN = ascii(' NXDOMAIN')
const PLUS = 0x2b
const STAR = 0x2a
const MINUS = 0x2d
const BAR = 0x7c
const BLANK = 0x20
const SLASH = 0x2f
const DOT = 0x2e
const UNREADABLE = 0x3f

/** Answers that a line shows. */
const ANSWERS_MAX = 4

// Constants of this module.
const HEADER_SIZE = dns.HEADER_SIZE
const TYPE_A = dns.TYPE_A
const TYPE_AAAA = dns.TYPE_AAAA

const TYPE_NAMES: ReadonlyMap<number, Uint8Array> = new Map(
  [1, 2, 5, 6, 12, 15, 16, 28, 33, 41, 43, 46, 48, 64, 65, 255].map((type) => [
    type,
    ascii(dns.formatType(type)),
  ]),
)

/** The message at `at`; false where there is none, and nothing is written. */
export function dnsLine(line: LinePacket, at: number): boolean {
  const { view, limit } = line
  if (limit - at < HEADER_SIZE) return false
  const flags = view.getUint16(at + 2)
  const response = (flags & dns.FLAG_QR) !== 0
  line.put(DNS)
  line.decimal(view.getUint16(at))
  const operation = (flags & dns.OPCODE_MASK) >>> dns.OPCODE_SHIFT
  if (operation !== dns.OPCODE_QUERY) {
    line.put(OPERATION)
    line.decimal(operation)
  }
  if (response) answer(line, at, flags)
  else {
    if ((flags & dns.FLAG_RD) !== 0) line.byte(PLUS)
    if (dns.questionCount(view, at) > 0) question(line, at)
  }
  return true
}

function question(line: LinePacket, message: number): void {
  const start = message + HEADER_SIZE
  const end = nameEnd(line, start)
  if (end < 0 || !line.has(end, 4)) {
    line.cut = true
    return
  }
  line.byte(BLANK)
  type(line, line.view.getUint16(end))
  line.put(ASKS)
  name(line, message, start)
}

function answer(line: LinePacket, message: number, flags: number): void {
  const { view } = line
  if ((flags & dns.FLAG_AA) !== 0) line.byte(STAR)
  if ((flags & dns.FLAG_RA) === 0) line.byte(MINUS)
  if ((flags & dns.FLAG_TC) !== 0) line.byte(BAR)
  const rcode = flags & dns.RCODE_MASK
  if (rcode === dns.RCODE_NAME_ERROR) line.put(NXDOMAIN)
  else if (rcode !== dns.RCODE_NO_ERROR) {
    line.byte(BLANK)
    line.text(dns.formatRcode(rcode))
  }
  const answers = dns.answerCount(view, message)
  line.byte(BLANK)
  line.decimal(answers)
  line.byte(SLASH)
  line.decimal(dns.authorityCount(view, message))
  line.byte(SLASH)
  line.decimal(dns.additionalCount(view, message))
  let at = message + HEADER_SIZE
  for (let questions = Math.min(dns.questionCount(view, message), 4); questions > 0; questions--) {
    at = nameEnd(line, at)
    if (at < 0) return
    at += 4
  }
  for (let shown = 0; shown < answers; shown++) {
    if (shown === ANSWERS_MAX) return line.put(MORE)
    at = nameEnd(line, at)
    if (at < 0 || !line.has(at, 10)) return
    const size = view.getUint16(at + 8)
    if (!line.has(at + 10, size)) return
    if (shown > 0) line.byte(0x2c)
    line.byte(BLANK)
    record(line, message, view.getUint16(at), at + 10, size)
    at += 10 + size
  }
}

function record(line: LinePacket, message: number, kind: number, data: number, size: number): void {
  type(line, kind)
  if (kind === TYPE_A && size === 4) {
    line.byte(BLANK)
    ipv4Number(line, data)
  } else if (kind === TYPE_AAAA && size === 16) {
    line.byte(BLANK)
    ipv6Number(line, data)
  } else if (kind === dns.TYPE_CNAME || kind === dns.TYPE_NS || kind === dns.TYPE_PTR) {
    line.byte(BLANK)
    name(line, message, data)
  } else if (kind === dns.TYPE_SRV && size > 6) {
    line.byte(BLANK)
    name(line, message, data + 6)
    line.byte(0x3a)
    line.decimal(line.view.getUint16(data + 4))
  }
}

function type(line: LinePacket, value: number): void {
  const known = TYPE_NAMES.get(value)
  if (known === undefined) line.text(dns.formatType(value))
  else line.put(known)
}

/** Behind the name at `at`; -1 where it does not end. */
function nameEnd({ view, limit }: LinePacket, at: number): number {
  let position = at
  while (position >= 0 && position < limit) {
    const length = view.getUint8(position)
    if (length === 0) return position + 1
    if (length >= 0xc0) return position + 2 <= limit ? position + 2 : -1
    position += 1 + length
  }
  return -1
}

/** The name at `start`, with dots; a question mark stands for what cannot be read of it. Pointers are followed as far as they lead back. */
function name(line: LinePacket, message: number, start: number): void {
  const { view, limit } = line
  const from = line.end
  let at = start
  for (let pointers = 0; pointers <= DNS_NAME_POINTERS_MAX && at < limit; ) {
    const length = view.getUint8(at)
    if (length === 0) {
      if (line.end === from) line.byte(DOT)
      return
    }
    if (length >= 0xc0) {
      if (at + 2 > limit) break
      at = message + (view.getUint16(at) & 0x3fff)
      pointers++
      continue
    }
    if (length > 63 || at + 1 + length > limit || line.end - from + length > NAME_LETTERS_MAX) break
    if (line.end > from) line.byte(DOT)
    line.printable(view, at + 1, length)
    at += 1 + length
  }
  if (line.end > from) line.byte(DOT)
  line.byte(UNREADABLE)
}
