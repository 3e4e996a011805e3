/**
 * UDP header (RFC 768).
 *
 *     | source port 2 | destination port 2 | length 2 | checksum 2 |
 *
 * Accessors are only valid after `check` returned true for the same bytes.
 */

import { finish, sum, udpChecksum } from './checksum.ts'

const SOURCE_PORT = 0
const DESTINATION_PORT = 2
const LENGTH = 4
const CHECKSUM = 6
export const HEADER_SIZE = 8

/** Where the checksum field is: what csum_offset says of a UDP datagram. */
export const CHECKSUM_OFFSET = CHECKSUM

export interface Udp {
  readonly sourcePort: number
  readonly destinationPort: number
  /** Bytes, header included. */
  readonly length: number
  /** 0: none. */
  readonly checksum: number
}

/**
 * Promises a complete header before `end`, and a length of at least 8 that also ends before `end` or there: the
 * data is offset + HEADER_SIZE to offset + length.
 */
export const check = (view: DataView, offset: number, end: number): boolean =>
  end - offset >= HEADER_SIZE && length(view, offset) >= HEADER_SIZE && length(view, offset) <= end - offset

export const sourcePort = (view: DataView, offset: number): number => view.getUint16(offset + SOURCE_PORT)
export const destinationPort = (view: DataView, offset: number): number =>
  view.getUint16(offset + DESTINATION_PORT)
/** Bytes, header included. */
export const length = (view: DataView, offset: number): number => view.getUint16(offset + LENGTH)
export const checksum = (view: DataView, offset: number): number => view.getUint16(offset + CHECKSUM)

export function setSourcePort(view: DataView, offset: number, value: number): void {
  view.setUint16(offset + SOURCE_PORT, value)
}

export function setDestinationPort(view: DataView, offset: number, value: number): void {
  view.setUint16(offset + DESTINATION_PORT, value)
}

export function setLength(view: DataView, offset: number, value: number): void {
  view.setUint16(offset + LENGTH, value)
}

export function setChecksum(view: DataView, offset: number, value: number): void {
  view.setUint16(offset + CHECKSUM, value)
}

/**
 * Whether the datagram's checksum is right. `pseudoHeader` is its sum, from `pseudoHeaderIpv4` or `pseudoHeaderIpv6`
 * with the protocol UDP and the datagram's length. No checksum (0) counts as right; over IPv6 it mostly is not
 * (RFC 8200, 8.1), which is for the caller to judge.
 */
export const checksumValid = (view: DataView, offset: number, pseudoHeader: number): boolean =>
  checksum(view, offset) === 0 || sum(view, offset, length(view, offset), pseudoHeader) === 0xffff

/** Computes the datagram's checksum, with `pseudoHeader` as above, and writes it. Never writes 0. */
export function fillChecksum(view: DataView, offset: number, pseudoHeader: number): void {
  setChecksum(view, offset, 0)
  setChecksum(view, offset, udpChecksum(finish(sum(view, offset, length(view, offset), pseudoHeader))))
}

/** The header as a value, or undefined where `check` fails. */
export function parse(view: DataView, offset: number, end: number): Udp | undefined {
  if (!check(view, offset, end)) return undefined
  return {
    sourcePort: sourcePort(view, offset),
    destinationPort: destinationPort(view, offset),
    length: length(view, offset),
    checksum: checksum(view, offset),
  }
}

/** Writes the header, its checksum as given, and returns its size. `fillChecksum` follows the data. */
export function emit(value: Udp, view: DataView, offset: number): number {
  setSourcePort(view, offset, value.sourcePort)
  setDestinationPort(view, offset, value.destinationPort)
  setLength(view, offset, value.length)
  setChecksum(view, offset, value.checksum)
  return HEADER_SIZE
}
