/**
 * IPv4 header (RFC 791, 3.1).
 *
 *     | version 4 bits, IHL 4 bits | type of service 1 | total length 2    |
 *     | identification 2           | flags 3 bits, fragment offset 13 bits |
 *     | time to live 1             | protocol 1 | header checksum 2        |
 *     | source address 4 | destination address 4 | options up to 40        |
 *
 * Accessors are only valid after `check` returned true for the same bytes. Addresses are int32.
 */

import { ipv4At, putIpv4 } from './address.ts'
import { finish, sum } from './checksum.ts'

const VERSION_IHL = 0
const TYPE_OF_SERVICE = 1
const TOTAL_LENGTH = 2
const IDENTIFICATION = 4
const FRAGMENT = 6
const TIME_TO_LIVE = 8
const PROTOCOL = 9
const HEADER_CHECKSUM = 10
const SOURCE = 12
const DESTINATION = 16
export const MIN_HEADER_SIZE = 20

/** Where the header checksum is. */
export const CHECKSUM_OFFSET = HEADER_CHECKSUM
const OPTIONS_MAX = 40

const VERSION = 4
/** Flags in the word that they share with the fragment offset. */
export const DONT_FRAGMENT = 0x4000
export const MORE_FRAGMENTS = 0x2000
const FRAGMENT_OFFSET = 0x1fff

export interface Ipv4 {
  /** RFC 2474, 3. */
  readonly dscp: number
  /** RFC 3168, 5. */
  readonly ecn: number
  /** Bytes, header included. */
  readonly totalLength: number
  readonly identification: number
  readonly dontFragment: boolean
  readonly moreFragments: boolean
  /** Bytes, a multiple of 8. */
  readonly fragmentOffset: number
  readonly timeToLive: number
  readonly protocol: number
  readonly source: string
  readonly destination: string
  /** As on the wire, padded to a multiple of 4 bytes. */
  readonly options: Uint8Array
}

/**
 * Promises version 4, a complete header of at least 20 bytes before `end`, and header size <= total length, which
 * also ends before `end` or there: the payload is offset + headerSize to offset + totalLength. Bytes behind that are
 * Ethernet padding. Does not verify the header checksum: see `checksumValid`.
 */
export function check(view: DataView, offset: number, end: number): boolean {
  if (end - offset < MIN_HEADER_SIZE || version(view, offset) !== VERSION) return false
  const size = headerSize(view, offset)
  const total = totalLength(view, offset)
  return size >= MIN_HEADER_SIZE && size <= total && total <= end - offset
}

export const version = (view: DataView, offset: number): number => view.getUint8(offset + VERSION_IHL) >>> 4
/** Bytes: four times the IHL. */
export const headerSize = (view: DataView, offset: number): number =>
  (view.getUint8(offset + VERSION_IHL) & 0x0f) << 2
export const dscp = (view: DataView, offset: number): number => view.getUint8(offset + TYPE_OF_SERVICE) >>> 2
export const ecn = (view: DataView, offset: number): number => view.getUint8(offset + TYPE_OF_SERVICE) & 3
export const totalLength = (view: DataView, offset: number): number => view.getUint16(offset + TOTAL_LENGTH)
export const identification = (view: DataView, offset: number): number =>
  view.getUint16(offset + IDENTIFICATION)
export const dontFragment = (view: DataView, offset: number): boolean =>
  (view.getUint16(offset + FRAGMENT) & DONT_FRAGMENT) !== 0
export const moreFragments = (view: DataView, offset: number): boolean =>
  (view.getUint16(offset + FRAGMENT) & MORE_FRAGMENTS) !== 0
/** Bytes. */
export const fragmentOffset = (view: DataView, offset: number): number =>
  (view.getUint16(offset + FRAGMENT) & FRAGMENT_OFFSET) << 3
/** Any fragment, the first one included: its payload is not a whole upper-layer message. */
export const isFragment = (view: DataView, offset: number): boolean =>
  (view.getUint16(offset + FRAGMENT) & (MORE_FRAGMENTS | FRAGMENT_OFFSET)) !== 0
export const timeToLive = (view: DataView, offset: number): number => view.getUint8(offset + TIME_TO_LIVE)
export const protocol = (view: DataView, offset: number): number => view.getUint8(offset + PROTOCOL)
export const headerChecksum = (view: DataView, offset: number): number =>
  view.getUint16(offset + HEADER_CHECKSUM)
export const sourceAddress = (view: DataView, offset: number): number => view.getInt32(offset + SOURCE)
export const destinationAddress = (view: DataView, offset: number): number =>
  view.getInt32(offset + DESTINATION)

/** Sets version 4 and the IHL; `size` is the header's in bytes, a multiple of 4. */
export function setHeaderSize(view: DataView, offset: number, size: number): void {
  view.setUint8(offset + VERSION_IHL, (VERSION << 4) | (size >>> 2))
}

