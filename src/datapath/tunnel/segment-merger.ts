/**
 * Segments of one TCP connection that come out of a tunnel one behind the other become one super-frame again, as a network interface makes
 * one (LRO) and Linux does (GRO): the receiving kernel then walks its layers once for all of them. No payload is moved; a gather record
 * says where it is.
 *
 *     datagrams      | VXLAN | headers 0 | payload 0 | VXLAN | headers 1 | payload 1 | ...
 *     super-frame    headers (a copy in the arena), payload 0, payload 1, ...
 *
 * Cut up again it is what came, byte for byte: only segments are put together of which each is what the Segmenter would make of the
 * whole. So headers may differ in sequence number, length and checksum alone, and in IPv4's identification, which counts up; PSH and FIN are in the last one,
 * CWR in the first; all payloads but the last are of one size. And the checksums are right: a receiver looks at the
 * whole's no more.
 */

import * as checksum from '../../wire/checksum.ts'
import * as ethernet from '../../wire/ethernet.ts'
import * as ipProtocol from '../../wire/ip-protocol.ts'
import * as ipv4 from '../../wire/ipv4.ts'
import * as ipv6 from '../../wire/ipv6.ts'
import * as tcp from '../../wire/tcp.ts'
import * as virtioNet from '../../wire/virtio-net.ts'
import * as vxlan from '../../wire/vxlan.ts'
import type { Egress } from '../egress.ts'
import type { FrameMemory } from '../frame-memory.ts'
import * as frameMemory from '../frame-memory.ts'
import { GatherWriter } from './gather-writer.ts'

// Constants of this module, whose values V8 compiles in; an imported one it would load and check at each use.
const { FLAG_GATHER, FRAME_IN_SLOT, GATHER_ALIGN, GATHER_HEADER_WORDS, GATHER_WORD, VIRTIO_NET_HEADER_SIZE } =
  frameMemory
const { etherType, TYPE_IPV4, TYPE_IPV6 } = ethernet
const { fold, sum } = checksum
const { TCP } = ipProtocol
const ETHERNET_HEADER_SIZE = ethernet.HEADER_SIZE
const IPV4_HEADER_SIZE = ipv4.MIN_HEADER_SIZE
const IPV6_HEADER_SIZE = ipv6.HEADER_SIZE
const TCP_HEADER_SIZE = tcp.MIN_HEADER_SIZE
const VXLAN_HEADER_SIZE = vxlan.HEADER_SIZE
const { ACK, CWR, FIN, PSH } = tcp

/** Version 4, no options, in front of the type of service. */
const VERSION_4 = 0x45
const VERSION_6 = 6
const MORE_OR_OFFSET = 0x3fff
/** Bytes that IP's length fields hold. */
const PACKET_MAX = 65_535
/** Segments of one super-frame: a gather record, and the kernel's vectors, have room for so many pieces. */
const SEGMENTS_MAX = 128
/** One's complement zero: what a sum with a right checksum in it is. */
const ZERO = 0xffff

/** No sum of the datagram is known. */
export const NO_SUM = -1

export class SegmentMerger {
  /** Segments in the run; 0: there is none. */
  count = 0
  /** The first one, while it is alone. */
  offset = 0
  length = 0
  /** After `finish`: where the super-frame begins, and its bytes. */
  superOffset = 0
  superLength = 0
  private readonly view: DataView
  private readonly bytes: Uint8Array
  private readonly gathers: Int32Array
  private readonly egress: Egress
  private readonly gather: GatherWriter
  // Of the segment that `read` has looked at.
  private network = 0
  private transport = 0
  private headersSize = 0
  private payload = 0
  private isVersion6 = false
  /** The sum of its datagram, or NO_SUM. */
  private datagramSum = NO_SUM
  // Of the run's first.
  private firstNetwork = 0
  private firstTransport = 0
  private firstHeaders = 0
  private firstSum = NO_SUM
  private firstVersion6 = false
  private segmentSize = 0
  private nextSequence = 0
  private bytesOfPayload = 0
  private isVerified = false
  /** Of IPv4's header, and of what TCP's checksum covers beside the datagram: see `addUpFirst`. */
  private networkSum = 0
  private restSum = 0
  /** A segment that ends the run has come: a shorter one, or one with PSH or FIN. */
  private isClosed = false
  private lastBits = 0
  private record = 0

  constructor(memory: FrameMemory, egress: Egress) {
    this.view = memory.view
    this.bytes = memory.bytes
    this.gathers = memory.gathers
    this.egress = egress
    this.gather = new GatherWriter(memory, egress)
  }

