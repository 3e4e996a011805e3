/**
 * Frames that their sender left unfinished: the virtio-net header in front of them asks for a checksum, or for being
 * cut into segments. Such a frame passes from TAP to TAP as it is; only a port that cannot take it gets finished
 * checksums and segments. In the order of a frame's way: `offloadReason` judges the request on arrival, and at
 * egress `completeChecksum` or the `Segmenter` fulfils it.
 *
 *     super-frame   | Ethernet, VLAN | IP | TCP or UDP | payload: up to 64 KB           |
 *                   |<-- csum_start ---->|
 *                   |<---------- headers ------------->|<- gso_size ->|<- gso_size ->|..|
 *
 * All functions take the Ethernet frame's offset; its virtio-net header is in the ten bytes before.
 */

import { SEGMENTS_MAX } from '../limits.ts'
import * as checksum from '../wire/checksum.ts'
import * as ethernet from '../wire/ethernet.ts'
import * as ipProtocol from '../wire/ip-protocol.ts'
import * as ipv4 from '../wire/ipv4.ts'
import * as ipv6 from '../wire/ipv6.ts'
import * as tcp from '../wire/tcp.ts'
import * as udp from '../wire/udp.ts'
import * as virtioNet from '../wire/virtio-net.ts'
import * as vlan from '../wire/vlan.ts'
import { DropReason } from './drop-reason.ts'
import { type FrameMemory, VIRTIO_NET_HEADER_SIZE } from './frame-memory.ts'

const KNOWN_FLAGS = virtioNet.FLAG_NEEDS_CSUM | virtioNet.FLAG_DATA_VALID

/**
 * Judges a frame whose flags or gso_type are set: 0, or the DropReason `offloadInvalid` or `frameTooLong`.
 * `frameMax` is the Ethernet header plus the MTU; VLAN tags come on top. The frame must have passed
 * `ethernet.check`.
 *
 * With 0 it promises: a requested checksum field lies within the frame, behind the Ethernet header. If there is a
 * gso_type: it is TCPV4, TCPV6 or UDP_L4, gso_size is not 0, the headers are complete and those that the type
 * names, IP's length (and UDP's) is that of the frame, it is no fragment, csum_start is where TCP or UDP begins and
 * csum_offset is its checksum field. The MTU limits headers and gso_size, never the super-frame. hdr_len is ignored.
 */
export function offloadReason(view: DataView, offset: number, length: number, frameMax: number): number {
  const header = offset - VIRTIO_NET_HEADER_SIZE
  const flags = virtioNet.flags(view, header)
  const needsChecksum = (flags & virtioNet.FLAG_NEEDS_CSUM) !== 0
  if ((flags & ~KNOWN_FLAGS) !== 0) return DropReason.offloadInvalid
  if (needsChecksum && !checksumFieldFits(view, header, length)) return DropReason.offloadInvalid

  const tags = vlan.tagsSize(view, offset, offset + length)
  if (virtioNet.gsoType(view, header) === virtioNet.GSO_NONE) {
    return length - tags > frameMax ? DropReason.frameTooLong : DropReason.none
  }
  const headers = needsChecksum ? superFrameHeaders(view, offset, length, tags) : 0
  if (headers === 0) return DropReason.offloadInvalid
  const longest = headers - tags + virtioNet.gsoSize(view, header)
  return longest > frameMax ? DropReason.frameTooLong : DropReason.none
}

function checksumFieldFits(view: DataView, header: number, length: number): boolean {
  const start = virtioNet.checksumStart(view, header)
  return start >= ethernet.HEADER_SIZE && start + virtioNet.checksumOffset(view, header) + 2 <= length
}

/** Bytes of all headers of a super-frame, or 0 where they are not as `offloadReason` promises. */
function superFrameHeaders(view: DataView, offset: number, length: number, tags: number): number {
  const header = offset - VIRTIO_NET_HEADER_SIZE
  if (virtioNet.gsoSize(view, header) === 0) return 0
  const end = offset + length
  // Seen from behind the tags, the payload's type is where an untagged frame has it.
  const networkType = ethernet.etherType(view, offset + tags)
  const network = offset + ethernet.HEADER_SIZE + tags
  const transport = offset + virtioNet.checksumStart(view, header)
  const fieldOffset = virtioNet.checksumOffset(view, header)
  switch (virtioNet.gsoType(view, header)) {
    case virtioNet.GSO_TCPV4:
    case virtioNet.GSO_TCPV4 | virtioNet.GSO_ECN:
      if (networkType !== ethernet.TYPE_IPV4) return 0
      break
    case virtioNet.GSO_TCPV6:
    case virtioNet.GSO_TCPV6 | virtioNet.GSO_ECN:
      if (networkType !== ethernet.TYPE_IPV6) return 0
      break
    case virtioNet.GSO_UDP_L4:
      if (transportHeader(view, network, end, networkType, ipProtocol.UDP) !== transport) return 0
      if (fieldOffset !== udp.CHECKSUM_OFFSET || !udp.check(view, transport, end)) return 0
      return udp.length(view, transport) === end - transport ? transport + udp.HEADER_SIZE - offset : 0
    default:
      return 0
  }
  if (transportHeader(view, network, end, networkType, ipProtocol.TCP) !== transport) return 0
  if (fieldOffset !== tcp.CHECKSUM_OFFSET || !tcp.check(view, transport, end)) return 0
  return transport + tcp.headerSize(view, transport) - offset
}

