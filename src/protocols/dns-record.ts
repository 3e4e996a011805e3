/** A record that a server outside has sent: whether clients can take it, and for how long it holds. */

import {
  TYPE_A,
  TYPE_AAAA,
  TYPE_CNAME,
  TYPE_DNAME,
  TYPE_MX,
  TYPE_NS,
  TYPE_PTR,
  TYPE_SOA,
  TYPE_SRV,
} from '../wire/dns.ts'
import { MALFORMED, NAME_SIZE_MAX, readName, skipName } from '../wire/dns-name.ts'
import type { RecordReader } from '../wire/dns-records.ts'

/** RFC 2181, 8: a TTL with the sign bit counts as 0. */
const TTL_MAX = 0x7fff_ffff

/** Serial, refresh, retry, expire, minimum. */
const SOA_NUMBERS_SIZE = 20
const SOA_MINIMUM_SIZE = 4

/** What a record of these types has in front of its name, which is its end. */
const NAME_AT: ReadonlyMap<number, number> = new Map([
  [TYPE_NS, 0],
  [TYPE_CNAME, 0],
  [TYPE_PTR, 0],
  [TYPE_DNAME, 0],
  [TYPE_MX, 2],
  [TYPE_SRV, 6],
])

/**
 * Whether a client can read the record of a message that begins with the view and ends at `end`: its owner is a name, an address has
 * its size (that of class IN: the data path asks for no other), and where data of these types has names, they are names and end where
 * they should. Other data is the client's to judge.
 */
export function isSound(view: DataView, record: RecordReader, end: number): boolean {
  const { type, rdataOffset, rdataLength } = record
  if (nameAt(view, record.nameOffset, end) === MALFORMED) return false
  if (type === TYPE_A) return rdataLength === 4
  if (type === TYPE_AAAA) return rdataLength === 16
  if (type === TYPE_SOA) return isSoaSound(view, rdataOffset, rdataLength)
  const offset = NAME_AT.get(type)
  if (offset === undefined) return true
  const size = nameAt(view, rdataOffset + offset, rdataOffset + rdataLength)
  return size !== MALFORMED && offset + size === rdataLength
}

function isSoaSound(view: DataView, offset: number, size: number): boolean {
  const end = offset + size
  const primary = nameAt(view, offset, end)
  if (primary === MALFORMED) return false
  const mailbox = nameAt(view, offset + primary, end)
  return mailbox !== MALFORMED && primary + mailbox + SOA_NUMBERS_SIZE === size
}

const name = new Uint8Array(NAME_SIZE_MAX)

/** Bytes that the name takes there; MALFORMED also where what it leads to is no name. */
function nameAt(view: DataView, offset: number, end: number): number {
  if (readName(view, 0, offset, end, name) === MALFORMED) return MALFORMED
  return skipName(view, 0, offset, end)
}

/** Seconds. */
export const ttlOf = (view: DataView, record: RecordReader): number => seconds(view, record.ttlOffset)

/** Of a SOA that is sound: seconds for which an answer "no such name" holds (RFC 2308, 4). */
export const minimumOf = (view: DataView, record: RecordReader): number =>
  seconds(view, record.rdataOffset + record.rdataLength - SOA_MINIMUM_SIZE)

function seconds(view: DataView, offset: number): number {
  const value = view.getUint32(offset)
  return value > TTL_MAX ? 0 : value
}
