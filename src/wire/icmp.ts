/**
 * ICMP for IPv4 (RFC 792): the 8 bytes that all messages share. What follows them (echo data, the quoted packet of
 * an error) is the caller's.
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
/** Echo and Echo Reply. */
const IDENTIFIER = 4
const SEQUENCE_NUMBER = 6
export const HEADER_SIZE = 8

/** Where the checksum field is. */
export const CHECKSUM_OFFSET = CHECKSUM

export const TYPE_ECHO_REPLY = 0
export const TYPE_DESTINATION_UNREACHABLE = 3
export const TYPE_SOURCE_QUENCH = 4
export const TYPE_REDIRECT = 5
export const TYPE_ECHO = 8
export const TYPE_TIME_EXCEEDED = 11
export const TYPE_PARAMETER_PROBLEM = 12
export const TYPE_TIMESTAMP = 13
export const TYPE_TIMESTAMP_REPLY = 14

/** Codes of Destination Unreachable. In code 4 the low 16 bits of the rest are the next hop's MTU (RFC 1191, 4). */
export const CODE_NET_UNREACHABLE = 0
export const CODE_HOST_UNREACHABLE = 1
export const CODE_PROTOCOL_UNREACHABLE = 2
export const CODE_PORT_UNREACHABLE = 3
export const CODE_FRAGMENTATION_NEEDED = 4
/** RFC 1812, 5.2.7.1: communication administratively prohibited. */
export const CODE_PROHIBITED = 13

/** Codes of Time Exceeded. */
export const CODE_TTL_EXCEEDED = 0
export const CODE_REASSEMBLY_TIME_EXCEEDED = 1

export interface Icmp {
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

/** Whether the checksum of the message from `offset` to `end` is right. */
export const checksumValid = (view: DataView, offset: number, end: number): boolean =>
  sum(view, offset, end - offset) === 0xffff

/** Computes the checksum of the message from `offset` to `end` and writes it. */
export function fillChecksum(view: DataView, offset: number, end: number): void {
  setChecksum(view, offset, 0)
  setChecksum(view, offset, finish(sum(view, offset, end - offset)))
}

/** The header as a value, or undefined where `check` fails. */
export function parse(view: DataView, offset: number, end: number): Icmp | undefined {
  if (!check(view, offset, end)) return undefined
  return {
    type: type(view, offset),
    code: code(view, offset),
    checksum: checksum(view, offset),
    rest: rest(view, offset),
  }
}

/** Writes the header, its checksum as given, and returns its size. `fillChecksum` follows the data. */
export function emit(value: Icmp, view: DataView, offset: number): number {
  setType(view, offset, value.type)
  setCode(view, offset, value.code)
  setChecksum(view, offset, value.checksum)
  setRest(view, offset, value.rest)
  return HEADER_SIZE
}
