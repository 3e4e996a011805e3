/**
 * ICMPv6 (RFC 4443): types, and the checksum, which unlike that of ICMP for IPv4 covers a pseudo-header. The first 8 bytes of its messages are
 * those of icmp-header.ts.
 */

import { finish, sum } from './checksum.ts'
import { setChecksum } from './icmp-header.ts'

export * from './icmp-header.ts'

export const TYPE_DESTINATION_UNREACHABLE = 1
/** The rest of the header is the next hop's MTU (RFC 4443, 3.2). */
export const TYPE_PACKET_TOO_BIG = 2
export const TYPE_TIME_EXCEEDED = 3
export const TYPE_PARAMETER_PROBLEM = 4
export const TYPE_ECHO_REQUEST = 128
export const TYPE_ECHO_REPLY = 129
/** Neighbor Discovery (RFC 4861, 4). */
export const TYPE_ROUTER_SOLICITATION = 133
export const TYPE_ROUTER_ADVERTISEMENT = 134
export const TYPE_NEIGHBOR_SOLICITATION = 135
export const TYPE_NEIGHBOR_ADVERTISEMENT = 136

/**
 * Whether the checksum of the message from `offset` to `end` is right. `pseudoHeader` is its sum:
 * `pseudoHeaderIpv6` with the protocol ICMPV6 and the message's length.
 */
export const checksumValid = (view: DataView, offset: number, end: number, pseudoHeader: number): boolean =>
  sum(view, offset, end - offset, pseudoHeader) === 0xffff

/** Computes the checksum of the message from `offset` to `end`, with `pseudoHeader` as above, and writes it. */
export function fillChecksum(view: DataView, offset: number, end: number, pseudoHeader: number): void {
  setChecksum(view, offset, 0)
  setChecksum(view, offset, finish(sum(view, offset, end - offset, pseudoHeader)))
}
