/**
 * The 8 bytes that messages of ICMP (RFC 792) and of ICMPv6 (RFC 4443, 2.1) both begin with.
 *
 *     | type 1 | code 1 | checksum 2 | rest of header 4: by type |
 *
 * Accessors are only valid after `check` returned true for the same bytes.
 */

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

export interface IcmpHeader {
  readonly type: number
  readonly code: number
  readonly checksum: number
  /** The four bytes whose meaning depends on the type, as uint32. */
  readonly rest: number
}

/** Promises that the 8 bytes of the header lie before `end`. Verifies no checksum: each of the two has its own. */
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

/** The header as a value, or undefined where `check` fails. */
export function parse(view: DataView, offset: number, end: number): IcmpHeader | undefined {
  if (!check(view, offset, end)) return undefined
  return {
    type: type(view, offset),
    code: code(view, offset),
    checksum: checksum(view, offset),
    rest: rest(view, offset),
  }
}

/** Writes the header, its checksum as given, and returns its size. Who fills in the checksum does so when the data are there. */
export function emit(value: IcmpHeader, view: DataView, offset: number): number {
  setType(view, offset, value.type)
  setCode(view, offset, value.code)
  setChecksum(view, offset, value.checksum)
  setRest(view, offset, value.rest)
  return HEADER_SIZE
}
