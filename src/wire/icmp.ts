/**
 * ICMP for IPv4 (RFC 792): types, codes and the checksum. The 8 bytes that all messages share are those of icmp-header.ts; what follows them
 * (echo data, the quoted packet of an error) is the caller's.
 */

import { finish, sum } from './checksum.ts'
import { setChecksum } from './icmp-header.ts'

export * from './icmp-header.ts'

export const TYPE_ECHO_REPLY = 0
export const TYPE_DESTINATION_UNREACHABLE = 3
export const TYPE_SOURCE_QUENCH = 4
export const TYPE_REDIRECT = 5
export const TYPE_ECHO = 8
export const TYPE_TIME_EXCEEDED = 11
export const TYPE_PARAMETER_PROBLEM = 12
export const TYPE_TIMESTAMP = 13
export const TYPE_TIMESTAMP_REPLY = 14

/** Codes of Destination Unreachable. In code 4 the low 16 bits of the rest are the next hop's MTU (RFC 1191, 4). */
export const CODE_NET_UNREACHABLE = 0
export const CODE_HOST_UNREACHABLE = 1
export const CODE_PROTOCOL_UNREACHABLE = 2
export const CODE_PORT_UNREACHABLE = 3
export const CODE_FRAGMENTATION_NEEDED = 4
/** RFC 1812, 5.2.7.1: communication administratively prohibited. */
export const CODE_PROHIBITED = 13

/** Codes of Time Exceeded. */
export const CODE_TTL_EXCEEDED = 0
export const CODE_REASSEMBLY_TIME_EXCEEDED = 1

/** Whether the checksum of the message from `offset` to `end` is right. */
export const checksumValid = (view: DataView, offset: number, end: number): boolean =>
  sum(view, offset, end - offset) === 0xffff

/** Computes the checksum of the message from `offset` to `end` and writes it. */
export function fillChecksum(view: DataView, offset: number, end: number): void {
  setChecksum(view, offset, 0)
  setChecksum(view, offset, finish(sum(view, offset, end - offset)))
}
