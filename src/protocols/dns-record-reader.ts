/**
 * Records of a message that a server outside has sent, one after the other (RFC 1035, 4.1.3).
 *
 *     | owner | type 2 | class 2 | TTL 4 | length 2 | data |
 */

import {
  CLASS_IN,
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

const TYPE = 0
const CLASS = 2
const TTL = 4
const LENGTH = 8
const FIXED_SIZE = 10

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

export class DnsRecordReader {
  /** Where the record begins and where the next one does. */
  start = 0
  next = 0
  type = 0
  recordClass = 0
  /** As it is there: of OPT, no time. */
  ttl = 0
  ttlOffset = 0
  /** Seconds, as a cache has to take them. */
  ttlS = 0
  #data = 0
  readonly #name = new Uint8Array(NAME_SIZE_MAX)

  /**
   * Reads the record at `next` of a message from 0 to `end`; false where there is none, or where a client could stumble over it: a
   * name that is none, an address of another size, data that is not as long as it says.
   */
  read(view: DataView, end: number): boolean {
    this.start = this.next
    const owner = this.#nameAt(view, this.start, end)
    if (owner === MALFORMED || end - this.start - owner < FIXED_SIZE) return false
    const fixed = this.start + owner
    this.type = view.getUint16(fixed + TYPE)
    this.recordClass = view.getUint16(fixed + CLASS)
    this.ttl = view.getUint32(fixed + TTL)
    this.ttlOffset = fixed + TTL
    this.ttlS = this.ttl > TTL_MAX ? 0 : this.ttl
    this.#data = fixed + FIXED_SIZE
    this.next = this.#data + view.getUint16(fixed + LENGTH)
    return this.next <= end && this.#isSound(view)
  }

  /** Of a SOA that was read: the TTL of negative answers (RFC 2308, 4). */
  minimumS(view: DataView): number {
    const minimum = view.getUint32(this.next - SOA_MINIMUM_SIZE)
    return minimum > TTL_MAX ? 0 : minimum
  }

  #isSound(view: DataView): boolean {
    const size = this.next - this.#data
    if (this.type === TYPE_A) return size === 4 || this.recordClass !== CLASS_IN
    if (this.type === TYPE_AAAA) return size === 16
    if (this.type === TYPE_SOA) return this.#isSoaSound(view)
    const nameAt = NAME_AT.get(this.type)
    if (nameAt === undefined) return true
    return size > nameAt && this.#nameAt(view, this.#data + nameAt, this.next) === size - nameAt
  }

  #isSoaSound(view: DataView): boolean {
    const primary = this.#nameAt(view, this.#data, this.next)
    if (primary === MALFORMED) return false
    const mailbox = this.#nameAt(view, this.#data + primary, this.next)
    return mailbox !== MALFORMED && this.#data + primary + mailbox + SOA_NUMBERS_SIZE === this.next
  }

  /** Bytes that the name takes there; MALFORMED also where what it leads to is no name. */
  #nameAt(view: DataView, at: number, end: number): number {
    if (readName(view, 0, at, end, this.#name) === MALFORMED) return MALFORMED
    return skipName(view, 0, at, end)
  }
}
