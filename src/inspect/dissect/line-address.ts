/** Addresses in a line. */

import { ipv4At, ipv6At, macAt } from '../../wire/address.ts'
import { type LinePacket, NAME_LETTERS_MAX } from './line-packet.ts'

const COLON = 0x3a
const DOT = 0x2e

/** 0 to 255 as text, four bytes each: how many digits, and the digits. */
const DECIMALS = decimals()

function decimals(): Uint8Array {
  const table = new Uint8Array(4 * 256)
  for (let value = 0; value < 256; value++) {
    const text = String(value)
    table[4 * value] = text.length
    for (let i = 0; i < text.length; i++) table[4 * value + 1 + i] = text.charCodeAt(i)
  }
  return table
}

/** The name, where there is one. */
function name(line: LinePacket, address: string): boolean {
  const found = line.names?.byAddress.get(address)
  if (found === undefined) return false
  line.text(found.slice(0, NAME_LETTERS_MAX))
  return true
}

export function ipv4Address(line: LinePacket, at: number): void {
  if (line.names !== undefined && name(line, ipv4At(line.view, at))) return
  ipv4Number(line, at)
}

/** Never by name: what a message says, and not who sends it. */
export function ipv4Number(line: LinePacket, at: number): void {
  const address = line.view.getInt32(at)
  const { bytes } = line
  let { end } = line
  for (let shift = 24; shift >= 0; shift -= 8) {
    const from = ((address >>> shift) & 0xff) << 2
    const digits = DECIMALS[from]!
    // Always three: what is too much is written over.
    bytes[end] = DECIMALS[from + 1]!
    bytes[end + 1] = DECIMALS[from + 2]!
    bytes[end + 2] = DECIMALS[from + 3]!
    end += digits
    bytes[end++] = DOT
  }
  // Without the last dot.
  line.end = end - 1
}

export function ipv6Address(line: LinePacket, at: number): void {
  if (line.names !== undefined && name(line, ipv6At(line.view, at))) return
  ipv6Number(line, at)
}

/** Never by name; the canonical form of RFC 5952, as `formatIpv6` of wire/address.ts makes it. */
export function ipv6Number(line: LinePacket, at: number): void {
  const { view } = line
  if (view.getInt32(at) === 0 && view.getInt32(at + 4) === 0 && view.getInt32(at + 8) === 0xffff) {
    line.text('::ffff:')
    ipv4Number(line, at + 12)
    return
  }
  let start = -1
  let length = 1
  for (let group = 0; group < 8; group++) {
    let zeros = group
    while (zeros < 8 && view.getUint16(at + 2 * zeros) === 0) zeros++
    if (zeros - group > length) {
      start = group
      length = zeros - group
    }
    group = Math.max(group, zeros)
  }
  for (let group = 0; group < 8; group++) {
    if (group === start) {
      line.byte(COLON)
      line.byte(COLON)
      group += length - 1
      continue
    }
    if (group > 0 && group !== start + length) line.byte(COLON)
    line.shortHex(view.getUint16(at + 2 * group))
  }
}

export function macAddress(line: LinePacket, at: number): void {
  const { view } = line
  if (line.names !== undefined && name(line, macAt(view, at))) return
  for (let i = 0; i < 6; i++) {
    if (i > 0) line.byte(COLON)
    line.hex(view.getUint8(at + i), 2)
  }
}