/** DSCP and ECN in one byte: dscp << 2 | ecn. */
export function setTypeOfService(view: DataView, offset: number, value: number): void {
  view.setUint8(offset + TYPE_OF_SERVICE, value)
}

export function setTotalLength(view: DataView, offset: number, value: number): void {
  view.setUint16(offset + TOTAL_LENGTH, value)
}

/** Takes the low 16 bits of `value`, so a counter may run on. */
export function setIdentification(view: DataView, offset: number, value: number): void {
  view.setUint16(offset + IDENTIFICATION, value)
}

/** `flags`: DONT_FRAGMENT and MORE_FRAGMENTS, or-ed. `start`: the fragment offset in bytes, a multiple of 8. */
export function setFragment(view: DataView, offset: number, flags: number, start: number): void {
  view.setUint16(offset + FRAGMENT, flags | (start >>> 3))
}

export function setTimeToLive(view: DataView, offset: number, value: number): void {
  view.setUint8(offset + TIME_TO_LIVE, value)
}

export function setProtocol(view: DataView, offset: number, value: number): void {
  view.setUint8(offset + PROTOCOL, value)
}

export function setHeaderChecksum(view: DataView, offset: number, value: number): void {
  view.setUint16(offset + HEADER_CHECKSUM, value)
}

export function setSourceAddress(view: DataView, offset: number, value: number): void {
  view.setInt32(offset + SOURCE, value)
}

export function setDestinationAddress(view: DataView, offset: number, value: number): void {
  view.setInt32(offset + DESTINATION, value)
}

/** The sum over a header with a right checksum is the ones-complement zero, 0xffff (RFC 1071, 1). */
export const checksumValid = (view: DataView, offset: number): boolean =>
  sum(view, offset, headerSize(view, offset)) === 0xffff

/**
 * The same of a header without options, from its five words, which whoever looks at all of it reads once. Of ten halves the sum
 * has at most nine carries: added back in, they make the ones-complement zero of nothing but itself.
 */
export function wordsChecksumValid(a: number, b: number, c: number, d: number, e: number): boolean {
  const low = (a & 0xffff) + (b & 0xffff) + (c & 0xffff) + (d & 0xffff) + (e & 0xffff)
  const both = low + (a >>> 16) + (b >>> 16) + (c >>> 16) + (d >>> 16) + (e >>> 16)
  return (both & 0xffff) + (both >>> 16) === 0xffff
}

/** Computes the header checksum afresh and writes it. */
export function fillChecksum(view: DataView, offset: number): void {
  setHeaderChecksum(view, offset, 0)
  setHeaderChecksum(view, offset, finish(sum(view, offset, headerSize(view, offset))))
}

/** The header as a value, or undefined where `check` fails or the header checksum is wrong. */
export function parse(view: DataView, offset: number, end: number): Ipv4 | undefined {
  if (!check(view, offset, end) || !checksumValid(view, offset)) return undefined
  const optionsSize = headerSize(view, offset) - MIN_HEADER_SIZE
  return {
    dscp: dscp(view, offset),
    ecn: ecn(view, offset),
    totalLength: totalLength(view, offset),
    identification: identification(view, offset),
    dontFragment: dontFragment(view, offset),
    moreFragments: moreFragments(view, offset),
    fragmentOffset: fragmentOffset(view, offset),
    timeToLive: timeToLive(view, offset),
    protocol: protocol(view, offset),
    source: ipv4At(view, offset + SOURCE),
    destination: ipv4At(view, offset + DESTINATION),
    options: new Uint8Array(view.buffer, view.byteOffset + offset + MIN_HEADER_SIZE, optionsSize).slice(),
  }
}

/**
 * Writes the header with its checksum and returns its size. Throws RangeError for an address that is none, or for
 * options that no header can hold.
 */
export function emit(value: Ipv4, view: DataView, offset: number): number {
  const size = MIN_HEADER_SIZE + value.options.length
  if (value.options.length > OPTIONS_MAX || value.options.length % 4 !== 0) {
    throw new RangeError(
      `IPv4 options take a multiple of 4 bytes up to ${OPTIONS_MAX}, not ${value.options.length}`,
    )
  }
  setHeaderSize(view, offset, size)
  setTypeOfService(view, offset, (value.dscp << 2) | value.ecn)
  setTotalLength(view, offset, value.totalLength)
  setIdentification(view, offset, value.identification)
  const flags = (value.dontFragment ? DONT_FRAGMENT : 0) | (value.moreFragments ? MORE_FRAGMENTS : 0)
  setFragment(view, offset, flags, value.fragmentOffset)
  setTimeToLive(view, offset, value.timeToLive)
  setProtocol(view, offset, value.protocol)
  putIpv4(view, offset + SOURCE, value.source)
  putIpv4(view, offset + DESTINATION, value.destination)
  new Uint8Array(view.buffer, view.byteOffset + offset + MIN_HEADER_SIZE).set(value.options)
  fillChecksum(view, offset)
  return size
}
