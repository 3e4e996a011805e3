/**
 * The way into a tunnel: frames to peers become VXLAN in UDP (RFC 7348). What stands outside of the VXLAN header is the kernel's, or the I/O
 * backend's, from the send word on.
 *
 *     alone      | virtio-net 10 | frame                       a frame in a slot that goes to one peer: the headers take the
 *            | send 4 | VXLAN 8  | frame                       place of the virtio-net header, nothing is moved
 *
 *     super      | virtio-net 10 | headers | payload 0 | payload 1 | ...
 *            | send 4 | VXLAN 8 | headers 0 |  | VXLAN 8 | headers 1 |  ...         in the arena; a gather record says
 *            VXLAN, headers 0, payload 0, VXLAN, headers 1, payload 1, ...          what follows what
 *
 *     shared     a copy in the arena, which all peers get that the frame is flooded to
 *
 * While somebody looks on, all frames go as shared ones: what is told of is then the frame as it was.
 */

import * as arp from '../../wire/arp.ts'
import * as ethernet from '../../wire/ethernet.ts'
import * as ipv4 from '../../wire/ipv4.ts'
import * as ipv6 from '../../wire/ipv6.ts'
import * as tcp from '../../wire/tcp.ts'
import * as udp from '../../wire/udp.ts'
import * as virtioNet from '../../wire/virtio-net.ts'
import * as vxlan from '../../wire/vxlan.ts'
import type { Trail } from '../capture/trail.ts'
import type { Counters } from '../counters.ts'
import { DropReason } from '../drop-reason.ts'
import { type Egress, NO_ROOM, type TunnelEgress } from '../egress.ts'
import { Fragmenter } from '../fragmenter.ts'
import type { FrameMemory } from '../frame-memory.ts'
import * as frameMemory from '../frame-memory.ts'
import { type InterfaceTable, NO_INTERFACE } from '../interface-table.ts'
import { completeChecksum, Segmenter } from '../offload.ts'
import type { PortTable } from '../port-table.ts'
import { clampMssOf, isPartial } from '../rewrite.ts'
import { GatherWriter } from './gather-writer.ts'
import { InnerFlow, NO_NETWORK } from './inner-flow.ts'
import type { PathMtu } from './path-mtu.ts'
import { SegmentHeaders } from './segment-headers.ts'
import { segmentsPerSend } from './super-frame-size.ts'
import type { TunnelTables } from './tunnel-tables.ts'
import * as tunnelTables from './tunnel-tables.ts'

// Constants of this module, whose values V8 compiles in; an imported one it would load and check at each use.
const {
  FRAME_IN_SLOT,
  GATHER_ALIGN,
  SEND_RECORD_SHIFT,
  SEND_TOS_SHIFT,
  SEND_WORD,
  SLOT_SIZE,
  VIRTIO_NET_HEADER_SIZE,
} = frameMemory
const { INHERITED } = tunnelTables
const {
  checksumOffset,
  checksumStart,
  FLAG_NEEDS_CSUM,
  flags,
  GSO_NONE,
  GSO_UDP_L4,
  gsoSize,
  gsoType,
  offloads,
} = virtioNet
const { etherType, setSource, sourceHigh, sourceLow, TYPE_ARP } = ethernet
const ETHERNET_HEADER_SIZE = ethernet.HEADER_SIZE
const VXLAN_HEADER_SIZE = vxlan.HEADER_SIZE
const VXLAN_FLAGS = vxlan.FLAG_VALID << 24
const IPV4_TCP_HEADERS = ipv4.MIN_HEADER_SIZE + tcp.MIN_HEADER_SIZE
const IPV6_TCP_HEADERS = ipv6.HEADER_SIZE + tcp.MIN_HEADER_SIZE
const UDP_CHECKSUM = udp.CHECKSUM_OFFSET
const ECN_MASK = 3
const NONE = -1
const segmentsPerMessage = segmentsPerSend

/** What a frame needs in front of it: the VXLAN header and the send word, to a multiple of 8. */
const ROOM = 16

/** From so many bytes on a checksum is left to the I/O backend: below, the record costs more. */
const GATHER_CHECKSUM_MIN = 512

export interface EncapsulationParts {
  readonly memory: FrameMemory
  readonly ports: PortTable
  readonly tables: TunnelTables
  readonly interfaces: InterfaceTable
  readonly egress: Egress
  readonly counters: Counters
  readonly pathMtu: PathMtu
  readonly seed: number
}

