import { parseIpv4, parseIpv6, parseMac } from '../../wire/address.ts'
import type { CaptureName } from './capture-file.ts'
import { NameRecord } from './pcapng-names.ts'
import { padded } from './pcapng-options.ts'

const encoder = new TextEncoder()

/** Bytes of one record's value; its length has two bytes. Names that do not fit go into a record of their own. */
const VALUE_MAX = 0xffff

/** Appends the little-endian records of a name resolution block (pcapng, 4.5) for one address; nothing where it is none or has no names. */
export function putNameRecord({ address, names }: CaptureName, into: number[]): void {
  const found = addressBytes(address)
  if (found === undefined) return
  let value: number[] = []
  for (const name of names) {
    const bytes = encoder.encode(name)
    if (bytes.length === 0 || bytes.includes(0) || found.bytes.length + bytes.length + 1 > VALUE_MAX) continue
    if (found.bytes.length + value.length + bytes.length + 1 > VALUE_MAX) {
      putRecord(found.type, [...found.bytes, ...value], into)
      value = []
    }
    for (const byte of bytes) value.push(byte)
    value.push(0)
  }
  if (value.length > 0) putRecord(found.type, [...found.bytes, ...value], into)
}

function putRecord(type: number, value: readonly number[], into: number[]): void {
  into.push(type & 0xff, type >> 8, value.length & 0xff, value.length >> 8)
  for (const byte of value) into.push(byte)
  for (let at = value.length; at < padded(value.length); at++) into.push(0)
}

function addressBytes(
  text: string,
): { readonly type: number; readonly bytes: readonly number[] } | undefined {
  const ipv4 = parseIpv4(text)
  if (ipv4 !== undefined) return { type: NameRecord.ipv4, bytes: bytesOf(ipv4, 4) }
  const ipv6 = parseIpv6(text)
  if (ipv6 !== undefined) return { type: NameRecord.ipv6, bytes: [...ipv6] }
  const mac = parseMac(text)
  if (mac === undefined) return undefined
  return { type: NameRecord.eui48, bytes: [...bytesOf(mac.high, 2), ...bytesOf(mac.low, 4)] }
}

const bytesOf = (value: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => (value >>> (8 * (count - 1 - i))) & 0xff)
