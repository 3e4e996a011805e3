/**
 * TCP header (RFC 9293, 3.1).
 *
 *     | source port 2 | destination port 2                                  |
 *     | sequence number 4                                                   |
 *     | acknowledgment number 4                                             |
 *     | data offset 4 bits, reserved 4 bits, control bits 8 bits | window 2 |
 *     | checksum 2 | urgent pointer 2 | options up to 40                    |
 *
 * Accessors are only valid after `check` returned true for the same bytes.
 */

import { finish, sum } from './checksum.ts'

const SOURCE_PORT = 0
const DESTINATION_PORT = 2
const SEQUENCE_NUMBER = 4
const ACKNOWLEDGMENT_NUMBER = 8
const DATA_OFFSET = 12
const CONTROL_BITS = 13
const WINDOW = 14
const CHECKSUM = 16
const URGENT_POINTER = 18
export const MIN_HEADER_SIZE = 20
const OPTIONS_MAX = 40

/** Where the checksum field is: what csum_offset says of a TCP segment. */
export const CHECKSUM_OFFSET = CHECKSUM

export const FIN = 0x01
export const SYN = 0x02
export const RST = 0x04
export const PSH = 0x08
export const ACK = 0x10
export const URG = 0x20
export const ECE = 0x40
export const CWR = 0x80

export interface Tcp {
  readonly sourcePort: number
  readonly destinationPort: number
  /** uint32, as is the next. */
  readonly sequenceNumber: number
  readonly acknowledgmentNumber: number
  /** FIN to CWR, or-ed. */
  readonly controlBits: number
  readonly window: number
  readonly checksum: number
  readonly urgentPointer: number
  /** As on the wire, padded to a multiple of 4 bytes. */
  readonly options: Uint8Array
}

/**
 * Promises a complete header of at least 20 bytes, options included, before `end`. The options' own lengths have not
 * been looked at, and the checksum has not been verified.
 */
export const check = (view: DataView, offset: number, end: number): boolean =>
  end - offset >= MIN_HEADER_SIZE &&
  headerSize(view, offset) >= MIN_HEADER_SIZE &&
  headerSize(view, offset) <= end - offset

export const sourcePort = (view: DataView, offset: number): number => view.getUint16(offset + SOURCE_PORT)
export const destinationPort = (view: DataView, offset: number): number =>
  view.getUint16(offset + DESTINATION_PORT)
export const sequenceNumber = (view: DataView, offset: number): number =>
  view.getUint32(offset + SEQUENCE_NUMBER)
/** The same 32 bits as int32: in code that is not optimized, uint32 beyond 2^31 is a number on the heap. */
export const sequenceInt32 = (view: DataView, offset: number): number =>
  view.getInt32(offset + SEQUENCE_NUMBER)
export const acknowledgmentNumber = (view: DataView, offset: number): number =>
  view.getUint32(offset + ACKNOWLEDGMENT_NUMBER)
/** Bytes: four times the data offset. */
export const headerSize = (view: DataView, offset: number): number =>
  (view.getUint8(offset + DATA_OFFSET) >>> 4) << 2
/** FIN to CWR, or-ed. */
export const controlBits = (view: DataView, offset: number): number => view.getUint8(offset + CONTROL_BITS)
export const window = (view: DataView, offset: number): number => view.getUint16(offset + WINDOW)
export const checksum = (view: DataView, offset: number): number => view.getUint16(offset + CHECKSUM)
export const urgentPointer = (view: DataView, offset: number): number =>
  view.getUint16(offset + URGENT_POINTER)

export function setSourcePort(view: DataView, offset: number, value: number): void {
  view.setUint16(offset + SOURCE_PORT, value)
}

export function setDestinationPort(view: DataView, offset: number, value: number): void {
  view.setUint16(offset + DESTINATION_PORT, value)
}

/** Takes the low 32 bits of `value`, so a sequence number may run on past 2^32. */
export function setSequenceNumber(view: DataView, offset: number, value: number): void {
  view.setUint32(offset + SEQUENCE_NUMBER, value)
}

export function setAcknowledgmentNumber(view: DataView, offset: number, value: number): void {
  view.setUint32(offset + ACKNOWLEDGMENT_NUMBER, value)
}

/** `size` in bytes, a multiple of 4. Clears the reserved bits. */
export function setHeaderSize(view: DataView, offset: number, size: number): void {
  view.setUint8(offset + DATA_OFFSET, (size >>> 2) << 4)
}

export function setControlBits(view: DataView, offset: number, value: number): void {
  view.setUint8(offset + CONTROL_BITS, value)
}

export function setWindow(view: DataView, offset: number, value: number): void {
  view.setUint16(offset + WINDOW, value)
}

export function setChecksum(view: DataView, offset: number, value: number): void {
  view.setUint16(offset + CHECKSUM, value)
}

export function setUrgentPointer(view: DataView, offset: number, value: number): void {
  view.setUint16(offset + URGENT_POINTER, value)
}

/**
 * Whether the checksum of the segment from `offset` to `end` is right. `pseudoHeader` is its sum, from
 * `pseudoHeaderIpv4` or `pseudoHeaderIpv6` with the protocol TCP and the segment's length.
 */
export const checksumValid = (view: DataView, offset: number, end: number, pseudoHeader: number): boolean =>
  sum(view, offset, end - offset, pseudoHeader) === 0xffff

/** Computes the checksum of the segment from `offset` to `end`, with `pseudoHeader` as above, and writes it. */
export function fillChecksum(view: DataView, offset: number, end: number, pseudoHeader: number): void {
  setChecksum(view, offset, 0)
  setChecksum(view, offset, finish(sum(view, offset, end - offset, pseudoHeader)))
}

/** The header as a value, or undefined where `check` fails. */
export function parse(view: DataView, offset: number, end: number): Tcp | undefined {
  if (!check(view, offset, end)) return undefined
  const optionsSize = headerSize(view, offset) - MIN_HEADER_SIZE
  return {
    sourcePort: sourcePort(view, offset),
    destinationPort: destinationPort(view, offset),
    sequenceNumber: sequenceNumber(view, offset),
    acknowledgmentNumber: acknowledgmentNumber(view, offset),
    controlBits: controlBits(view, offset),
    window: window(view, offset),
    checksum: checksum(view, offset),
    urgentPointer: urgentPointer(view, offset),
    options: new Uint8Array(view.buffer, view.byteOffset + offset + MIN_HEADER_SIZE, optionsSize).slice(),
  }
}

/**
 * Writes the header, its checksum as given, and returns its size. `fillChecksum` follows the data. Throws RangeError
 * for options that no header can hold.
 */
export function emit(value: Tcp, view: DataView, offset: number): number {
  const size = MIN_HEADER_SIZE + value.options.length
  if (value.options.length > OPTIONS_MAX || value.options.length % 4 !== 0) {
    throw new RangeError(
      `TCP options take a multiple of 4 bytes up to ${OPTIONS_MAX}, not ${value.options.length}`,
    )
  }
  setSourcePort(view, offset, value.sourcePort)
  setDestinationPort(view, offset, value.destinationPort)
  setSequenceNumber(view, offset, value.sequenceNumber)
  setAcknowledgmentNumber(view, offset, value.acknowledgmentNumber)
  setHeaderSize(view, offset, size)
  setControlBits(view, offset, value.controlBits)
  setWindow(view, offset, value.window)
  setChecksum(view, offset, value.checksum)
  setUrgentPointer(view, offset, value.urgentPointer)
  new Uint8Array(view.buffer, view.byteOffset + offset + MIN_HEADER_SIZE).set(value.options)
  return size
}