/** How a frame goes into a tunnel. */
export interface TunnelledShape {
  /** From 0. */
  readonly source: number
  /** Undefined where it stays whole. */
  readonly pieces: 'segments' | 'fragments' | undefined
}

export class Encapsulation implements TunnelEgress {
  private readonly view: DataView
  private readonly bytes: Uint8Array
  private readonly gather: GatherWriter
  private readonly slotsStart: number
  private readonly slotsEnd: number
  private readonly domains: Int32Array
  private readonly tables: TunnelTables
  private readonly interfaces: InterfaceTable
  private readonly egress: Egress
  private readonly counters: Counters
  private readonly trail: Trail
  private readonly pathMtu: PathMtu
  private readonly segmenter: Segmenter
  private readonly headers: SegmentHeaders
  private readonly fragmenter: Fragmenter
  private readonly flow: InnerFlow
  /** The frame is the router's, and gets another source. */
  private isRouters = false
  /** What the outer header, the source socket and the VXLAN header are to be. */
  private sendWord = 0
  private vniWord = 0
  /** The frame whose copies stand in the arena, for which domain, and where: the first, and bytes from one to the next. */
  private copied = NONE
  private copiedDomain = NONE
  private copyCount = 0
  private firstCopy = 0
  private copyStride = 0
  /** The frames that they are copies of, likewise; and the length of each, and of the last. */
  private firstFrame = 0
  private frameStride = 0
  private frameLength = 0
  private lastLength = 0

  constructor(parts: EncapsulationParts) {
    const { layout } = parts.memory
    this.view = parts.memory.view
    this.bytes = parts.memory.bytes
    this.gather = new GatherWriter(parts.memory, parts.egress)
    this.slotsStart = layout.slots
    this.slotsEnd = layout.slots + layout.slotCount * SLOT_SIZE
    this.domains = parts.ports.domain
    this.tables = parts.tables
    this.interfaces = parts.interfaces
    this.egress = parts.egress
    this.counters = parts.counters
    this.trail = parts.counters.trail
    this.pathMtu = parts.pathMtu
    this.segmenter = new Segmenter(parts.memory)
    this.headers = new SegmentHeaders(parts.memory, ROOM)
    this.fragmenter = new Fragmenter(parts.memory)
    this.flow = new InnerFlow(parts.tables, parts.seed)
  }

  forget(): void {
    this.copied = NONE
  }

  isRecursive(offset: number, length: number): boolean {
    if (this.tables.count === 0) return false
    this.flow.read(this.view, offset, length)
    return this.flow.isRecursive
  }

  send(port: number, offset: number, length: number, isShared: boolean): void {
    const { view } = this
    const domain = this.domains[port]!
    const reason = this.judge(domain, offset, length)
    if (reason !== DropReason.none) {
      this.counters.dropped(port, reason as DropReason)
      return
    }
    if (
      offloads(view, offset - VIRTIO_NET_HEADER_SIZE) === 0 &&
      !isShared &&
      !this.isRouters &&
      this.flow.syn === 0 &&
      length - ETHERNET_HEADER_SIZE <= this.tables.mtu[port]! &&
      this.trail.watcher === undefined &&
      this.hasRoom(offset)
    ) {
      this.setHeaders(domain)
      this.sendInPlace(port, offset, length)
      return
    }
    const isSuper = gsoType(view, offset - VIRTIO_NET_HEADER_SIZE) !== GSO_NONE
    // A SYN carries no segments.
    if (isSuper) this.flow.syn = 0
    if (this.longest(offset, length, isSuper) > this.tables.mtu[port]!) {
      this.sendLong(port, offset, length, domain, isSuper)
      return
    }
    this.setHeaders(domain)
    if (isShared || this.trail.watcher !== undefined) this.sendShared(port, offset, length, domain, isSuper)
    else if (isSuper) this.sendSuper(port, offset, length, domain)
    else this.sendAlone(port, offset, length, domain)
  }

  /** What `send` would decide of the frame: 0, or the DropReason. Sends nothing. */
  decide(port: number, offset: number, length: number): number {
    const reason = this.judge(this.domains[port]!, offset, length)
    if (reason !== DropReason.none) return reason
    const isSuper = gsoType(this.view, offset - VIRTIO_NET_HEADER_SIZE) !== GSO_NONE
    const isLong = this.longest(offset, length, isSuper) > this.tables.mtu[port]!
    return isLong && !this.isCut(offset, length, isSuper) ? DropReason.fragmentationNeeded : DropReason.none
  }