  /**
   * Whether the inner frame at `offset` is a segment that may be part of a super-frame. `datagramSum`: the sum of its datagram, VXLAN header
   * included, which stands there as it came; NO_SUM: to be found out.
   */
  read(offset: number, length: number, datagramSum: number): boolean {
    const { view } = this
    const type = etherType(view, offset)
    const network = offset + ETHERNET_HEADER_SIZE
    const end = offset + length
    this.datagramSum = datagramSum
    this.network = network
    if (type === TYPE_IPV4) {
      if (length < ETHERNET_HEADER_SIZE + IPV4_HEADER_SIZE + TCP_HEADER_SIZE) return false
      if (view.getUint8(network) !== VERSION_4 || view.getUint8(network + 9) !== TCP) return false
      if (view.getUint16(network + 2) !== end - network) return false
      if ((view.getUint16(network + 6) & MORE_OR_OFFSET) !== 0) return false
      this.transport = network + IPV4_HEADER_SIZE
      this.isVersion6 = false
    } else {
      if (type !== TYPE_IPV6 || length < ETHERNET_HEADER_SIZE + IPV6_HEADER_SIZE + TCP_HEADER_SIZE)
        return false
      if (view.getUint8(network) >>> 4 !== VERSION_6 || view.getUint8(network + 6) !== TCP) return false
      if (view.getUint16(network + 4) !== end - network - IPV6_HEADER_SIZE) return false
      this.transport = network + IPV6_HEADER_SIZE
      this.isVersion6 = true
    }
    const { transport } = this
    const size = tcp.headerSize(view, transport)
    this.headersSize = transport + size - offset
    this.payload = length - this.headersSize
    if (size < TCP_HEADER_SIZE || this.payload <= 0) return false
    // Nothing else may be said than that there is data.
    return (tcp.controlBits(view, transport) & ~(PSH | FIN | CWR | tcp.ECE)) === ACK
  }

  /**
   * Adds the inner frame at `offset` to the run, if it is the run's next segment and so like the first one, VXLAN header and all, that it need
   * not be read: false, and nothing has changed, if not. Then it may still be another frame, or one that `extend` takes.
   */
  next(offset: number, length: number, datagramSum: number): boolean {
    const { view, firstHeaders, firstVersion6 } = this
    const first = this.offset
    const payload = length - firstHeaders
    if (payload <= 0 || !this.isVerified || this.isClosed || this.count === SEGMENTS_MAX) return false
    const network = offset + ETHERNET_HEADER_SIZE
    const word = view.getInt32(network)
    const firstWord = view.getInt32(this.firstNetwork)
    const isLong = firstVersion6
      ? word === firstWord && view.getUint16(network + 4) === length - ETHERNET_HEADER_SIZE - IPV6_HEADER_SIZE
      : ((word ^ firstWord) & ~0xffff) === 0 && (word & 0xffff) === length - ETHERNET_HEADER_SIZE
    if (
      !isLong ||
      view.getInt32(offset - 8) !== view.getInt32(first - 8) ||
      view.getInt32(offset - 4) !== view.getInt32(first - 4) ||
      etherType(view, offset) !== etherType(view, first)
    ) {
      return false
    }
    this.network = network
    this.transport = this.firstTransport + offset - first
    this.headersSize = firstHeaders
    this.payload = payload
    this.isVersion6 = firstVersion6
    if (!this.follows(offset) || !this.isRightAsFirst(length, datagramSum)) return false
    this.add(offset)
    return true
  }

  /** Begins a run with the segment that was read. */
  begin(offset: number, length: number): void {
    const { view, transport } = this
    const bits = tcp.controlBits(view, transport)
    this.count = 1
    this.offset = offset
    this.length = length
    this.firstNetwork = this.network
    this.firstTransport = transport
    this.firstHeaders = this.headersSize
    this.firstSum = this.datagramSum
    this.firstVersion6 = this.isVersion6
    this.segmentSize = this.payload
    this.bytesOfPayload = this.payload
    this.nextSequence = (tcp.sequenceInt32(view, transport) + this.payload) | 0
    this.isVerified = false
    this.isClosed = (bits & (PSH | FIN)) !== 0
    this.lastBits = bits
  }

