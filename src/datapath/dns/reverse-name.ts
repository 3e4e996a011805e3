/**
 * The address that the name of a PTR question stands for:
 *
 *     2.0.1.10.in-addr.arpa                                   10.1.0.2 (RFC 1035, 3.5)
 *     2.0.0.0. ... .8.b.d.0.1.0.0.2.ip6.arpa                  2001:db8::2, a label a hexadecimal digit (RFC 3596, 2.5)
 */

import { equalNames } from '../../wire/dns-name.ts'

/** What the name stands for. */
export const NO_ADDRESS = 0
export const IPV4 = 4
export const IPV6 = 6

const IPV4_LABELS = 4
const IPV6_LABELS = 32

/** In wire form with the root. */
const IN_ADDR_ARPA = suffixOf('in-addr', 'arpa')
const IP6_ARPA = suffixOf('ip6', 'arpa')

const ZERO = 0x30
const SMALL_A = 0x61
const CASE = 0x20
const NOTHING = -1

export class ReverseName {
  /** The address: one word, or four. */
  readonly words = new Int32Array(4)

  /** Reads the name of `size` bytes at `at`, in wire form with the root. IPV4, IPV6, or NO_ADDRESS. */
  read(bytes: Uint8Array, at: number, size: number): number {
    if (endsWith(bytes, at, size, IN_ADDR_ARPA)) {
      return this.readIpv4(bytes, at, at + size - IN_ADDR_ARPA.length) ? IPV4 : NO_ADDRESS
    }
    if (endsWith(bytes, at, size, IP6_ARPA)) {
      return this.readIpv6(bytes, at, at + size - IP6_ARPA.length) ? IPV6 : NO_ADDRESS
    }
    return NO_ADDRESS
  }

  private readIpv4(bytes: Uint8Array, from: number, end: number): boolean {
    let address = 0
    let at = from
    for (let label = 0; label < IPV4_LABELS; label++) {
      const octet = at < end ? octetAt(bytes, at) : NOTHING
      if (octet === NOTHING) return false
      address = (address >>> 8) | (octet << 24)
      at += bytes[at]! + 1
    }
    this.words[0] = address
    return at === end
  }

  private readIpv6(bytes: Uint8Array, from: number, end: number): boolean {
    if (end - from !== 2 * IPV6_LABELS) return false
    const { words } = this
    words.fill(0)
    for (let label = 0; label < IPV6_LABELS; label++) {
      const at = from + 2 * label
      const digit = bytes[at] === 1 ? digitOf(bytes[at + 1]!) : NOTHING
      if (digit === NOTHING) return false
      words[3 - (label >>> 3)]! |= digit << ((label & 7) << 2)
    }
    return true
  }
}

/** The decimal number in the label at `at`, 0 to 255 and without zeroes in front, or NOTHING. */
function octetAt(bytes: Uint8Array, at: number): number {
  const size = bytes[at]!
  if (size < 1 || size > 3 || (size > 1 && bytes[at + 1] === ZERO)) return NOTHING
  let value = 0
  for (let index = at + 1; index <= at + size; index++) {
    const digit = bytes[index]! - ZERO
    if (digit < 0 || digit > 9) return NOTHING
    value = value * 10 + digit
  }
  return value > 0xff ? NOTHING : value
}

function digitOf(byte: number): number {
  if (byte >= ZERO && byte <= ZERO + 9) return byte - ZERO
  const small = byte | CASE
  return small >= SMALL_A && small <= SMALL_A + 5 ? small - SMALL_A + 10 : NOTHING
}

/** Whether the name's last bytes are these; its labels must then begin there too, which its digits show. */
function endsWith(bytes: Uint8Array, at: number, size: number, suffix: Uint8Array): boolean {
  const start = at + size - suffix.length
  return start >= at && equalNames(bytes, start, suffix, 0, suffix.length)
}

function suffixOf(...labels: readonly string[]): Uint8Array {
  const bytes = labels.flatMap((label) => [label.length, ...Array.from(label, (one) => one.charCodeAt(0))])
  return Uint8Array.from([...bytes, 0])
}
