/**
 * The headers of the segments that a super-frame becomes in a tunnel, as Linux writes them in tcp_gso_segment and __udp_gso_segment. The payload stays
 * where it is: of segment i it begins behind the super-frame's headers, at i * payloadSize.
 *
 *     | room | headers 0 | pad to 8 | room | headers 1 | pad | ...
 *            ^ firstOffset
 *     |<------- stride ----------->|                         ^ arenaNext
 *
 * Segments differ in few fields. So what is the same in all of them is added up once, and copied in words; a call for each copy would take longer
 * than all else.
 */

import { SEGMENTS_MAX } from '../../limits.ts'
import * as checksum from '../../wire/checksum.ts'
import * as ethernet from '../../wire/ethernet.ts'
import * as ipv4 from '../../wire/ipv4.ts'
import * as ipv6 from '../../wire/ipv6.ts'
import * as tcp from '../../wire/tcp.ts'
import * as udp from '../../wire/udp.ts'
import * as virtioNet from '../../wire/virtio-net.ts'
import * as vlan from '../../wire/vlan.ts'
import type { FrameMemory } from '../frame-memory.ts'
import { VIRTIO_NET_HEADER_SIZE } from '../frame-memory.ts'

// Constants of this module, whose values V8 compiles in; an imported one it would load and check at each use.
const { finish, fold, sum } = checksum
const ETHERNET_HEADER_SIZE = ethernet.HEADER_SIZE
const TYPE_IPV6 = ethernet.TYPE_IPV6
const IPV6_HEADER_SIZE = ipv6.HEADER_SIZE
const UDP_HEADER_SIZE = udp.HEADER_SIZE
const GSO_UDP_L4 = virtioNet.GSO_UDP_L4
const FIN_AND_PSH = tcp.FIN | tcp.PSH
const CWR = tcp.CWR
const { identification, setHeaderChecksum, setIdentification, setTotalLength } = ipv4
const { setControlBits, setSequenceNumber } = tcp
const setPayloadLength = ipv6.setPayloadLength
const setTcpChecksum = tcp.setChecksum
const setUdpChecksum = udp.setChecksum
const setUdpLength = udp.setLength

export class SegmentHeaders {
  count = 0
  firstOffset = 0
  stride = 0
  headersSize = 0
  /** Of every segment but the last. */
  payloadSize = 0
  lastPayloadSize = 0
  /** Where the arena is free again. */
  arenaNext = 0
  /** From the Ethernet header on: where the checksum is that the payload belongs to. */
  field = 0
  /** TCP, or else UDP. */
  isTcp = false
  private readonly view: DataView
  private readonly bytes: Uint8Array
  private readonly room: number
  // From the Ethernet header on: where IP begins, and TCP or UDP.
  private network = 0
  private transport = 0
  private isIpv6 = false
  // What is the same in all segments, added up: of IPv4's header, and of what TCP's or UDP's checksum covers but the payload.
  private networkSum = 0
  private transportSum = 0
  // Of the first segment.
  private firstIdentification = 0
  private firstSequence = 0
  /** Control bits of the super-frame. */
  private bits = 0

  /** `room`: bytes in front of each segment's headers, a multiple of 8. */
  constructor(memory: FrameMemory, room: number) {
    this.view = memory.view
    this.bytes = memory.bytes
    this.room = room
  }

  /**
   * Writes the first segment's headers, as they stand in the super-frame, into the arena. `offloadReason` must have returned 0 for the super-frame, and its
   * gso_type be set. False, and nothing is written, where there is no room for all, or there would be more than SEGMENTS_MAX.
   */
  begin(offset: number, length: number, arenaFrom: number, arenaEnd: number): boolean {
    const { view } = this
    const header = offset - VIRTIO_NET_HEADER_SIZE
    this.transport = virtioNet.checksumStart(view, header)
    this.field = this.transport + virtioNet.checksumOffset(view, header)
    this.isTcp = virtioNet.gsoType(view, header) !== GSO_UDP_L4
    const size = this.isTcp ? tcp.headerSize(view, offset + this.transport) : UDP_HEADER_SIZE
    this.headersSize = this.transport + size
    const payload = length - this.headersSize
    const gsoSize = virtioNet.gsoSize(view, header)
    this.count = payload <= gsoSize ? 1 : Math.ceil(payload / gsoSize)
    this.payloadSize = Math.min(gsoSize, payload)
    this.lastPayloadSize = payload - (this.count - 1) * gsoSize
    const from = (arenaFrom + 7) & ~7
    this.stride = (this.room + this.headersSize + 7) & ~7
    this.firstOffset = from + this.room
    this.arenaNext = from + this.count * this.stride
    if (this.count > SEGMENTS_MAX || this.arenaNext > arenaEnd) return false
    this.bytes.copyWithin(this.firstOffset, offset, offset + this.headersSize)
    const tags = vlan.tagsSize(view, offset, offset + length)
    this.network = ETHERNET_HEADER_SIZE + tags
    this.isIpv6 = ethernet.etherType(view, offset + tags) === TYPE_IPV6
    return true
  }

