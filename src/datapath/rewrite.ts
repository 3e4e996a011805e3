/**
 * What the router and the NAT change in a frame, in place: addresses, ports, time to live, MSS. Checksums follow by
 * RFC 1624, from the change alone, so a super-frame of 64 KB costs what a small frame costs.
 *
 * All functions take offsets: `offset` of the Ethernet frame (its virtio-net header is in the ten bytes before),
 * `network` of the IPv4 header, `transport` of the header behind it. They rely on what the packet check promises: these
 * headers are complete. Addresses are int32, and `ports` is source << 16 | destination; see wire/checksum.ts for sums.
 */

import * as wireChecksum from '../wire/checksum.ts'
import * as icmp from '../wire/icmp.ts'
import * as ipProtocol from '../wire/ip-protocol.ts'
import * as ipv4 from '../wire/ipv4.ts'
import * as tcp from '../wire/tcp.ts'
import * as udp from '../wire/udp.ts'
import * as virtioNet from '../wire/virtio-net.ts'

// Constants of this module, whose values V8 compiles in; an imported one it would load and check at each use.
const { ICMP, TCP, UDP } = ipProtocol
const { fold } = wireChecksum
const { checksumStart, FLAG_NEEDS_CSUM, flags, HEADER_SIZE: VIRTIO_NET_HEADER_SIZE } = virtioNet
const TIME_TO_LIVE = 8
const HEADER_CHECKSUM = ipv4.CHECKSUM_OFFSET
const SOURCE = 12
const DESTINATION = 16
const TCP_CHECKSUM = tcp.CHECKSUM_OFFSET
const UDP_CHECKSUM = udp.CHECKSUM_OFFSET
const ICMP_CHECKSUM = icmp.CHECKSUM_OFFSET
const ICMP_IDENTIFIER = 4

const OPTION_END = 0
const OPTION_NO_OPERATION = 1
const OPTION_MSS = 2
const OPTION_MSS_SIZE = 4

/**
 * Sets both addresses and, where `hasPorts`, both ports (TCP, UDP) or the identifier (ICMP echo: the high half of `ports`;
 * the low half is to be the same), with the header checksum and the upper checksum.
 *
 * `hasPorts` says that the upper header is in this packet and is of one of these three protocols: false for a later
 * fragment, whose datagram has its checksum in the first one, and for all other protocols.
 */
export function rewriteAddresses(
  view: DataView,
  offset: number,
  network: number,
  transport: number,
  protocol: number,
  hasPorts: boolean,
  source: number,
  destination: number,
  ports: number,
): void {
  const oldSource = ~view.getInt32(network + SOURCE)
  const oldDestination = ~view.getInt32(network + DESTINATION)
  // ~m + m' of both addresses, in both checksums: eight words, so 19 bits.
  const addresses =
    (oldSource & 0xffff) +
    (oldSource >>> 16) +
    (source & 0xffff) +
    (source >>> 16) +
    (oldDestination & 0xffff) +
    (oldDestination >>> 16) +
    (destination & 0xffff) +
    (destination >>> 16)
  view.setInt32(network + SOURCE, source)
  view.setInt32(network + DESTINATION, destination)
  const header = (~view.getUint16(network + HEADER_CHECKSUM) & 0xffff) + addresses
  view.setUint16(network + HEADER_CHECKSUM, ~fold(header))
  if (!hasPorts) return

  if (protocol === ICMP) {
    rewriteIdentifier(view, offset, transport, ports >>> 16)
    return
  }
  const field = transport + (protocol === TCP ? TCP_CHECKSUM : UDP_CHECKSUM)
  const checksum = view.getUint16(field)
  if (isPartial(view, offset, transport)) {
    // The pseudo-header's sum, in which addresses are and ports are not.
    view.setUint16(field, fold(checksum + addresses))
  } else if (checksum !== 0 || protocol !== UDP) {
    const oldPorts = ~view.getInt32(transport)
    const sum =
      (~checksum & 0xffff) +
      addresses +
      (oldPorts & 0xffff) +
      (oldPorts >>> 16) +
      (ports & 0xffff) +
      (ports >>> 16)
    const updated = ~fold(sum) & 0xffff
    view.setUint16(field, updated === 0 && protocol === UDP ? 0xffff : updated)
  }
  view.setInt32(transport, ports)
}

/** ICMP for IPv4 has no pseudo-header: only the identifier counts. */
function rewriteIdentifier(view: DataView, offset: number, icmp: number, identifier: number): void {
  const field = icmp + ICMP_CHECKSUM
  const before = ~view.getUint16(icmp + ICMP_IDENTIFIER) & 0xffff
  if (!isPartial(view, offset, icmp)) {
    view.setUint16(field, ~fold((~view.getUint16(field) & 0xffff) + before + identifier))
  }
  view.setUint16(icmp + ICMP_IDENTIFIER, identifier)
}

/**
 * Whether the checksum of the header at `transport` is still to be done. Not so if NEEDS_CSUM means a header further in:
 * a kernel that sends a tunnel through its TAP finishes the outer checksum and leaves the inner one.
 */
export const isPartial = (view: DataView, offset: number, transport: number): boolean =>
  (flags(view, offset - VIRTIO_NET_HEADER_SIZE) & FLAG_NEEDS_CSUM) !== 0 &&
  checksumStart(view, offset - VIRTIO_NET_HEADER_SIZE) === transport - offset

/**
 * Whether what NEEDS_CSUM asks for lies behind the IPv4 header and within the packet, which may be shorter than its frame: what is
 * behind it is not sent on. Of a fragment that has no upper header nothing more is asked.
 */
