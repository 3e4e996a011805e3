/**
 * The record OPT without options (RFC 6891, 6.1.2).
 *
 *     | root 1 | type 2 | UDP size 2 | extended rcode 1 | version 1 | DO 1 bit, Z 15 | length 2 |
 */

import { TYPE_OPT } from '../wire/dns.ts'

const TYPE = 1
const UDP_SIZE = 3
const FLAGS = 7
export const OPT_SIZE = 11

const DNSSEC_OK = 0x8000
const RCODE_SHIFT = 24

/** Version 0, and no extended rcode. The OPT_SIZE bytes at `offset` are 0 before. */
export function setOpt(view: DataView, offset: number, udpSize: number, dnssecOk: boolean): void {
  view.setUint16(offset + TYPE, TYPE_OPT)
  view.setUint16(offset + UDP_SIZE, udpSize)
  view.setUint16(offset + FLAGS, dnssecOk ? DNSSEC_OK : 0)
}

/** The upper eight bits of the rcode, in their place, of what an OPT has as its TTL. */
export const extendedRcode = (ttl: number): number => (ttl >>> RCODE_SHIFT) << 4
