/** Addresses of the underlay as the data path has them: 16 bytes, those of IPv4 mapped into IPv6 (RFC 4291, 2.5.5.2). */

import { addressBytes, formatIpAddress, parseIpAddress } from '../ip-address.ts'

const MAPPED_PREFIX = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]

/** `text` is an address. */
export function underlayBytes(text: string): Uint8Array {
  const bytes = addressBytes(parseIpAddress(text)!)
  return Uint8Array.from(bytes.length === 4 ? [...MAPPED_PREFIX, ...bytes] : bytes)
}

export function underlayText(bytes: Uint8Array): string {
  const isMapped = MAPPED_PREFIX.every((byte, i) => bytes[i] === byte)
  const value = (from: number): bigint =>
    bytes.subarray(from).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
  return isMapped
    ? formatIpAddress({ family: 4, value: value(12) })
    : formatIpAddress({ family: 6, value: value(0) })
}