  /** Adds the segment that was read to the run, if it is its next one: false, and nothing has changed, if not. */
  extend(offset: number): boolean {
    if (this.isClosed || this.count === SEGMENTS_MAX || !this.follows(offset)) return false
    if (!this.isVerified) {
      if (
        !this.isRight(
          this.offset,
          this.length,
          this.firstNetwork,
          this.firstTransport,
          this.firstSum,
          this.firstVersion6,
        )
      ) {
        return false
      }
      this.isVerified = true
      this.addUpFirst()
    }
    const length = this.headersSize + this.payload
    if (!this.isRight(offset, length, this.network, this.transport, this.datagramSum, this.isVersion6))
      return false
    this.add(offset)
    return true
  }

  /** The segment that was found right becomes part of the run. */
  private add(offset: number): void {
    if (this.count === 1) this.beginRecord()
    this.gather.add(this.record, offset + this.headersSize, this.payload, 0)
    const bits = tcp.controlBits(this.view, this.transport)
    this.count++
    this.bytesOfPayload += this.payload
    this.nextSequence = (this.nextSequence + this.payload) | 0
    this.isClosed = (bits & (PSH | FIN)) !== 0 || this.payload < this.segmentSize
    this.lastBits = bits
  }

  /** Writes the super-frame's headers, which say how it is cut up. The run must have two segments or more; then there is none. */
  finish(): void {
    const { view, bytes, gathers, record, firstHeaders } = this
    const at = gathers[record + GATHER_HEADER_WORDS]! + VIRTIO_NET_HEADER_SIZE
    const header = at - VIRTIO_NET_HEADER_SIZE
    bytes.copyWithin(at, this.offset, this.offset + firstHeaders)
    const network = at + ETHERNET_HEADER_SIZE
    const transport = at + this.firstTransport - this.offset
    const segment = firstHeaders - (this.firstTransport - this.offset) + this.bytesOfPayload
    const first = tcp.controlBits(view, transport)
    tcp.setControlBits(view, transport, first | (this.lastBits & (PSH | FIN)))
    let pseudoHeader: number
    let type: number
    if (this.firstVersion6) {
      type = virtioNet.GSO_TCPV6
      ipv6.setPayloadLength(view, network, segment)
      pseudoHeader = checksum.pseudoHeaderIpv6(view, network, TCP, segment)
    } else {
      type = virtioNet.GSO_TCPV4
      ipv4.setTotalLength(view, network, IPV4_HEADER_SIZE + segment)
      ipv4.fillChecksum(view, network)
      pseudoHeader = checksum.pseudoHeaderIpv4(view, network, TCP, segment)
    }
    tcp.setChecksum(view, transport, pseudoHeader)
    virtioNet.clear(view, header)
    virtioNet.setFlags(view, header, virtioNet.FLAG_NEEDS_CSUM | FLAG_GATHER)
    virtioNet.setGsoType(view, header, (first & CWR) === 0 ? type : type | virtioNet.GSO_ECN)
    virtioNet.setHeaderLength(view, header, firstHeaders)
    virtioNet.setGsoSize(view, header, this.segmentSize)
    virtioNet.setChecksumStart(view, header, transport - at)
    virtioNet.setChecksumOffset(view, header, tcp.CHECKSUM_OFFSET)
    view.setInt32(at + GATHER_WORD, record / GATHER_ALIGN, true)
    this.superOffset = at
    this.superLength = firstHeaders + this.bytesOfPayload
    this.count = 0
  }

  /** Whether the segment that was read continues the run as the Segmenter would have cut it. */
  private follows(offset: number): boolean {
    const { view, network, transport, firstNetwork, firstTransport, segmentSize, payload } = this
    if (this.isVersion6 !== this.firstVersion6 || this.headersSize !== this.firstHeaders) return false
    if (payload > segmentSize || view.getInt32(transport + 4) !== this.nextSequence) return false
    if (this.firstHeaders - ETHERNET_HEADER_SIZE + this.bytesOfPayload + payload > PACKET_MAX) return false
    // Both stations' addresses, and the ports.
    if (
      view.getInt32(offset) !== view.getInt32(this.offset) ||
      view.getInt32(offset + 4) !== view.getInt32(this.offset + 4) ||
      view.getInt32(offset + 8) !== view.getInt32(this.offset + 8) ||
      view.getInt32(transport) !== view.getInt32(firstTransport)
    ) {
      return false
    }
    return (
      (this.isVersion6 ? this.followsIpv6(network, firstNetwork) : this.followsIpv4(network, firstNetwork)) &&
      this.followsTcp(transport, firstTransport)
    )
  }

  private followsIpv4(network: number, first: number): boolean {
    const { view } = this
    return (
      view.getUint8(network + 1) === view.getUint8(first + 1) &&
      view.getUint16(network + 4) === ((view.getUint16(first + 4) + this.count) & 0xffff) &&
      view.getUint16(network + 6) === view.getUint16(first + 6) &&
      view.getUint16(network + 8) === view.getUint16(first + 8) &&
      view.getInt32(network + 12) === view.getInt32(first + 12) &&
      view.getInt32(network + 16) === view.getInt32(first + 16)
    )
  }