  /** Of the frame that `decide` has found nothing against: the socket that it is sent from, of as many as the tunnel has, and in what it goes. */
  shape(port: number, offset: number, length: number): TunnelledShape {
    const isSuper = gsoType(this.view, offset - VIRTIO_NET_HEADER_SIZE) !== GSO_NONE
    const isLong = this.longest(offset, length, isSuper) > this.tables.mtu[port]!
    const source = this.sourceOf(this.tables.tunnel[this.domains[port]!]!)
    return { source, pieces: isSuper ? 'segments' : isLong ? 'fragments' : undefined }
  }

  /** Bytes behind the Ethernet header, of a super-frame those of its longest segment. */
  private longest(offset: number, length: number, isSuper: boolean): number {
    if (!isSuper) return length - ETHERNET_HEADER_SIZE
    const segment = this.superHeaders(offset) + gsoSize(this.view, offset - VIRTIO_NET_HEADER_SIZE)
    return Math.min(length, segment) - ETHERNET_HEADER_SIZE
  }

  /** Whether a frame that is too long may go in fragments. */
  private isCut(offset: number, length: number, isSuper: boolean): boolean {
    const { view } = this
    const { network, version } = this.flow
    return (
      !isSuper &&
      network !== NO_NETWORK &&
      version === 4 &&
      ipv4.check(view, network, offset + length) &&
      !ipv4.dontFragment(view, network)
    )
  }

  /** 0, or the DropReason. Notes of the frame what the others need to know. */
  private judge(domain: number, offset: number, length: number): number {
    const { view, flow, interfaces, tables } = this
    flow.read(view, offset, length)
    if (flow.isRecursive) return DropReason.tunnelRecursion
    this.isRouters =
      interfaces.kind[domain] !== NO_INTERFACE &&
      sourceLow(view, offset) === interfaces.macLow[domain] &&
      sourceHigh(view, offset) === interfaces.macHigh[domain]
    return this.isRouters && tables.hasRouter[domain] === 0 ? DropReason.routerNotTunnelled : DropReason.none
  }

  private superHeaders(offset: number): number {
    const { view } = this
    const header = offset - VIRTIO_NET_HEADER_SIZE
    const start = checksumStart(view, header)
    return start + (gsoType(view, header) === GSO_UDP_L4 ? 8 : tcp.headerSize(view, offset + start))
  }

  private setHeaders(domain: number): void {
    const { flow, tables } = this
    const tunnel = tables.tunnel[domain]!
    const dscp = tables.dscp[tunnel]!
    // RFC 6040, 4.1, normal mode: the inner ECN is the outer one.
    const tos = dscp === INHERITED ? flow.typeOfService : (dscp << 2) | (flow.typeOfService & ECN_MASK)
    this.sendWord = this.sourceOf(tunnel) | (tos << SEND_TOS_SHIFT)
    this.vniWord = tables.networkIdentifier[domain]! << 8
  }

  /** One for all packets of a flow, so that the underlay keeps them in order (RFC 7348, 5). */
  private sourceOf(tunnel: number): number {
    return ((this.flow.hash >>> 16) * this.tables.sources[tunnel]!) >>> 16
  }

  /** The VXLAN header of the frame at `offset`; returns where it is. */
  private encapsulate(offset: number): number {
    const at = offset - VXLAN_HEADER_SIZE
    this.view.setInt32(at, VXLAN_FLAGS)
    this.view.setInt32(at + 4, this.vniWord)
    return at
  }

  /** Most frames: nothing is to be done to them, and they go to nobody else. */
  private sendInPlace(port: number, offset: number, length: number): void {
    const first = this.encapsulate(offset)
    this.view.setInt32(first + SEND_WORD, this.sendWord, true)
    this.egress.appendTunnelled(port, first, length + VXLAN_HEADER_SIZE, offset, length)
  }

  private sendAlone(port: number, offset: number, length: number, domain: number): void {
    const { view } = this
    const header = offset - VIRTIO_NET_HEADER_SIZE
    const needsChecksum = (flags(view, header) & FLAG_NEEDS_CSUM) !== 0
    const start = checksumStart(view, header)
    const isLeft = needsChecksum && length - start >= GATHER_CHECKSUM_MIN
    const fieldOffset = start + checksumOffset(view, header)
    const isUdp = checksumOffset(view, header) === UDP_CHECKSUM
    if (needsChecksum && !isLeft) completeChecksum(view, offset, length)
    let at = offset
    if (!this.hasRoom(offset)) {
      at = this.copy(offset, length)
      if (at === NO_ROOM) {
        this.counters.dropped(port, DropReason.transmitListFull)
        return
      }
    }
    this.adapt(at, offset, length, domain, this.tables.mtu[port]!)
    const first = this.encapsulate(at)
    const size = length + VXLAN_HEADER_SIZE
    let record = 0
    if (isLeft) {
      record = this.gather.begin(0)
      this.gather.add(record, first, start + VXLAN_HEADER_SIZE, 0)
      this.gather.add(record, at + start, length - start, isUdp ? ~(at + fieldOffset) : at + fieldOffset)
    }
    this.putSendWord(first, isLeft ? record : NONE)
    this.egress.appendTunnelled(port, first, size, at, length)
  }

