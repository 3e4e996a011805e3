/**
 * What a router says in ICMP: answers to echo requests, and errors about packets that it does not forward (RFC 792;
 * RFC 1122, 3.2.2; RFC 1812, 4.3).
 *
 * Frames are composed in memory that the caller gives: the Ethernet frame at `at`, and the virtio-net header of a finished
 * frame in the ten bytes before. VLAN tags of the offending frame are those of the answer.
 *
 *     offending   | Ethernet, VLAN | IPv4 | ...                    error   | Ethernet, VLAN | IPv4 | ICMP | offending IPv4 ...
 *                 ^ offset         ^ network                               ^ at
 */

import { isIpv4Host } from '../wire/address.ts'
import * as checksum from '../wire/checksum.ts'
import * as ethernet from '../wire/ethernet.ts'
import * as icmp from '../wire/icmp.ts'
import * as ipProtocol from '../wire/ip-protocol.ts'
import * as ipv4 from '../wire/ipv4.ts'
import * as virtioNet from '../wire/virtio-net.ts'

/** RFC 1812, 4.3.2.3: as much of the original as fits a datagram of this size. */
const ERROR_SIZE_MAX = 576
const ERROR_HEADERS = ipv4.MIN_HEADER_SIZE + icmp.HEADER_SIZE

/** Bytes of the longest frame that `composeError` writes, its virtio-net header not counted; two VLAN tags. */
export const ERROR_FRAME_MAX = ethernet.HEADER_SIZE + 8 + ERROR_SIZE_MAX

/** RFC 1812, 4.3.2.5: precedence 6, INTERNETWORK CONTROL. */
const ERROR_TYPE_OF_SERVICE = 0xc0

/** IANA "IP Option Numbers": Default TTL, as RFC 1700 and Linux have it. */
const TIME_TO_LIVE = 64

const OPTION_NO_OPERATION = 1

/** Which error. */
export interface IcmpError {
  readonly type: number
  readonly code: number
  /** The four bytes behind the checksum, as uint32: for "fragmentation needed" the next hop's MTU; see `pointerRest`. */
  readonly rest: number
}

/** Who says it: the router interface on which the offending packet arrived (RFC 1812, 4.3.2.4). */
export interface ErrorSource {
  readonly macHigh: number
  readonly macLow: number
  readonly address: number
}

/** `rest` of a Parameter Problem whose cause is byte `pointer` of the IPv4 header. */
export const pointerRest = (pointer: number): number => (pointer << 24) >>> 0

/**
 * Turns an echo request into its reply, in place: both pairs of addresses change sides, the checksum is updated. The frame
 * must have passed `ipv4.check` and `icmp.check`, be no fragment, and its target be one station. To answer into other memory,
 * copy the frame with its virtio-net header there first.
 *
 * IPv4 options become No Operation: a source route would have to be reversed, and a record of the way there is none of the
 * way back.
 */
export function turnIntoEchoReply(view: DataView, offset: number, network: number, message: number): void {
  const targetHigh = ethernet.targetHigh(view, offset)
  const targetLow = ethernet.targetLow(view, offset)
  ethernet.setTarget(view, offset, ethernet.sourceHigh(view, offset), ethernet.sourceLow(view, offset))
  ethernet.setSource(view, offset, targetHigh, targetLow)

  const destination = ipv4.destinationAddress(view, network)
  ipv4.setDestinationAddress(view, network, ipv4.sourceAddress(view, network))
  ipv4.setSourceAddress(view, network, destination)
  ipv4.setTimeToLive(view, network, TIME_TO_LIVE)
  const optionsEnd = network + ipv4.headerSize(view, network)
  for (let at = network + ipv4.MIN_HEADER_SIZE; at < optionsEnd; at++) view.setUint8(at, OPTION_NO_OPERATION)
  ipv4.fillChecksum(view, network)

  icmp.setType(view, message, icmp.TYPE_ECHO_REPLY)
  // A checksum that is still to be done holds no sum of this word yet: ICMP has no pseudo-header.
  const header = offset - virtioNet.HEADER_SIZE
  const needsChecksum = (virtioNet.flags(view, header) & virtioNet.FLAG_NEEDS_CSUM) !== 0
  if (needsChecksum && virtioNet.checksumStart(view, header) === message - offset) return
  const updated = checksum.update16(
    icmp.checksum(view, message),
    icmp.TYPE_ECHO << 8,
    icmp.TYPE_ECHO_REPLY << 8,
  )
  icmp.setChecksum(view, message, updated)
}