  private followsIpv6(network: number, first: number): boolean {
    const { view } = this
    if (view.getInt32(network) !== view.getInt32(first)) return false
    if (view.getUint16(network + 6) !== view.getUint16(first + 6)) return false
    for (let at = 8; at < IPV6_HEADER_SIZE; at += 4) {
      if (view.getInt32(network + at) !== view.getInt32(first + at)) return false
    }
    return true
  }

  /** Acknowledgment, flags, window, urgent pointer and options. */
  private followsTcp(transport: number, first: number): boolean {
    const { view } = this
    if (view.getInt32(transport + 8) !== view.getInt32(first + 8)) return false
    const word = view.getInt32(transport + 12)
    // Data offset, reserved bits, control bits, window: but for those that may be in the last or in the first alone.
    const may = (PSH | FIN) << 16
    if ((word & ~may) !== (view.getInt32(first + 12) & ~((CWR | PSH | FIN) << 16))) return false
    if (view.getUint16(transport + 18) !== view.getUint16(first + 18)) return false
    const end = this.headersSize - (transport - (this.network - ETHERNET_HEADER_SIZE))
    for (let at = TCP_HEADER_SIZE; at < end; at += 4) {
      if (view.getInt32(transport + at) !== view.getInt32(first + at)) return false
    }
    return true
  }

  /** Whether IPv4's checksum and TCP's are right: from the sum of the datagram less that of what is in front of TCP, or from its own bytes. */
  private isRight(
    offset: number,
    length: number,
    network: number,
    transport: number,
    datagramSum: number,
    isVersion6: boolean,
  ): boolean {
    const { view } = this
    if (!isVersion6 && !ipv4.checksumValid(view, network)) return false
    const size = offset + length - transport
    const pseudoHeader = isVersion6
      ? checksum.pseudoHeaderIpv6(view, network, TCP, size)
      : checksum.pseudoHeaderIpv4(view, network, TCP, size)
    if (datagramSum === NO_SUM) return sum(view, transport, size, pseudoHeader) === ZERO
    const before = sum(view, offset - VXLAN_HEADER_SIZE, transport - offset + VXLAN_HEADER_SIZE)
    return fold(datagramSum + (~before & 0xffff) + pseudoHeader) === ZERO
  }

  /** What the sums of all segments have in them that are like the first. */
  private addUpFirst(): void {
    const { view, firstNetwork, offset } = this
    const before = sum(view, offset - VXLAN_HEADER_SIZE, VXLAN_HEADER_SIZE + ETHERNET_HEADER_SIZE)
    if (this.firstVersion6) {
      // The pseudo-header has the addresses and the length that IP's header has, too: what is left of both is this.
      const rest = sum(view, firstNetwork, 4) + view.getUint16(firstNetwork + 6)
      this.restSum = fold((~before & 0xffff) + (~fold(rest) & 0xffff) + TCP)
      return
    }
    const addresses = sum(view, firstNetwork + 12, 8)
    const others = view.getUint16(firstNetwork) + sum(view, firstNetwork + 6, 4)
    this.networkSum = fold(addresses + others)
    this.restSum = fold((~before & 0xffff) + addresses + TCP)
  }

  /** The same as `isRight`, of a segment that is like the first, in a few additions: the sum of a right header of IPv4 is zero. */
  private isRightAsFirst(length: number, datagramSum: number): boolean {
    const { view, network } = this
    if (this.firstVersion6) return fold(datagramSum + this.restSum) === ZERO
    const header =
      this.networkSum +
      view.getUint16(network + 2) +
      view.getUint16(network + 4) +
      view.getUint16(network + 10)
    const size = length - ETHERNET_HEADER_SIZE - IPV4_HEADER_SIZE
    return fold(header) === ZERO && fold(datagramSum + this.restSum + size) === ZERO
  }

  private beginRecord(): void {
    const { egress, firstHeaders } = this
    const at = ((egress.free + 7) & ~7) + FRAME_IN_SLOT
    egress.take(at + firstHeaders)
    this.record = this.gather.begin(0)
    this.gather.add(this.record, at - VIRTIO_NET_HEADER_SIZE, VIRTIO_NET_HEADER_SIZE + firstHeaders, 0)
    this.gather.add(this.record, this.offset + firstHeaders, this.segmentSize, 0)
  }
}