  /** Whether VXLAN header and send word fit in front of the frame without writing over anything else. */
  private hasRoom(offset: number): boolean {
    return offset < this.slotsEnd && (offset - this.slotsStart) % SLOT_SIZE === FRAME_IN_SLOT
  }

  /** A copy of the frame in the arena, with its virtio-net header and room in front; or NO_ROOM. */
  private copy(offset: number, length: number): number {
    const { egress } = this
    const at = ((egress.free + 7) & ~7) + ROOM
    if (at + length > egress.end) return NO_ROOM
    this.bytes.copyWithin(at - VIRTIO_NET_HEADER_SIZE, offset - VIRTIO_NET_HEADER_SIZE, offset + length)
    egress.take(at + length)
    return at
  }

  /** Changes what is other in the tunnel: the router's address, and what a SYN says of the MTU. `original`: where the frame was read. */
  private adapt(at: number, original: number, length: number, domain: number, mtu: number): void {
    if (this.isRouters) this.disguise(at, length, domain)
    const { syn, version } = this.flow
    if (syn === 0) return
    const mss = mtu - (version === 4 ? IPV4_TCP_HEADERS : IPV6_TCP_HEADERS)
    const transport = at + syn - original
    clampMssOf(this.view, transport, at + length, mss, isPartial(this.view, at, transport))
  }

  /**
   * The router's frames leave with its address in the tunnel. What it asks by ARP it asks as somebody without an address (RFC 5227, 1.1: a
   * probe): other hosts' gateways have the same one, and would take the question for a theft of it.
   */
  private disguise(at: number, length: number, domain: number): void {
    const { view, tables, interfaces } = this
    const high = tables.routerHigh[domain]!
    const low = tables.routerLow[domain]!
    setSource(view, at, high, low)
    const packet = at + ETHERNET_HEADER_SIZE
    if (etherType(view, at) !== TYPE_ARP || !arp.check(view, packet, at + length)) return
    const isOwn = arp.senderProtocol(view, packet) === interfaces.address[domain]
    const isQuestion = arp.operation(view, packet) === arp.OPERATION_REQUEST
    arp.setSender(view, packet, high, low, isOwn && isQuestion ? 0 : arp.senderProtocol(view, packet))
  }

  private sendSuper(port: number, offset: number, length: number, domain: number): void {
    const { headers, egress, gather } = this
    if (!headers.begin(offset, length, egress.free, egress.end)) {
      this.counters.dropped(port, DropReason.segmentLimit)
      return
    }
    egress.take(headers.arenaNext)
    const { count, firstOffset, stride, headersSize } = headers
    if (this.isRouters) this.disguise(firstOffset, headersSize, domain)
    this.encapsulate(firstOffset)
    headers.finish(VXLAN_HEADER_SIZE)
    const datagram = VXLAN_HEADER_SIZE + headersSize + headers.payloadSize
    const perSend = segmentsPerMessage(datagram)
    this.counters.segmented(port, Math.ceil(count / perSend))
    for (let from = 0; from < count; from += perSend) {
      const to = Math.min(from + perSend, count)
      const first = firstOffset + from * stride - VXLAN_HEADER_SIZE
      const record = gather.begin(to - from > 1 ? datagram : 0)
      const bytes = gather.addSegments(record, headers, from, to, VXLAN_HEADER_SIZE, offset)
      this.putSendWord(first, record)
      egress.appendTunnelled(port, first, bytes, offset, bytes - (to - from) * VXLAN_HEADER_SIZE)
    }
  }

  /** `record`: where the gather record is, or NONE. */
  private putSendWord(first: number, record: number): void {
    const place = record === NONE ? 0 : record / GATHER_ALIGN + 1
    this.view.setInt32(first + SEND_WORD, this.sendWord | (place << SEND_RECORD_SHIFT), true)
  }

