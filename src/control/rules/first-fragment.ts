/** What a kernel sends first of a packet that its interface does not take whole (RFC 791, 3.2). */

import * as ethernet from '../../wire/ethernet.ts'
import * as ipv4 from '../../wire/ipv4.ts'

/** Offsets count units of 8 bytes. */
const UNIT_MASK = ~7

/** How many fragments a packet makes that has `size` bytes, more than the MTU, and no options. The last one may fill the MTU. */
export const fragmentsOf = (size: number, mtu: number): number => 1 + Math.ceil((size - mtu) / payloadOf(mtu))

/** Of a frame whose packet, without options, is longer than the MTU: Don't Fragment is no longer set in it, More Fragments is. */
export function firstFragment(frame: Uint8Array, mtu: number): Uint8Array {
  const header = ethernet.HEADER_SIZE
  const size = ipv4.MIN_HEADER_SIZE + payloadOf(mtu)
  const fragment = frame.slice(0, header + size)
  const view = new DataView(fragment.buffer)
  ipv4.setTotalLength(view, header, size)
  ipv4.setFragment(view, header, ipv4.MORE_FRAGMENTS, 0)
  ipv4.fillChecksum(view, header)
  return fragment
}

const payloadOf = (mtu: number): number => (mtu - ipv4.MIN_HEADER_SIZE) & UNIT_MASK
