/**
 * VXLAN header (RFC 7348, 5), behind UDP. An Ethernet frame follows.
 *
 *     | flags 1 | reserved 3 | network identifier (VNI) 3 | reserved 1 |
 *
 * Accessors are only valid after `check` returned true for the same bytes.
 */

const FLAGS = 0
const NETWORK_IDENTIFIER = 4
export const HEADER_SIZE = 8

/** The destination port that IANA has assigned. */
export const PORT = 4789

/** The flag I: the network identifier is valid. All others are reserved: sent as 0 and not looked at. */
export const FLAG_VALID = 0x08

export interface Vxlan {
  /** Up to 16,777,215. */
  readonly networkIdentifier: number
}

/** Promises that the header lies before `end`, and that its network identifier is valid. */
export const check = (view: DataView, offset: number, end: number): boolean =>
  end - offset >= HEADER_SIZE && (view.getUint8(offset + FLAGS) & FLAG_VALID) !== 0

export const flags = (view: DataView, offset: number): number => view.getUint8(offset + FLAGS)
export const networkIdentifier = (view: DataView, offset: number): number =>
  view.getUint32(offset + NETWORK_IDENTIFIER) >>> 8

/** The header as a value, or undefined where `check` fails. */
export function parse(view: DataView, offset: number, end: number): Vxlan | undefined {
  if (!check(view, offset, end)) return undefined
  return { networkIdentifier: networkIdentifier(view, offset) }
}

/** Writes the header, reserved bits 0, and returns its size. */
export function emit(value: Vxlan, view: DataView, offset: number): number {
  view.setUint32(offset + FLAGS, FLAG_VALID << 24)
  view.setUint32(offset + NETWORK_IDENTIFIER, value.networkIdentifier << 8)
  return HEADER_SIZE
}