  private sendShared(port: number, offset: number, length: number, domain: number, isSuper: boolean): void {
    // A SYN says another MTU to each.
    const isKnown = this.copied === offset && this.copiedDomain === domain && this.flow.syn === 0
    if (!isKnown && !this.copyAll(port, offset, length, domain, isSuper)) return
    const { copyCount } = this
    if (copyCount > 1) this.counters.segmented(port, copyCount)
    for (let i = 0; i < copyCount; i++) {
      const at = this.firstCopy + i * this.copyStride
      const size = i === copyCount - 1 ? this.lastLength : this.frameLength
      this.egress.appendTunnelled(
        port,
        at - VXLAN_HEADER_SIZE,
        size + VXLAN_HEADER_SIZE,
        this.firstFrame + i * this.frameStride,
        size,
      )
    }
  }

  /** Copies of the frame, or of the segments that it is cut into, as they go into the tunnel. False where there is no room for them. */
  private copyAll(port: number, offset: number, length: number, domain: number, isSuper: boolean): boolean {
    const { view, segmenter, egress } = this
    const before = egress.free
    this.copied = NONE
    this.copyCount = 1
    this.firstFrame = offset
    this.frameStride = 0
    this.frameLength = length
    this.lastLength = length
    if (isSuper) {
      if (segmenter.segment(offset, length, before, egress.end) !== DropReason.none) {
        this.counters.dropped(port, DropReason.segmentLimit)
        return false
      }
      egress.take(segmenter.arenaNext)
      this.copyCount = segmenter.count
      this.firstFrame = segmenter.firstOffset
      this.frameStride = segmenter.stride
      this.frameLength = segmenter.segmentLength
      this.lastLength = segmenter.lastLength
    } else if ((flags(view, offset - VIRTIO_NET_HEADER_SIZE) & FLAG_NEEDS_CSUM) !== 0) {
      completeChecksum(view, offset, length)
    }
    if (!this.copyFrames(port, domain)) {
      egress.take(before)
      this.counters.dropped(port, DropReason.segmentLimit)
      return false
    }
    this.copied = offset
    this.copiedDomain = domain
    return true
  }

  private copyFrames(port: number, domain: number): boolean {
    const { egress, copyCount, firstFrame, frameStride } = this
    const from = (egress.free + 7) & ~7
    const stride = (ROOM + this.frameLength + 7) & ~7
    if (from + copyCount * stride > egress.end) return false
    egress.take(from + copyCount * stride)
    this.firstCopy = from + ROOM
    this.copyStride = stride
    for (let i = 0; i < copyCount; i++) {
      const size = i === copyCount - 1 ? this.lastLength : this.frameLength
      const frame = firstFrame + i * frameStride
      const at = this.firstCopy + i * stride
      this.bytes.copyWithin(at - VIRTIO_NET_HEADER_SIZE, frame - VIRTIO_NET_HEADER_SIZE, frame + size)
      this.adapt(at, frame, size, domain, this.tables.mtu[port]!)
      this.putSendWord(this.encapsulate(at), NONE)
    }
    return true
  }

  /** A frame that the way to the peer does not take. */
  private sendLong(port: number, offset: number, length: number, domain: number, isSuper: boolean): void {
    const { network, version } = this.flow
    const mtu = this.tables.mtu[port]! - (network - offset - ETHERNET_HEADER_SIZE)
    if (this.isCut(offset, length, isSuper)) this.sendFragments(port, offset, length, domain, mtu)
    else {
      if (network !== NO_NETWORK && !this.isRouters) {
        this.pathMtu.tell(offset, length, network, version, domain, mtu)
      }
      this.counters.dropped(port, DropReason.fragmentationNeeded)
    }
  }

  private sendFragments(port: number, offset: number, length: number, domain: number, mtu: number): void {
    const { fragmenter, egress } = this
    if (!fragmenter.fragment(offset, length, this.flow.network, mtu, egress.free, egress.end)) {
      this.counters.dropped(port, DropReason.segmentLimit)
      return
    }
    egress.take(fragmenter.arenaNext)
    const { count, firstOffset, stride } = fragmenter
    this.counters.segmented(port, count)
    // All of them by the same source, as later hosts' fragments are.
    this.setHeaders(domain)
    for (let i = 0; i < count; i++) {
      const frame = firstOffset + i * stride
      const size = fragmenter.lengthOf(i)
      const at = this.copy(frame, size)
      if (at === NO_ROOM) {
        this.counters.dropped(port, DropReason.transmitListFull)
        continue
      }
      if (this.isRouters) this.disguise(at, size, domain)
      const first = this.encapsulate(at)
      this.putSendWord(first, NONE)
      egress.appendTunnelled(port, first, size + VXLAN_HEADER_SIZE, frame, size)
    }
  }
}