/**
 * Whether an error may be sent about the frame at `offset`, which must have passed `ipv4.check` at `network`. RFC 1122, 3.2.2
 * and RFC 1812, 4.3.2.7 forbid it about ICMP errors (and Redirect), about other than the first fragment, about a packet to
 * many, and to a source that is not one host. `broadcast` is the directed broadcast address of the network that the frame
 * arrived from.
 */
export function mayAnswer(view: DataView, offset: number, network: number, broadcast: number): boolean {
  const source = ipv4.sourceAddress(view, network)
  const destination = ipv4.destinationAddress(view, network)
  return (
    !ethernet.isMulticast(ethernet.targetHigh(view, offset)) &&
    !isToMany(destination) &&
    destination !== broadcast &&
    isIpv4Host(source) &&
    source !== broadcast &&
    ipv4.fragmentOffset(view, network) === 0 &&
    !(ipv4.protocol(view, network) === ipProtocol.ICMP && isError(view, network))
  )
}

/**
 * Writes the error about the frame at `offset` as a frame to its sender, with all checksums, and returns its length. The
 * quoted packet is that of `network`, byte for byte as it arrived. `mayAnswer` must have been true.
 *
 * It is an atomic datagram: Don't Fragment, and so an identification that nobody looks at (RFC 6864, 4.1).
 */
export function composeError(
  view: DataView,
  bytes: Uint8Array,
  at: number,
  error: IcmpError,
  from: ErrorSource,
  offset: number,
  network: number,
): number {
  const linkSize = network - offset
  const quoted = Math.min(ipv4.totalLength(view, network), ERROR_SIZE_MAX - ERROR_HEADERS)
  const header = at + linkSize
  const message = header + ipv4.MIN_HEADER_SIZE
  const end = message + icmp.HEADER_SIZE + quoted

  virtioNet.clear(view, at - virtioNet.HEADER_SIZE)
  bytes.copyWithin(at, offset, network)
  ethernet.setTarget(view, at, ethernet.sourceHigh(view, offset), ethernet.sourceLow(view, offset))
  ethernet.setSource(view, at, from.macHigh, from.macLow)
  bytes.copyWithin(message + icmp.HEADER_SIZE, network, network + quoted)

  ipv4.setHeaderSize(view, header, ipv4.MIN_HEADER_SIZE)
  ipv4.setTypeOfService(view, header, ERROR_TYPE_OF_SERVICE)
  ipv4.setTotalLength(view, header, end - header)
  ipv4.setIdentification(view, header, 0)
  ipv4.setFragment(view, header, ipv4.DONT_FRAGMENT, 0)
  ipv4.setTimeToLive(view, header, TIME_TO_LIVE)
  ipv4.setProtocol(view, header, ipProtocol.ICMP)
  ipv4.setSourceAddress(view, header, from.address)
  ipv4.setDestinationAddress(view, header, ipv4.sourceAddress(view, network))
  ipv4.fillChecksum(view, header)

  icmp.setType(view, message, error.type)
  icmp.setCode(view, message, error.code)
  icmp.setRest(view, message, error.rest)
  icmp.fillChecksum(view, message, end)
  return end - at
}

/** Multicast (224/4), class E and the limited broadcast address (240/4). */
const isToMany = (address: number): boolean => address >>> 28 >= 0xe

/** An error, or a type that is unknown and so might be one; also where the type is not there to be read. */
function isError(view: DataView, network: number): boolean {
  const size = ipv4.headerSize(view, network)
  if (ipv4.totalLength(view, network) === size) return true
  switch (icmp.type(view, network + size)) {
    case icmp.TYPE_ECHO_REPLY:
    case icmp.TYPE_ECHO:
    case icmp.TYPE_TIMESTAMP:
    case icmp.TYPE_TIMESTAMP_REPLY:
      return false
    default:
      return true
  }
}