/** Where the header of `protocol` begins in an unfragmented packet that ends exactly at `end`, or 0. */
function transportHeader(
  view: DataView,
  network: number,
  end: number,
  networkType: number,
  protocol: number,
): number {
  if (networkType === ethernet.TYPE_IPV4) {
    if (!ipv4.check(view, network, end) || ipv4.isFragment(view, network)) return 0
    if (ipv4.protocol(view, network) !== protocol) return 0
    return ipv4.totalLength(view, network) === end - network ? network + ipv4.headerSize(view, network) : 0
  }
  if (networkType !== ethernet.TYPE_IPV6 || !ipv6.check(view, network, end)) return 0
  if (ipv6.payloadLength(view, network) !== end - network - ipv6.HEADER_SIZE) return 0
  const walk = ipv6.upperLayer(view, network)
  if (walk === ipv6.NO_UPPER_LAYER || ipv6.upperProtocol(walk) !== protocol) return 0
  return ipv6.isFragment(view, network, ipv6.upperOffset(walk)) ? 0 : network + ipv6.upperOffset(walk)
}

/**
 * Finishes a frame without gso_type in place: adds up the checksum that NEEDS_CSUM left open, and clears the
 * virtio-net header. `offloadReason` must have returned 0 for it.
 */
export function completeChecksum(view: DataView, offset: number, length: number): void {
  const header = offset - VIRTIO_NET_HEADER_SIZE
  if ((virtioNet.flags(view, header) & virtioNet.FLAG_NEEDS_CSUM) !== 0) {
    const start = virtioNet.checksumStart(view, header)
    const fieldOffset = virtioNet.checksumOffset(view, header)
    // The field takes part: the pseudo-header's sum is in it.
    const complete = checksum.finish(checksum.sum(view, offset + start, length - start))
    // Of the protocols that the kernel offloads only UDP has its field there, so the frame need not be parsed.
    const isUdp = fieldOffset === udp.CHECKSUM_OFFSET
    view.setUint16(offset + start + fieldOffset, isUdp ? checksum.udpChecksum(complete) : complete)
  }
  virtioNet.clear(view, header)
}

/** What `segment` returns where the arena has too little room left: after the next poll it has enough again. */
export const SEGMENTS_DO_NOT_FIT = -1

/**
 * Cuts super-frames into segments, as Linux does in tcp_gso_segment and __udp_gso_segment: each a complete frame with
 * all headers and finished checksums. The super-frame stays as it is, since it may go to other ports too.
 *
 *     | virtio-net 10, zero | segment 0 | pad to 8 | virtio-net 10, zero | segment 1 | pad | ...
 *                           ^ firstOffset
 *     |<------------- stride ----------------->|                                           ^ arenaNext
 *
 * The fields describe the result of the last `segment` that returned 0.
 */
export class Segmenter {
  /** Number of segments, at least 1. Segment i is at firstOffset + i * stride. */
  count = 0
  firstOffset = 0
  stride = 0
  /** Length of every segment but the last. */
  segmentLength = 0
  lastLength = 0
  /** Where the arena is free again. */
  arenaNext = 0

  readonly #view: DataView
  readonly #bytes: Uint8Array
  readonly #arenaSize: number

  constructor(memory: FrameMemory) {
    this.#view = memory.view
    this.#bytes = memory.bytes
    this.#arenaSize = memory.layout.gathers - memory.layout.arena
  }

