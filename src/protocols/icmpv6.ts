/**
 * What a link of a smaller MTU says in ICMPv6: Packet Too Big (RFC 4443, 3.2; RFC 8201). The frame is composed in memory that the caller
 * gives, as in icmp.ts.
 */

import * as checksum from '../wire/checksum.ts'
import * as ethernet from '../wire/ethernet.ts'
import * as icmpv6 from '../wire/icmpv6.ts'
import * as ipProtocol from '../wire/ip-protocol.ts'
import * as ipv6 from '../wire/ipv6.ts'
import * as virtioNet from '../wire/virtio-net.ts'

/** RFC 4443, 3.2: as much of the original as fits the smallest MTU of IPv6. */
const ERROR_SIZE_MAX = 1280
const ERROR_HEADERS = ipv6.HEADER_SIZE + icmpv6.HEADER_SIZE

/** Bytes of the longest frame that `composePacketTooBig` writes, its virtio-net header not counted; two VLAN tags. */
export const PACKET_TOO_BIG_MAX = ethernet.HEADER_SIZE + 8 + ERROR_SIZE_MAX

const HOP_LIMIT = 64
const INFORMATIONAL = 128
const MULTICAST = 0xff

/**
 * Whether the sender of the packet at `network`, which passed `ipv6.check`, may be told (RFC 4443, 2.4 (e)): not about ICMPv6 errors and
 * Redirect, and not where its source is not one station. Nor where it is for many, of whom none could be the one who says so.
 */
export function mayTell(view: DataView, network: number): boolean {
  if (ipv6.destinationWord(view, network, 0) >>> 24 === MULTICAST) return false
  const first = ipv6.sourceWord(view, network, 0)
  const rest =
    ipv6.sourceWord(view, network, 1) | ipv6.sourceWord(view, network, 2) | ipv6.sourceWord(view, network, 3)
  if (first >>> 24 === MULTICAST || (first | rest) === 0) return false
  const walk = ipv6.upperLayer(view, network)
  if (walk === ipv6.NO_UPPER_LAYER || ipv6.upperProtocol(walk) !== ipProtocol.ICMPV6) return true
  const end = network + ipv6.HEADER_SIZE + ipv6.payloadLength(view, network)
  const message = network + ipv6.upperOffset(walk)
  return icmpv6.check(view, message, end) && icmpv6.type(view, message) >= INFORMATIONAL
}

/**
 * Writes "packet too big" about the frame at `offset` as a frame to its sender, and returns its length. It comes from whom the packet was for, as though
 * that one had said so: a bridge has no address of its own. `mayTell` must have been true.
 */
export function composePacketTooBig(
  view: DataView,
  bytes: Uint8Array,
  at: number,
  mtu: number,
  offset: number,
  network: number,
): number {
  const linkSize = network - offset
  const total = ipv6.HEADER_SIZE + ipv6.payloadLength(view, network)
  const quoted = Math.min(total, ERROR_SIZE_MAX - ERROR_HEADERS)
  const header = at + linkSize
  const message = header + ipv6.HEADER_SIZE
  const end = message + icmpv6.HEADER_SIZE + quoted

  virtioNet.clear(view, at - virtioNet.HEADER_SIZE)
  bytes.copyWithin(at, offset, network)
  ethernet.setTarget(view, at, ethernet.sourceHigh(view, offset), ethernet.sourceLow(view, offset))
  ethernet.setSource(view, at, ethernet.targetHigh(view, offset), ethernet.targetLow(view, offset))
  bytes.copyWithin(message + icmpv6.HEADER_SIZE, network, network + quoted)

  ipv6.setClassAndFlow(view, header, 0)
  ipv6.setPayloadLength(view, header, end - message)
  ipv6.setNextHeader(view, header, ipProtocol.ICMPV6)
  ipv6.setHopLimit(view, header, HOP_LIMIT)
  for (let word = 0; word < 4; word++) {
    ipv6.setSourceWord(view, header, word, ipv6.destinationWord(view, network, word))
    ipv6.setDestinationWord(view, header, word, ipv6.sourceWord(view, network, word))
  }
  icmpv6.setType(view, message, icmpv6.TYPE_PACKET_TOO_BIG)
  icmpv6.setCode(view, message, 0)
  icmpv6.setRest(view, message, mtu)
  const pseudoHeader = checksum.pseudoHeaderIpv6(view, header, ipProtocol.ICMPV6, end - message)
  icmpv6.fillChecksum(view, message, end, pseudoHeader)
  return end - at
}