  /**
   * Finishes the headers of all segments. What the caller has changed since `begin` of the first one's Ethernet header, or written into the
   * `prefix` bytes in front, a multiple of 4, all of them have.
   *
   * What stands in a segment's checksum field then is the sum of all that it covers but the payload, not complemented.
   */
  finish(prefix: number): void {
    const { count, firstOffset, stride, headersSize } = this
    this.addUp()
    // Up to three bytes more than there are: they are padding.
    const words = (prefix + headersSize + 3) >>> 2
    for (let i = 0; i < count; i++) {
      const at = firstOffset + i * stride
      if (i > 0) this.copyWords(firstOffset - prefix, at - prefix, words)
      if (i === count - 1) this.shorten()
      this.finishNetwork(at + this.network, i)
      if (this.isTcp) this.finishTcp(at + this.transport, i)
      else setUdpChecksum(this.view, at + this.transport, this.transportSum)
      if (i === count - 1) this.setLengths(at, this.lastPayloadSize)
    }
  }

  /** Adds up the first segment's headers without what differs. */
  private addUp(): void {
    const { view, firstOffset, headersSize, payloadSize } = this
    const network = firstOffset + this.network
    const transport = firstOffset + this.transport
    const superSize = headersSize - this.transport + (this.count - 1) * payloadSize + this.lastPayloadSize
    const partial = this.isTcp ? tcp.checksum(view, transport) : udp.checksum(view, transport)
    this.setLengths(firstOffset, payloadSize)
    if (!this.isIpv6) {
      this.firstIdentification = identification(view, network)
      setIdentification(view, network, 0)
      setHeaderChecksum(view, network, 0)
      this.networkSum = sum(view, network, ipv4.headerSize(view, network))
    }
    if (this.isTcp) {
      this.firstSequence = tcp.sequenceInt32(view, transport)
      this.bits = tcp.controlBits(view, transport)
      setSequenceNumber(view, transport, 0)
      setControlBits(view, transport, 0)
      setTcpChecksum(view, transport, 0)
    } else {
      setUdpChecksum(view, transport, 0)
    }
    // The pseudo-header's sum, of which the upper-layer length is all that differs from the super-frame's. Taken from the checksum field, and not
    // from the IP header, it is also right behind an IPv6 Routing header, where the sender has summed the final destination (RFC 8200, 8.1).
    const pseudoHeader = withLength(partial, superSize, headersSize - this.transport + payloadSize)
    this.transportSum = sum(view, transport, headersSize - this.transport, pseudoHeader)
  }

  /** The sums become those of the last segment, whose payload may be shorter. */
  private shorten(): void {
    const { headersSize, payloadSize, lastPayloadSize } = this
    const start = headersSize - this.transport
    const before = start + payloadSize
    const after = start + lastPayloadSize
    this.networkSum = withLength(
      this.networkSum,
      headersSize - this.network + payloadSize,
      headersSize - this.network + lastPayloadSize,
    )
    this.transportSum = withLength(this.transportSum, before, after)
    // UDP has its length in the header, too.
    if (!this.isTcp) this.transportSum = withLength(this.transportSum, before, after)
  }

  private setLengths(at: number, payloadSize: number): void {
    const { view, headersSize } = this
    const network = at + this.network
    const packet = headersSize - this.network + payloadSize
    if (this.isIpv6) setPayloadLength(view, network, packet - IPV6_HEADER_SIZE)
    else setTotalLength(view, network, packet)
    if (!this.isTcp) setUdpLength(view, at + this.transport, headersSize - this.transport + payloadSize)
  }

  private copyWords(from: number, to: number, words: number): void {
    const { view } = this
    for (let i = 0; i < words; i++) view.setInt32(to + 4 * i, view.getInt32(from + 4 * i, true), true)
  }

  /** IPv4: an identification of its own for each (RFC 6864, 4.1). */
  private finishNetwork(network: number, index: number): void {
    if (this.isIpv6) return
    const { view } = this
    const own = (this.firstIdentification + index) & 0xffff
    setIdentification(view, network, own)
    setHeaderChecksum(view, network, finish(this.networkSum + own))
  }

  /**
   * The sequence number moves on with the payload. FIN and PSH say something about the end of the data, so they
   * belong to the last segment; CWR answers one ECN echo, so only the first has it (RFC 3168, 6.1.2).
   */
  private finishTcp(transport: number, index: number): void {
    const { view } = this
    const sequence = (this.firstSequence + index * this.payloadSize) | 0
    let { bits } = this
    if (index > 0) bits &= ~CWR
    if (index < this.count - 1) bits &= ~FIN_AND_PSH
    setSequenceNumber(view, transport, sequence)
    setControlBits(view, transport, bits)
    setTcpChecksum(view, transport, fold(this.transportSum + (sequence >>> 16) + (sequence & 0xffff) + bits))
  }
}

/** A sum that has a length in it, with another one in its place. */
const withLength = (value: number, before: number, after: number): number =>
  fold(value + (~before & 0xffff) + after)