  /**
   * Writes the segments of the super-frame at `offset` into the memory from `arenaFrom` to `arenaEnd`, of which the
   * super-frame is no part. `offloadReason` must have returned 0 for it, and its gso_type be set.
   *
   * Returns 0, SEGMENTS_DO_NOT_FIT, or DropReason.segmentLimit for more than SEGMENTS_MAX segments or more than an
   * empty arena holds. Only with 0 it has written anything.
   */
  segment(offset: number, length: number, arenaFrom: number, arenaEnd: number): number {
    const view = this.#view
    const header = offset - VIRTIO_NET_HEADER_SIZE
    const transport = offset + virtioNet.checksumStart(view, header)
    const isTcp = virtioNet.gsoType(view, header) !== virtioNet.GSO_UDP_L4
    const transportSize = isTcp ? tcp.headerSize(view, transport) : udp.HEADER_SIZE
    const headers = transport - offset + transportSize
    const payload = length - headers
    const gsoSize = virtioNet.gsoSize(view, header)

    const count = payload <= gsoSize ? 1 : Math.ceil(payload / gsoSize)
    const lastLength = length - (count - 1) * gsoSize
    const segmentLength = count === 1 ? lastLength : headers + gsoSize
    const stride = aligned(VIRTIO_NET_HEADER_SIZE + segmentLength)
    const from = aligned(arenaFrom)
    if (count > SEGMENTS_MAX || count * stride > this.#arenaSize) return DropReason.segmentLimit
    if (from + count * stride > arenaEnd) return SEGMENTS_DO_NOT_FIT

    this.count = count
    this.firstOffset = from + VIRTIO_NET_HEADER_SIZE
    this.stride = stride
    this.segmentLength = segmentLength
    this.lastLength = lastLength
    this.arenaNext = from + count * stride
    for (let i = 0; i < count; i++) {
      this.#copy(i, offset, headers)
      this.#finishNetwork(i)
      if (isTcp) this.#finishTcp(i, transport - offset, transport, length)
      else this.#finishUdp(i, transport - offset, transport, length)
    }
    return DropReason.none
  }

  #offset(index: number): number {
    return this.firstOffset + index * this.stride
  }

  #length(index: number): number {
    return index === this.count - 1 ? this.lastLength : this.segmentLength
  }

  /** Headers, and the payload's next part: `segmentLength - headers` is what each segment before took of it. */
  #copy(index: number, offset: number, headers: number): void {
    const to = this.#offset(index)
    const from = offset + headers + index * (this.segmentLength - headers)
    virtioNet.clear(this.#view, to - VIRTIO_NET_HEADER_SIZE)
    this.#bytes.copyWithin(to, offset, offset + headers)
    this.#bytes.copyWithin(to + headers, from, from + this.#length(index) - headers)
  }

  /** IPv4: total length, an identification of its own for each (RFC 6864, 4.1), header checksum. IPv6: payload length. */
  #finishNetwork(index: number): void {
    const view = this.#view
    const offset = this.#offset(index)
    const end = offset + this.#length(index)
    const tags = vlan.tagsSize(view, offset, end)
    const network = offset + ethernet.HEADER_SIZE + tags
    if (ethernet.etherType(view, offset + tags) === ethernet.TYPE_IPV6) {
      ipv6.setPayloadLength(view, network, end - network - ipv6.HEADER_SIZE)
      return
    }
    ipv4.setTotalLength(view, network, end - network)
    ipv4.setIdentification(view, network, ipv4.identification(view, network) + index)
    ipv4.fillChecksum(view, network)
  }

  /**
   * The sequence number moves on with the payload. FIN and PSH say something about the end of the data, so they
   * belong to the last segment; CWR answers one ECN echo, so only the first has it (RFC 3168, 6.1.2).
   */
  #finishTcp(index: number, transportStart: number, superTransport: number, superLength: number): void {
    const view = this.#view
    const transport = this.#offset(index) + transportStart
    const payload = this.segmentLength - transportStart - tcp.headerSize(view, transport)
    tcp.setSequenceNumber(view, transport, tcp.sequenceNumber(view, transport) + index * payload)
    let controlBits = tcp.controlBits(view, transport)
    if (index > 0) controlBits &= ~tcp.CWR
    if (index < this.count - 1) controlBits &= ~(tcp.FIN | tcp.PSH)
    tcp.setControlBits(view, transport, controlBits)

    const length = this.#length(index) - transportStart
    const partial = tcp.checksum(view, superTransport)
    tcp.setChecksum(view, transport, partialForLength(partial, superLength - transportStart, length))
    tcp.setChecksum(view, transport, checksum.finish(checksum.sum(view, transport, length)))
  }

  #finishUdp(index: number, transportStart: number, superTransport: number, superLength: number): void {
    const view = this.#view
    const transport = this.#offset(index) + transportStart
    const length = this.#length(index) - transportStart
    const partial = udp.checksum(view, superTransport)
    udp.setLength(view, transport, length)
    udp.setChecksum(view, transport, partialForLength(partial, superLength - transportStart, length))
    const complete = checksum.finish(checksum.sum(view, transport, length))
    udp.setChecksum(view, transport, checksum.udpChecksum(complete))
  }
}

/**
 * The pseudo-header's sum of a segment, from that of its super-frame: the upper-layer length is all that differs.
 * Taking it from the checksum field, not from the IP header, is also right behind an IPv6 Routing header, where the
 * sender has summed the final destination (RFC 8200, 8.1).
 */
const partialForLength = (partial: number, before: number, after: number): number =>
  checksum.fold(partial + (~before & 0xffff) + after)

/** Up to the next multiple of 8, so that a segment's IP header is as well aligned as that of a received frame. */
const aligned = (offset: number): number => (offset + 7) & ~7
