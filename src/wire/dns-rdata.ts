/**
 * The data of records as zone files have it (RFC 1035, 5.1), and of what has no text of its own the form for unknown types
 * (RFC 3597, 5): `\# 4 0a000001`. That is also the text of data that its type does not allow.
 */

import { formatIpv4, ipv6At } from './address.ts'
import {
  TYPE_A,
  TYPE_AAAA,
  TYPE_CAA,
  TYPE_CNAME,
  TYPE_DNAME,
  TYPE_HTTPS,
  TYPE_MX,
  TYPE_NS,
  TYPE_OPT,
  TYPE_PTR,
  TYPE_SOA,
  TYPE_SRV,
  TYPE_SVCB,
  TYPE_TXT,
} from './dns.ts'
import { decimalEscape, formatName, MALFORMED, NAME_SIZE_MAX, readName, skipName } from './dns-name.ts'

/** Takes the data apart, field by field. What is read behind the data's end is 0 or empty, and `valid` says so. */
class RdataReader {
  valid = true
  readonly view: DataView
  readonly message: number
  readonly end: number
  at: number

  constructor(view: DataView, message: number, offset: number, end: number) {
    this.view = view
    this.message = message
    this.at = offset
    this.end = end
  }

  /** Bytes that are left. */
  get left(): number {
    return this.end - this.at
  }

  uint8(): number {
    return this.has(1) ? this.view.getUint8(this.at - 1) : 0
  }

  uint16(): number {
    return this.has(2) ? this.view.getUint16(this.at - 2) : 0
  }

  uint32(): number {
    return this.has(4) ? this.view.getUint32(this.at - 4) : 0
  }

  bytes(size: number): Uint8Array {
    if (!this.has(size)) return new Uint8Array()
    return new Uint8Array(this.view.buffer, this.view.byteOffset + this.at - size, size)
  }

  /** With its last dot: nothing can be taken to be relative. */
  name(): string {
    const name = new Uint8Array(NAME_SIZE_MAX)
    const size = skipName(this.view, this.message, this.at, this.end)
    if (size === MALFORMED || readName(this.view, this.message, this.at, this.end, name) === MALFORMED) {
      this.valid = false
      return ''
    }
    this.at += size
    const text = formatName(name)
    return text === '.' ? text : `${text}.`
  }

  /** A string of up to 255 bytes (RFC 1035, 3.3), in quotation marks. */
  string(): string {
    return quoted(this.bytes(this.uint8()))
  }

  private has(size: number): boolean {
    if (size > this.left) {
      this.valid = false
      return false
    }
    this.at += size
    return true
  }
}

/**
 * Text of the data of a record of `type`, `length` bytes at `offset` of the message at `message`. Names in it end with a dot. OPT,
 * which no zone file has, lists its options: `10=0123456789abcdef 12=`.
 */
export function formatRdata(
  view: DataView,
  message: number,
  type: number,
  offset: number,
  length: number,
): string {
  const format = FORMATS.get(type)
  if (format !== undefined) {
    const reader = new RdataReader(view, message, offset, offset + length)
    const text = format(reader)
    if (reader.valid && reader.left === 0) return text
  }
  const data = new Uint8Array(view.buffer, view.byteOffset + offset, length)
  return length === 0 ? '\\# 0' : `\\# ${length} ${hex(data)}`
}

type Format = (reader: RdataReader) => string

const nameOnly: Format = (reader) => reader.name()

const FORMATS: ReadonlyMap<number, Format> = new Map<number, Format>([
  [TYPE_A, (reader) => formatIpv4(reader.uint32())],
  [TYPE_NS, nameOnly],
  [TYPE_CNAME, nameOnly],
  [TYPE_PTR, nameOnly],
  [TYPE_DNAME, nameOnly],
  [TYPE_SOA, formatSoa],
  [TYPE_MX, (reader) => `${reader.uint16()} ${reader.name()}`],
  [TYPE_TXT, formatTxt],
  [TYPE_AAAA, formatAaaa],
  [TYPE_SRV, (reader) => `${reader.uint16()} ${reader.uint16()} ${reader.uint16()} ${reader.name()}`],
  [TYPE_OPT, formatOptions],
  [TYPE_CAA, formatCaa],
  [TYPE_SVCB, formatSvcb],
  [TYPE_HTTPS, formatSvcb],
])

function formatAaaa(reader: RdataReader): string {
  const bytes = reader.bytes(16)
  return reader.valid ? ipv6At(new DataView(bytes.buffer, bytes.byteOffset, 16), 0) : ''
}

