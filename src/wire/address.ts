/**
 * Addresses as text and as the numbers and bytes that the rest of the program works with:
 *
 *     MAC    two integers: high = bytes 0-1 as uint16, low = bytes 2-5 as int32
 *     IPv4   one int32 (signed: what an Int32Array holds and a comparison sees without conversion)
 *     IPv6   16 bytes
 *
 * Parsers are strict and answer undefined for anything else than the one accepted form; formatters write the
 * canonical form. `...At` and `put...` do the same on bytes of a frame, for the slow path.
 */

export interface MacAddress {
  readonly high: number
  readonly low: number
}

/** Six groups of two hexadecimal digits, separated by colons; either case. */
export function parseMac(text: string): MacAddress | undefined {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) return undefined
  const digits = text.replaceAll(':', '')
  return {
    high: Number.parseInt(digits.slice(0, 4), 16),
    low: Number.parseInt(digits.slice(4), 16) | 0,
  }
}

/** Lower case, with colons: `02:42:0a:01:00:02`. */
export function formatMac(high: number, low: number): string {
  const digits = hex(high, 4) + hex(low >>> 0, 8)
  return digits.replaceAll(/..(?!$)/g, '$&:')
}

/** Four decimal numbers up to 255 without leading zeros, separated by dots; nothing else. */
export function parseIpv4(text: string): number | undefined {
  const groups = text.split('.')
  if (groups.length !== 4) return undefined
  let address = 0
  for (const group of groups) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(group)) return undefined
    const value = Number(group)
    if (value > 255) return undefined
    address = (address << 8) | value
  }
  return address
}

/** Whether it can be one host's: neither of "this network" (0/8), loopback (127/8), multicast (224/4) nor reserved (240/4). RFC 1812, 5.3.7. */
export const isIpv4Host = (address: number): boolean => {
  const first = address >>> 24
  return first !== 0 && first !== 127 && first < 224
}

/** `address` may be signed or not. */
export const formatIpv4 = (address: number): string =>
  `${address >>> 24}.${(address >>> 16) & 0xff}.${(address >>> 8) & 0xff}.${address & 0xff}`

const IPV6_GROUPS = 8

/** The text forms of RFC 4291, 2.2: full, with one `::`, with an IPv4 address at the end. No zone, no brackets. */
export function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const head = parseIpv6Groups(halves[0]!, halves.length === 1)
  if (halves.length === 1) return head?.length === IPV6_GROUPS ? bytesOfGroups(head) : undefined
  const tail = parseIpv6Groups(halves[1]!, true)
  if (head === undefined || tail === undefined) return undefined
  const zeros = IPV6_GROUPS - head.length - tail.length
  // RFC 4291, 2.2: "::" indicates one or more groups of zeros.
  if (zeros < 1) return undefined
  return bytesOfGroups([...head, ...Array<number>(zeros).fill(0), ...tail])
}

/** The canonical form of RFC 5952: lower case, the longest run of zeros as `::`, IPv4-mapped addresses with dots. */
export function formatIpv6(bytes: Uint8Array): string {
  const groups: number[] = []
  for (let at = 0; at < 16; at += 2) groups.push((bytes[at]! << 8) | bytes[at + 1]!)
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return `::ffff:${formatIpv4((groups[6]! << 16) | groups[7]!)}`
  }
  const run = longestZeroRun(groups)
  // RFC 5952, 4.2.2: a single zero group is not shortened.
  if (run.length < 2) return groupsText(groups)
  return `${groupsText(groups.slice(0, run.start))}::${groupsText(groups.slice(run.start + run.length))}`
}

/** Text of the MAC address at `offset`. */
export const macAt = (view: DataView, offset: number): string =>
  formatMac(view.getUint16(offset), view.getInt32(offset + 2))

/** Text of the IPv4 address at `offset`. */
export const ipv4At = (view: DataView, offset: number): string => formatIpv4(view.getInt32(offset))

/** Text of the IPv6 address at `offset`. */
export const ipv6At = (view: DataView, offset: number): string =>
  formatIpv6(new Uint8Array(view.buffer, view.byteOffset + offset, 16))

/** Writes a MAC address given as text. Throws RangeError where it is none. */
export function putMac(view: DataView, offset: number, text: string): void {
  const address = parseMac(text)
  if (address === undefined) throw new RangeError(`not a MAC address: '${text}'`)
  view.setUint16(offset, address.high)
  view.setInt32(offset + 2, address.low)
}

/** Writes an IPv4 address given as text. Throws RangeError where it is none. */
export function putIpv4(view: DataView, offset: number, text: string): void {
  const address = parseIpv4(text)
  if (address === undefined) throw new RangeError(`not an IPv4 address: '${text}'`)
  view.setInt32(offset, address)
}

/** Writes an IPv6 address given as text. Throws RangeError where it is none. */
export function putIpv6(view: DataView, offset: number, text: string): void {
  const address = parseIpv6(text)
  if (address === undefined) throw new RangeError(`not an IPv6 address: '${text}'`)
  for (let i = 0; i < 16; i++) view.setUint8(offset + i, address[i]!)
}

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')

/** Groups of one side of the `::`, none for an empty side. `last` side: an IPv4 address may end it. */
function parseIpv6Groups(text: string, last: boolean): number[] | undefined {
  const groups: number[] = []
  if (text === '') return groups
  const parts = text.split(':')
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(part)) {
      groups.push(Number.parseInt(part, 16))
      continue
    }
    const address = last && index === parts.length - 1 ? parseIpv4(part) : undefined
    if (address === undefined) return undefined
    groups.push(address >>> 16, address & 0xffff)
  }
  return groups
}

const groupsText = (groups: readonly number[]): string => groups.map((group) => group.toString(16)).join(':')

const bytesOfGroups = (groups: readonly number[]): Uint8Array =>
  Uint8Array.from(groups.flatMap((group) => [group >>> 8, group & 0xff]))

/** The first of the longest runs (RFC 5952, 4.2.3). */
function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  let start = 0
  for (const [index, group] of groups.entries()) {
    if (group !== 0) start = index + 1
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start }
  }
  return best
}
