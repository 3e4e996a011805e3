/**
 * ICMPv6 (RFC 4443): the first 8 bytes of its messages. Unlike ICMP for IPv4, its checksum covers a pseudo-header.
 *
 *     | type 1 | code 1 | checksum 2 | rest of header 4: by type |
 *
 * Accessors are only valid after `check` returned true for the same bytes.
 */

import { finish, sum } from './checksum.ts'

const TYPE = 0
const CODE = 1
const CHECKSUM = 2
const REST = 4
/** Echo Request and Echo Reply (RFC 4443, 4.1). */
const IDENTIFIER = 4
const SEQUENCE_NUMBER = 6
export const HEADER_SIZE = 8

export const TYPE_DESTINATION_UNREACHABLE = 1
/** The rest of the header is the next hop's MTU (RFC 4443, 3.2). */
export const TYPE_PACKET_TOO_BIG = 2
export const TYPE_TIME_EXCEEDED = 3
export const TYPE_PARAMETER_PROBLEM = 4
export const TYPE_ECHO_REQUEST = 128
export const TYPE_ECHO_REPLY = 129
/** Neighbor Discovery (RFC 4861, 4). */
export const TYPE_ROUTER_SOLICITATION = 133
export const TYPE_ROUTER_ADVERTISEMENT = 134
export const TYPE_NEIGHBOR_SOLICITATION = 135
export const TYPE_NEIGHBOR_ADVERTISEMENT = 136

export interface Icmpv6 {
  readonly type: number
  readonly code: number
  readonly checksum: number
  /** The four bytes whose meaning depends on the type, as uint32. */
  readonly rest: number
}

/** Promises that the 8 bytes of the header lie before `end`. Verifies no checksum: see `checksumValid`. */
export const check = (_view: DataView, offset: number, end: number): boolean => end - offset >= HEADER_SIZE

export const type = (view: DataView, offset: number): number => view.getUint8(offset + TYPE)
export const code = (view: DataView, offset: number): number => view.getUint8(offset + CODE)
export const checksum = (view: DataView, offset: number): number => view.getUint16(offset + CHECKSUM)
export const rest = (view: DataView, offset: number): number => view.getUint32(offset + REST)
export const identifier = (view: DataView, offset: number): number => view.getUint16(offset + IDENTIFIER)
export const sequenceNumber = (view: DataView, offset: number): number =>
  view.getUint16(offset + SEQUENCE_NUMBER)

export function setType(view: DataView, offset: number, value: number): void {
  view.setUint8(offset + TYPE, value)
}

export function setCode(view: DataView, offset: number, value: number): void {
  view.setUint8(offset + CODE, value)
}

export function setChecksum(view: DataView, offset: number, value: number): void {
  view.setUint16(offset + CHECKSUM, value)
}

export function setRest(view: DataView, offset: number, value: number): void {
  view.setUint32(offset + REST, value)
}

export function setIdentifier(view: DataView, offset: number, value: number): void {
  view.setUint16(offset + IDENTIFIER, value)
}

export function setSequenceNumber(view: DataView, offset: number, value: number): void {
  view.setUint16(offset + SEQUENCE_NUMBER, value)
}

/**
 * Whether the checksum of the message from `offset` to `end` is right. `pseudoHeader` is its sum:
 * `pseudoHeaderIpv6` with the protocol ICMPV6 and the message's length.
 */
export const checksumValid = (view: DataView, offset: number, end: number, pseudoHeader: number): boolean =>
  sum(view, offset, end - offset, pseudoHeader) === 0xffff

/** Computes the checksum of the message from `offset` to `end`, with `pseudoHeader` as above, and writes it. */
export function fillChecksum(view: DataView, offset: number, end: number, pseudoHeader: number): void {
  setChecksum(view, offset, 0)
  setChecksum(view, offset, finish(sum(view, offset, end - offset, pseudoHeader)))
}

/** The header as a value, or undefined where `check` fails. */
export function parse(view: DataView, offset: number, end: number): Icmpv6 | undefined {
  if (!check(view, offset, end)) return undefined
  return {
    type: type(view, offset),
    code: code(view, offset),
    checksum: checksum(view, offset),
    rest: rest(view, offset),
  }
}

/** Writes the header, its checksum as given, and returns its size. `fillChecksum` follows the data. */
export function emit(value: Icmpv6, view: DataView, offset: number): number {
  setType(view, offset, value.type)
  setCode(view, offset, value.code)
  setChecksum(view, offset, value.checksum)
  setRest(view, offset, value.rest)
  return HEADER_SIZE
}