/** RFC 1035, 3.3.13: primary server, mailbox, serial, refresh, retry, expire, minimum. */
function formatSoa(reader: RdataReader): string {
  const names = `${reader.name()} ${reader.name()}`
  const times = [reader.uint32(), reader.uint32(), reader.uint32(), reader.uint32(), reader.uint32()]
  return `${names} ${times.join(' ')}`
}

/** RFC 1035, 3.3.14: one string or more. */
function formatTxt(reader: RdataReader): string {
  const strings: string[] = []
  do strings.push(reader.string())
  while (reader.valid && reader.left > 0)
  return strings.join(' ')
}

function formatOptions(reader: RdataReader): string {
  const options: string[] = []
  while (reader.valid && reader.left > 0) {
    const code = reader.uint16()
    options.push(`${code}=${hex(reader.bytes(reader.uint16()))}`)
  }
  return options.join(' ')
}

/** RFC 8659, 4.1: flags, tag, and the rest of the data as value. */
function formatCaa(reader: RdataReader): string {
  const flags = reader.uint8()
  const tag = String.fromCharCode(...reader.bytes(reader.uint8()))
  if (!/^[0-9A-Za-z]+$/.test(tag)) reader.valid = false
  return `${flags} ${tag} ${quoted(reader.bytes(Math.max(reader.left, 0)))}`
}

/** Parameters of SVCB and HTTPS (RFC 9460, 14.3.2). */
const MANDATORY = 0
const ALPN = 1
const NO_DEFAULT_ALPN = 2
const PORT = 3
const IPV4_HINT = 4
const ECH = 5
const IPV6_HINT = 6
const PARAMETERS = ['mandatory', 'alpn', 'no-default-alpn', 'port', 'ipv4hint', 'ech', 'ipv6hint', 'dohpath']

/** RFC 9460, 2.1: priority, target, and parameters in ascending order. */
function formatSvcb(reader: RdataReader): string {
  const words = [String(reader.uint16()), reader.name()]
  let last = -1
  while (reader.valid && reader.left > 0) {
    const key = reader.uint16()
    // 2.2: a key that is not above the one before makes the record malformed.
    if (key <= last) reader.valid = false
    last = key
    words.push(formatParameter(key, reader.bytes(reader.uint16())))
  }
  return words.join(' ')
}

/** A value that its key does not allow is written as one of an unknown key: as the bytes that it has. */
function formatParameter(key: number, value: Uint8Array): string {
  const name = PARAMETERS[key] ?? `key${key}`
  const text = parameterValue(key, value)
  if (text === undefined) return value.length === 0 ? name : `${name}=${quoted(value)}`
  return `${name}=${text}`
}

function parameterValue(key: number, value: Uint8Array): string | undefined {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength)
  const each = (size: number, format: (at: number) => string): string | undefined => {
    if (value.length === 0 || value.length % size !== 0) return undefined
    return Array.from({ length: value.length / size }, (_, index) => format(index * size)).join(',')
  }
  switch (key) {
    case MANDATORY:
      return each(2, (at) => PARAMETERS[view.getUint16(at)] ?? `key${view.getUint16(at)}`)
    case ALPN:
      return formatAlpn(view)
    case NO_DEFAULT_ALPN:
      return undefined
    case PORT:
      return value.length === 2 ? String(view.getUint16(0)) : undefined
    case IPV4_HINT:
      return each(4, (at) => formatIpv4(view.getInt32(at)))
    case ECH:
      return undefined
    case IPV6_HINT:
      return each(16, (at) => ipv6At(view, at))
    default:
      return undefined
  }
}

/** Protocol identifiers with a length in front of each; only those that need no escape in a list (RFC 9460, 7.1.1). */
function formatAlpn(view: DataView): string | undefined {
  const reader = new RdataReader(view, 0, 0, view.byteLength)
  const protocols: string[] = []
  while (reader.valid && reader.left > 0) protocols.push(String.fromCharCode(...reader.bytes(reader.uint8())))
  const plain = protocols.length > 0 && protocols.every((protocol) => /^[0-9A-Za-z./_+-]+$/.test(protocol))
  return reader.valid && plain ? protocols.join(',') : undefined
}

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** A string in quotation marks (RFC 1035, 5.1). */
function quoted(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) {
    if (byte < 0x20 || byte > 0x7e) text += decimalEscape(byte)
    else if (byte === QUOTE || byte === BACKSLASH) text += `\\${String.fromCharCode(byte)}`
    else text += String.fromCharCode(byte)
  }
  return `"${text}"`
}

const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
