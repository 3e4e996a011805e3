/** How etcd's gateway writes things as JSON (the JSON mapping of proto3): bytes as base64, 64-bit numbers as strings, and nothing for zero. */

export type Json = Readonly<Record<string, unknown>>

export const encodeText = (text: string): string => Buffer.from(text).toString('base64')

/** The end of a range of keys, exclusive, that holds all that begin with `prefix`: `\0` where that is all behind it. */
export function prefixEnd(prefix: Uint8Array): Uint8Array {
  // The last byte counts up; those of 0xff have nothing above them and are left out.
  for (let last = prefix.length - 1; last >= 0; last--) {
    const byte = prefix[last]!
    if (byte === 0xff) continue
    const end = prefix.slice(0, last + 1)
    end[last] = byte + 1
    return end
  }
  return Uint8Array.of(0)
}

/** As etcd takes it in a request for all keys that begin with `prefix`. */
export const prefixRange = (prefix: string): { key: string; range_end: string } => ({
  key: encodeText(prefix),
  range_end: Buffer.from(prefixEnd(Buffer.from(prefix))).toString('base64'),
})

/** What is not as etcd says it: another program, or a broken one. */
export class EtcdGarbage extends Error {
  override readonly name = 'EtcdGarbage'
}

/** Throws EtcdGarbage, as all that follow do. */
export function parseJson(text: string): Json {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new EtcdGarbage('it is no JSON')
  }
  return objectOf(value, 'the answer')
}

export function objectOf(value: unknown, what: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new EtcdGarbage(`${what} is no object`)
  return value as Json
}

export function listOf(value: unknown, what: string): readonly unknown[] {
  if (value === undefined) return []
  if (!Array.isArray(value)) throw new EtcdGarbage(`${what} is no list`)
  return value
}

/** Exact, or refused: behind 2^53 numbers of JavaScript have gaps. */
export function numberOf(value: unknown, what: string): number {
  if (value === undefined) return 0
  const number = typeof value === 'number' || isDigits(value) ? Number(value) : Number.NaN
  if (!Number.isSafeInteger(number) || number < 0) throw new EtcdGarbage(`${what} is no number`)
  return number
}

/** 64 bits, of which nothing is counted: ids. Empty for zero. */
export function idOf(value: unknown, what: string): string {
  if (value === undefined || value === '0') return ''
  if (!isDigits(value)) throw new EtcdGarbage(`${what} is no id`)
  return value
}

export function decodeText(value: unknown, what: string): string {
  if (value === undefined) return ''
  if (typeof value !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(value))
    throw new EtcdGarbage(`${what} is no base64`)
  return Buffer.from(value, 'base64').toString()
}

const DIGITS_MAX = 20

const isDigits = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= DIGITS_MAX && /^\d+$/.test(value)