export function checksumRequestIsInside(
  view: DataView,
  offset: number,
  transport: number,
  end: number,
): boolean {
  const header = offset - VIRTIO_NET_HEADER_SIZE
  if ((flags(view, header) & FLAG_NEEDS_CSUM) === 0) return true
  const start = offset + checksumStart(view, header)
  return start >= transport && start + virtioNet.checksumOffset(view, header) + 2 <= end
}

/**
 * Whether what NEEDS_CSUM asks for leaves the headers of a routed packet alone: the field is the checksum of the header
 * at `transport`, or lies behind that header (`payload`). Anywhere else, finishing the frame at egress would write over
 * addresses or ports after they have been judged and translated; no kernel asks for that.
 */
export function checksumRequestFits(
  view: DataView,
  offset: number,
  transport: number,
  payload: number,
  protocol: number,
): boolean {
  const header = offset - VIRTIO_NET_HEADER_SIZE
  if ((flags(view, header) & FLAG_NEEDS_CSUM) === 0) return true
  const start = offset + checksumStart(view, header)
  const fieldOffset = virtioNet.checksumOffset(view, header)
  if (start + fieldOffset >= payload) return true
  if (start !== transport) return false
  if (protocol === TCP) return fieldOffset === TCP_CHECKSUM
  if (protocol === UDP) return fieldOffset === UDP_CHECKSUM
  return protocol === ICMP && fieldOffset === ICMP_CHECKSUM
}

/**
 * One hop less to live; it must not be 0 before. The word that the field is in shrinks by 0x0100, so by RFC 1624 eqn. 3
 * ~HC grows by ~0x0100. (RFC 1141 adds to HC itself, and gets 0xffff where RFC 1624 gets 0.)
 */
export function decrementTimeToLive(view: DataView, network: number): void {
  // TTL, protocol and checksum are one word.
  const word = view.getInt32(network + TIME_TO_LIVE)
  const sum = (~word & 0xffff) + 0xfeff
  const checksum = ~(sum + (sum >>> 16)) & 0xffff
  view.setInt32(network + TIME_TO_LIVE, ((word - 0x0100_0000) & ~0xffff) | checksum)
}

/** Both addresses of the frame: high is bytes 0-1 as uint16, low bytes 2-5 as int32. */
export function setEthernetAddresses(
  view: DataView,
  offset: number,
  targetHigh: number,
  targetLow: number,
  sourceHigh: number,
  sourceLow: number,
): void {
  view.setUint16(offset, targetHigh)
  view.setInt32(offset + 2, targetLow)
  view.setUint16(offset + 6, sourceHigh)
  view.setInt32(offset + 8, sourceLow)
}

/**
 * Lowers the MSS option of a SYN or SYN+ACK to `mss` where it is larger, with the checksum; says whether it has changed
 * anything. So a connection works even where "fragmentation needed" gets lost on its way. The packet ends at `end`.
 * Sources: RFC 9293, 3.2 and 3.7.1 (the option), RFC 6691 (`mss` is an MTU less 40, whatever options there are).
 *
 * No option is added: without one the peer sends 536 bytes. A malformed option ends the walk, as it does in receivers.
 */
export function clampMss(
  view: DataView,
  offset: number,
  network: number,
  transport: number,
  end: number,
  mss: number,
): boolean {
  if (ipv4.protocol(view, network) !== TCP || ipv4.fragmentOffset(view, network) > 0) return false
  return clampMssOf(view, transport, end, mss, isPartial(view, offset, transport))
}

/** The same of the TCP header at `transport`, whatever it is carried by. `isLeftOpen`: its checksum is still to be done. */
export function clampMssOf(
  view: DataView,
  transport: number,
  end: number,
  mss: number,
  isLeftOpen: boolean,
): boolean {
  if (!tcp.check(view, transport, end) || (tcp.controlBits(view, transport) & tcp.SYN) === 0) return false
  const optionsEnd = transport + tcp.headerSize(view, transport)
  let clamped = false
  let at = transport + tcp.MIN_HEADER_SIZE
  while (at < optionsEnd) {
    const kind = view.getUint8(at)
    if (kind === OPTION_END) break
    if (kind === OPTION_NO_OPERATION) {
      at++
      continue
    }
    const size = at + 1 < optionsEnd ? view.getUint8(at + 1) : 0
    if (size < 2 || at + size > optionsEnd) break
    // Of several, receivers take the last: each is clamped.
    if (kind === OPTION_MSS && size === OPTION_MSS_SIZE && view.getUint16(at + 2) > mss) {
      lowerMss(view, transport, at + 2, mss, isLeftOpen)
      clamped = true
    }
    at += size
  }
  return clamped
}

/**
 * At an odd distance from the header's start the value's bytes belong to two words of the sum, the high byte to the low
 * half of the first. In ones-complement arithmetic that is the value with its bytes swapped (RFC 1071, 2(B)).
 */
function lowerMss(view: DataView, transport: number, field: number, mss: number, isLeftOpen: boolean): void {
  const odd = ((field - transport) & 1) !== 0
  const before = view.getUint16(field)
  view.setUint16(field, mss)
  if (isLeftOpen) return
  const checksum = tcp.checksum(view, transport)
  tcp.setChecksum(
    view,
    transport,
    odd
      ? wireChecksum.update16(checksum, swapped(before), swapped(mss))
      : wireChecksum.update16(checksum, before, mss),
  )
}

const swapped = (value: number): number => ((value & 0xff) << 8) | (value >>> 8)
