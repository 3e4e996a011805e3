/** How many segments of a super-frame one message into a tunnel takes, and how large a super-frame should be for that. */

import { UDP_PAYLOAD_MAX_IPV6 } from '../../limits.ts'
import * as ethernet from '../../wire/ethernet.ts'
import * as ipv4 from '../../wire/ipv4.ts'
import * as tcp from '../../wire/tcp.ts'
import * as vxlan from '../../wire/vxlan.ts'

/** Datagrams that the kernel cuts one message into (UDP_MAX_SEGMENTS of Linux before 6.9), and bytes of it, over either IP. */
const SEND_SEGMENTS_MAX = 64
const SEND_BYTES_MAX = UDP_PAYLOAD_MAX_IPV6

/** Bytes of the timestamps option with its padding (RFC 7323, 3.2), which nearly all segments have. */
const TIMESTAMPS_SIZE = 12
/** What Linux takes off the size for headers before it counts segments (MAX_TCP_HEADER + 1). */
const KERNEL_HEADERS_SIZE = 321

/** `datagram`: bytes of each, VXLAN header and all. */
export const segmentsPerSend = (datagram: number): number =>
  Math.min(SEND_SEGMENTS_MAX, Math.max(1, Math.floor(SEND_BYTES_MAX / datagram)))

/**
 * The `gso_max_size` of an interface whose super-frames go into a tunnel, at `mtu` bytes of IP packet: as many segments as one message takes. Of the 64 KB that it
 * is by itself a second message is left each time, of one or two segments, which costs all hosts on the way nearly as much as the first.
 */
export function superFrameSize(mtu: number): number {
  const segment = mtu - ipv4.MIN_HEADER_SIZE - tcp.MIN_HEADER_SIZE - TIMESTAMPS_SIZE
  return segmentsPerSend(vxlan.HEADER_SIZE + ethernet.HEADER_SIZE + mtu) * segment + KERNEL_HEADERS_SIZE
}
