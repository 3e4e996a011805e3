/**
 * The Internet checksum: RFC 1071 (computation), RFC 1624 (incremental update), and what becomes of it on frames
 * whose checksum is still to be done by "hardware" (VIRTIO 1.2, 5.1.6.2).
 *
 * Three words, kept apart throughout:
 *
 *     sum       ones-complement sum, folded to 16 bits, not complemented. Sums can be added and folded again.
 *     checksum  the complement of a sum: what stands in a finished header.
 *     partial   what stands in the checksum field of a frame with NEEDS_CSUM: the sum of the pseudo-header alone,
 *               not complemented. Whoever finishes the frame adds the rest and complements.
 *
 * Hence the rules for changing a header in place:
 *
 *     change                    checksum field            partial field
 *     address                   update32                  updatePartial32
 *     port, or any other field  update16                  leave as it is: no part of the pseudo-header
 *
 * and for UDP over IPv4 a checksum of 0 means "none" (RFC 768): it stays 0, see `updateUdp16` and `updateUdp32`.
 */

/** Carries added back in until 16 bits remain. `value` is any number of 32 bits, taken as unsigned. */
export function fold(value: number): number {
  const once = (value & 0xffff) + (value >>> 16)
  return (once & 0xffff) + (once >>> 16)
}

/** The checksum that belongs to a sum. `value` need not be folded. */
export const finish = (value: number): number => ~fold(value) & 0xffff

/**
 * A checksum as UDP sends it: a computed 0 goes out as 0xffff, the other zero of ones-complement arithmetic, because
 * 0 means that there is no checksum (RFC 768).
 */
export const udpChecksum = (checksum: number): number => (checksum === 0 ? 0xffff : checksum)

/**
 * Sum of `length` bytes (up to 131,072) at `offset`, added to the sum `initial`. An odd last byte is padded with
 * zero (RFC 1071, 1), so only the last piece of a message may have an odd length.
 *
 * The loop reads little-endian words: RFC 1071, 2(B) shows that the byte order of a sum can be exchanged at the end,
 * and it saves a byte swap per word. Two accumulators take the halves of each word, so that no carry is lost: 32,768
 * halves of at most 65,535 stay below 2^31 in each, and below 2^32 in both together.
 */
export function sum(view: DataView, offset: number, length: number, initial = 0): number {
  const end = offset + length
  let at = offset
  let low = 0
  let high = 0
  for (const last = end - 15; at < last; at += 16) {
    const a = view.getInt32(at, true)
    const b = view.getInt32(at + 4, true)
    const c = view.getInt32(at + 8, true)
    const d = view.getInt32(at + 12, true)
    low = (low + (a & 0xffff) + (b & 0xffff) + (c & 0xffff) + (d & 0xffff)) | 0
    high = (high + (a >>> 16) + (b >>> 16) + (c >>> 16) + (d >>> 16)) | 0
  }
  const swapped = fold(low + high)
  let rest = initial + ((swapped & 0xff) << 8) + (swapped >>> 8)
  for (const last = end - 1; at < last; at += 2) rest += view.getUint16(at)
  if (at < end) rest += view.getUint8(at) << 8
  return fold(rest)
}

/**
 * Sum of the IPv4 pseudo-header (RFC 9293, 3.1; RFC 768) for the IPv4 header at `header`. `length` is that of the
 * upper-layer header and data.
 */
export const pseudoHeaderIpv4 = (view: DataView, header: number, protocol: number, length: number): number =>
  fold(
    view.getUint16(header + 12) +
      view.getUint16(header + 14) +
      view.getUint16(header + 16) +
      view.getUint16(header + 18) +
      protocol +
      length,
  )

/**
 * Sum of the IPv6 pseudo-header (RFC 8200, 8.1) for the fixed header at `header`. Takes the destination from there,
 * so it does not hold for packets that have a Routing header with segments left.
 */
export const pseudoHeaderIpv6 = (view: DataView, header: number, protocol: number, length: number): number =>
  sum(view, header + 8, 32, fold(protocol + length))

/**
 * The checksum after a 16-bit field went from `before` to `after`, by RFC 1624 eqn. 3: HC' = ~(~HC + ~m + m').
 * The field must lie at an even distance from the beginning of what is summed.
 */
export const update16 = (checksum: number, before: number, after: number): number =>
  finish((~checksum & 0xffff) + (~before & 0xffff) + after)

/** The checksum after a 32-bit field (an address, a sequence number; signed or not) changed. */
export const update32 = (checksum: number, before: number, after: number): number =>
  finish((~checksum & 0xffff) + difference32(before, after))

/** A UDP checksum after a 16-bit field changed: 0 stays 0, and a result of 0 becomes 0xffff. */
export const updateUdp16 = (checksum: number, before: number, after: number): number =>
  checksum === 0 ? 0 : udpChecksum(update16(checksum, before, after))

/** A UDP checksum after a 32-bit field changed: 0 stays 0, and a result of 0 becomes 0xffff. */
export const updateUdp32 = (checksum: number, before: number, after: number): number =>
  checksum === 0 ? 0 : udpChecksum(update32(checksum, before, after))

/**
 * A partial checksum field after a 32-bit word of an address changed. The same equation without the complements,
 * since the field holds a plain sum. It never becomes 0, which UDP would take for "none": a sum folds to 0 only if
 * everything in it is 0, and the protocol number in the pseudo-header is not.
 */
export const updatePartial32 = (partial: number, before: number, after: number): number =>
  fold(partial + difference32(before, after))

/** ~m + m' of a 32-bit field as a sum of four 16-bit words, not folded. */
const difference32 = (before: number, after: number): number =>
  (~before & 0xffff) + (~before >>> 16) + (after & 0xffff) + (after >>> 16)
