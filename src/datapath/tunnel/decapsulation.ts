/**
 * The way out of a tunnel: a burst's datagrams become the frames that are in them, as though these had just come by the ports of their peers.
 *
 *     (super-)datagram of a tunnel's port ─► VXLAN header ─► domain ─► peer ─► inner frame ─► the burst
 *            │                                  │               │         │        └─ segments of one connection ─► super-frame
 *            └──────────────────────────────────┴───────────────┴─────────┴─► drop
 *
 * One slot may have 128 datagrams, and the burst has room for BURST_MAX frames: what is left waits, in its slot, for the next round of the
 * same turn.
 *
 * Each frame has its virtio-net header in the ten bytes before, of which the VXLAN header is eight, and two are the end of the datagram
 * before. So of datagrams in one slot every other frame is copied to the arena, and the one behind it may stay where it is:
 *
 *     | VXLAN | frame 0 | VXLAN | frame 1 | VXLAN | frame 2 |        frames 0 and 2 stay, 1 is copied
 *                     ^^^^^^^^^^^ virtio-net header of frame 1
 */

import { BURST_MAX, PORTS_MAX } from '../../limits.ts'
import type { MacTable } from '../../tables/mac-table.ts'
import * as arp from '../../wire/arp.ts'
import * as ethernet from '../../wire/ethernet.ts'
import * as virtioNet from '../../wire/virtio-net.ts'
import * as vxlan from '../../wire/vxlan.ts'
import { type Bridge, FLOOD } from '../bridge.ts'
import type { Trail } from '../capture/trail.ts'
import type { Counters } from '../counters.ts'
import { DropReason } from '../drop-reason.ts'
import type { Egress } from '../egress.ts'
import type { FrameMemory } from '../frame-memory.ts'
import * as frameMemory from '../frame-memory.ts'
import type { Guard } from '../guard.ts'
import { LinkDirection } from '../impairment/impairment-settings.ts'
import type { Impairments } from '../impairment/impairments.ts'
import { type InterfaceTable, NO_INTERFACE } from '../interface-table.ts'
import type { PortTable } from '../port-table.ts'
import * as portTable from '../port-table.ts'
import { carryCongestion, ECN_DROPPED } from './congestion.ts'
import { NO_SUM, SegmentMerger } from './segment-merger.ts'
import type { Strangers } from './strangers.ts'
import { clampSyn } from './syn-clamp.ts'
import type { TunnelTables } from './tunnel-tables.ts'
import { noteUnfinished, saidLength } from './unfinished.ts'

// Constants of this module, whose values V8 compiles in; an imported one it would load and check at each use.
const {
  DESCRIPTOR_SHIFT,
  DESCRIPTOR_WORDS,
  FACT_SEGMENT_SIZE,
  FACT_SOURCE_ADDRESS,
  FACT_SUMS,
  FACT_TOS,
  LENGTH,
  OFFSET,
  PORT,
  REASON,
  VIRTIO_NET_HEADER_SIZE,
} = frameMemory
const { FROM_PEER } = portTable
const { etherType, sourceHigh, sourceLow, targetHigh, targetLow, TYPE_ARP } = ethernet
const ETHERNET_HEADER_SIZE = ethernet.HEADER_SIZE
const VXLAN_HEADER_SIZE = vxlan.HEADER_SIZE
const FLAG_VALID = vxlan.FLAG_VALID
const ECN_MASK = 3
const NO_ECN = 0
const ECN_CARRIED = 1
const TO_ALL = FLOOD
const inFrameLength = saidLength
const noteUnfinishedWork = noteUnfinished
const clampTheSyn = clampSyn
const NONE = -1
const US_PER_S = 1_000_000

/** Of the arena, what frames of one round may take: the rest is for what the path makes of them. */
const ARRIVALS_SIZE = 1024 * 1024

export interface DecapsulationParts {
  readonly memory: FrameMemory
  readonly ports: PortTable
  readonly tables: TunnelTables
  readonly strangers: Strangers
  readonly stations: MacTable
  readonly bridge: Bridge
  readonly guard: Guard
  readonly interfaces: InterfaceTable
  readonly egress: Egress
  readonly counters: Counters
  readonly impairment: Impairments
}

export class Decapsulation {
  private readonly view: DataView
  private readonly bytes: Uint8Array
  private readonly received: Int32Array
  private readonly ports: PortTable
  private readonly tables: TunnelTables
  private readonly strangers: Strangers
  private readonly stations: MacTable
  private readonly bridge: Bridge
  private readonly guard: Guard
  private readonly interfaces: InterfaceTable
  private readonly egress: Egress
  private readonly counters: Counters
  private readonly trail: Trail
  private readonly impairment: Impairments
  private readonly merger: SegmentMerger
  private readonly arenaLimit: number
  /** Descriptors of the burst's datagrams: how many, and which is the next. */
  private readonly taken = new Int32Array(BURST_MAX * DESCRIPTOR_WORDS)
  private takenCount = 0
  private next = 0
  // Of the descriptor that is being taken apart: the tunnel, the place of the next datagram, the end, and the bytes of each.
  private tunnel = 0
  private at = 0
  private end = 0
  private size = 0
  private tos = 0
  /** Of an inner super-frame, where that is known: what its segments carry. */
  private innerSize = 0
  /** Where the sum of the next datagram is; 0: nowhere. */
  private sums = 0
  private a = 0
  private b = 0
  private c = 0
  private d = 0
  /** The network identifier of the datagram before, and what domain and peer that stood for: of the same burst and source. */
  private vniWord = NONE
  private domain = NONE
  private peer = NONE
  /** The frame before, in the same slot, is still to be read to its end. */
  private isTailInUse = false
  private nowS = 0
  /** Frames of the burst. */
  private count = 0
  /** The domain and the peer of the merger's run, and whether the frame in front of its first one is in use. */
  private runPeer = NONE
  private isRunTailInUse = false

  constructor(parts: DecapsulationParts) {
    this.view = parts.memory.view
    this.bytes = parts.memory.bytes
    this.received = parts.memory.received
    this.ports = parts.ports
    this.tables = parts.tables
    this.strangers = parts.strangers
    this.stations = parts.stations
    this.bridge = parts.bridge
    this.guard = parts.guard
    this.interfaces = parts.interfaces
    this.egress = parts.egress
    this.counters = parts.counters
    this.trail = parts.counters.trail
    this.impairment = parts.impairment
    this.merger = new SegmentMerger(parts.memory, parts.egress)
    this.arenaLimit = parts.egress.arenaStart + ARRIVALS_SIZE
  }

  /** Datagrams wait that the burst had no room for. */
  get hasArrivals(): boolean {
    return this.next < this.takenCount
  }

  /** Takes the datagrams out of a burst of `count` frames, and puts behind the others what is in them. Returns how many frames the burst has then. */
  arrive(count: number, nowUs: number): number {
    this.nowS = Math.floor(nowUs / US_PER_S)
    this.count = count
    if (count > 0) this.takeOut(count)
    while (this.next < this.takenCount) {
      if (!this.takeApart()) break
      this.next++
      if (this.next < this.takenCount) this.open(this.next << DESCRIPTOR_SHIFT)
    }
    this.flush()
    return this.count
  }

  /** Moves the descriptors of datagrams to `taken`. What was left of an earlier burst has gone with its slots. */
  private takeOut(count: number): void {
    const { received, taken } = this
    const { isTunnel } = this.tables
    let kept = 0
    let at = 0
    for (let i = 0; i < count; i++) {
      const descriptor = i << DESCRIPTOR_SHIFT
      const isTaken = isTunnel[received[descriptor + PORT]!] === 1
      const words = isTaken ? taken : received
      const to = (isTaken ? at++ : kept++) << DESCRIPTOR_SHIFT
      words[to + PORT] = received[descriptor + PORT]!
      words[to + OFFSET] = received[descriptor + OFFSET]!
      words[to + LENGTH] = received[descriptor + LENGTH]!
      words[to + REASON] = received[descriptor + REASON]!
    }
    this.count = kept
    this.takenCount = at
    this.next = 0
    // Peers may be others than in the burst before.
    this.vniWord = NONE
    if (at > 0) this.open(0)
  }

  private open(descriptor: number): void {
    const { taken, view } = this
    const offset = taken[descriptor + OFFSET]!
    const length = taken[descriptor + LENGTH]!
    const facts = taken[descriptor + REASON]!
    const segmentSize = view.getInt32(facts + FACT_SEGMENT_SIZE, true)
    const tunnel = taken[descriptor + PORT]!
    this.at = offset
    this.end = offset + length
    const isWhole =
      segmentSize > 0 && this.isWhole(offset + VXLAN_HEADER_SIZE, segmentSize - VXLAN_HEADER_SIZE)
    this.size = segmentSize > 0 && !isWhole ? segmentSize : Math.max(length, 1)
    this.innerSize = isWhole ? segmentSize : 0
    this.tos = view.getInt32(facts + FACT_TOS, true)
    this.sums = segmentSize > 0 && !isWhole ? view.getInt32(facts + FACT_SUMS, true) : 0
    this.isTailInUse = false
    const a = view.getInt32(facts + FACT_SOURCE_ADDRESS)
    const b = view.getInt32(facts + FACT_SOURCE_ADDRESS + 4)
    const c = view.getInt32(facts + FACT_SOURCE_ADDRESS + 8)
    const d = view.getInt32(facts + FACT_SOURCE_ADDRESS + 12)
    if (d === this.d && a === this.a && b === this.b && c === this.c && tunnel === this.tunnel) return
    this.tunnel = tunnel
    this.a = a
    this.b = b
    this.c = c
    this.d = d
    this.vniWord = NONE
  }

  /** Whether the segments are those of an inner super-frame: by its own word it does not end where the first of them does. */
  private isWhole(offset: number, length: number): boolean {
    return length > 0 && inFrameLength(this.view, offset, offset + length) > length
  }

  /** The datagrams of the open descriptor. False where the burst is full before they are through. */
  private takeApart(): boolean {
    // An empty datagram is one, too.
    if (this.at === this.end) {
      this.refuse(0, DropReason.vxlanMalformed)
      return true
    }
    while (this.at < this.end) {
      // A run that is open takes a place, and so does the frame that ends it.
      if (this.count + 2 > BURST_MAX || this.egress.free > this.arenaLimit) return false
      const length = Math.min(this.size, this.end - this.at)
      if (!this.continuesRun(this.at, length)) this.takeDatagram(this.at, length)
      this.at += length
      if (this.sums !== 0) this.sums += 2
    }
    return true
  }

  /**
   * Whether the datagram has become part of the run for being like the run's first: from the same peer, with all that is decided of
   * a frame the same.
   */
  private continuesRun(at: number, length: number): boolean {
    const { merger, view } = this
    // ECT(1) and CE are carried over, each for itself.
    if (merger.count === 0 || this.sums === 0 || (this.tos & ECN_CARRIED) !== 0) return false
    if (this.peer !== this.runPeer || view.getInt32(at + 4) >>> 8 !== this.vniWord) return false
    if (!merger.next(at + VXLAN_HEADER_SIZE, length - VXLAN_HEADER_SIZE, this.sumAt())) return false
    this.isTailInUse = true
    return true
  }

  private takeDatagram(at: number, length: number): void {
    const { view } = this
    const reason = this.judge(at, length)
    if (reason !== DropReason.none) {
      this.refuse(length, reason as DropReason)
      return
    }
    const { peer, domain } = this
    const offset = at + VXLAN_HEADER_SIZE
    const size = length - VXLAN_HEADER_SIZE
    this.tables.heardS[peer] = this.nowS
    if (size < ETHERNET_HEADER_SIZE) {
      this.place(peer, offset, size)
      return
    }
    if (this.isLocal(offset, domain, peer)) {
      this.lose(offset, size, DropReason.tunnelLocalSource)
      return
    }
    let hasChanged = false
    if ((this.tos & ECN_MASK) !== NO_ECN) {
      const verdict = carryCongestion(view, offset, size, this.tos & ECN_MASK)
      if (verdict === ECN_DROPPED) {
        this.lose(offset, size, DropReason.ecnMarked)
        return
      }
      hasChanged = verdict !== 0
    }
    this.adapt(offset, size, domain, peer)
    if (this.mayMerge(offset, size, hasChanged)) return
    this.place(peer, offset, size)
  }

  /** 0, or why the datagram is not taken. Finds out domain and peer. */
  private judge(at: number, length: number): number {
    const { view, tables, tunnel } = this
    if (length < VXLAN_HEADER_SIZE || (view.getUint8(at) & FLAG_VALID) === 0) return DropReason.vxlanMalformed
    const vniWord = view.getInt32(at + 4) >>> 8
    if (vniWord === this.vniWord) return this.peer === NONE ? this.refusal() : DropReason.none
    this.vniWord = vniWord
    this.peer = NONE
    const network = tables.networks.find(tunnel, vniWord, 0, 0, 0)
    this.domain = network < 0 ? NONE : tables.networks.value(network)
    if (network < 0) return DropReason.vniUnknown
    const peer = tables.peers.find(this.domain, this.a, this.b, this.c, this.d)
    if (peer < 0) {
      this.strangers.note(this.domain, this.a, this.b, this.c, this.d, this.nowS)
      return DropReason.peerUnknown
    }
    this.peer = tables.peers.value(peer)
    return DropReason.none
  }

  private refusal(): number {
    return this.domain === NONE ? DropReason.vniUnknown : DropReason.peerUnknown
  }

  /** A datagram that is of no peer counts at the tunnel. */
  private refuse(length: number, reason: DropReason): void {
    this.counters.received(this.tunnel, length)
    this.counters.dropped(this.tunnel, reason)
    this.isTailInUse = false
  }

  /** A frame of a peer that gets no further. */
  private lose(offset: number, length: number, reason: DropReason): void {
    const { counters, peer } = this
    counters.received(peer, length)
    counters.dropped(peer, reason)
    if (this.trail.watcher === undefined) this.isTailInUse = false
    else {
      const at = this.copy(offset, length)
      this.trail.watcher.lostOnLink(peer, LinkDirection.from, at, length, reason)
    }
  }

  /** Whether a frame of this peer would be dropped for its source. Only reads. */
  isLocalSource(peer: number, offset: number, nowS: number): boolean {
    this.nowS = nowS
    return this.isLocal(offset, this.ports.domain[peer]!, peer)
  }

  /** Whether the frame's source is a station that lives here and nowhere else: it was sent in a circle, or by somebody else. */
  private isLocal(offset: number, domain: number, peer: number): boolean {
    const { view, stations, tables, guard, ports } = this
    const high = sourceHigh(view, offset)
    const low = sourceLow(view, offset)
    if (
      tables.hasRouter[domain] === 1 &&
      low === tables.routerLow[domain] &&
      high === tables.routerHigh[domain]
    ) {
      return true
    }
    const port = stations.lookup(domain, high, low, this.nowS)
    if (port < 0 || port === peer || ports.oneWay[port] === FROM_PEER) return false
    // What a switch has learned of a station that was silent since may be out of date.
    return tables.learns[domain] === 0 || guard.guarded[port] === 1 || stations.isStatic(domain, high, low)
  }

  /** Undoes what the tunnel made other: the router's address; and lets a SYN say what the way back takes. */
  private adapt(offset: number, length: number, domain: number, peer: number): void {
    const { view, tables } = this
    if (
      tables.hasRouter[domain] === 1 &&
      targetLow(view, offset) === tables.routerLow[domain] &&
      targetHigh(view, offset) === tables.routerHigh[domain]
    ) {
      this.undisguise(offset, length, domain)
    }
    clampTheSyn(view, offset, length, tables.mtu[peer]!)
  }

  /** To this host's router: it knows itself by the gateway's address, also in an answer to what it has asked. */
  private undisguise(offset: number, length: number, domain: number): void {
    const { view, interfaces, tables } = this
    if (interfaces.kind[domain] === NO_INTERFACE) return
    const high = interfaces.macHigh[domain]!
    const low = interfaces.macLow[domain]!
    ethernet.setTarget(view, offset, high, low)
    const packet = offset + ETHERNET_HEADER_SIZE
    if (etherType(view, offset) !== TYPE_ARP || !arp.check(view, packet, offset + length)) return
    const isOwn =
      arp.targetHardwareLow(view, packet) === tables.routerLow[domain] &&
      arp.targetHardwareHigh(view, packet) === tables.routerHigh[domain]
    if (!isOwn) return
    const asked = arp.targetProtocol(view, packet)
    const address = asked === 0 ? interfaces.address[domain]! : asked
    arp.setTarget(view, packet, high, low, address)
  }

  /** Whether the frame has become part of a run of segments, which it may also begin. */
  private mayMerge(offset: number, length: number, hasChanged: boolean): boolean {
    const { merger, peer } = this
    const datagramSum = this.sums === 0 || hasChanged ? NO_SUM : this.sumAt()
    if (!merger.read(offset, length, datagramSum)) return false
    if (merger.count > 0) {
      if (peer === this.runPeer && merger.extend(offset)) {
        this.isTailInUse = true
        return true
      }
      this.flush()
      // What `flush` has placed may be in front of this one.
    }
    if (!this.isMergeable(offset)) return false
    merger.begin(offset, length)
    this.runPeer = peer
    this.isRunTailInUse = this.isTailInUse
    this.isTailInUse = true
    return true
  }

  private sumAt(): number {
    return this.view.getUint16(this.sums, true)
  }

  /** Whether super-frames may go where this frame goes: to a TAP, with nobody in between. */
  private isMergeable(offset: number): boolean {
    const { view, ports, peer, domain } = this
    if (this.trail.watcher !== undefined || ports.icc[domain] === 0) return false
    if (this.impairment.impaired(peer, LinkDirection.from) !== undefined) return false
    const port = this.bridge.decide(
      targetHigh(view, offset),
      targetLow(view, offset),
      peer,
      domain,
      this.nowS,
    )
    return port > TO_ALL && port < PORTS_MAX && ports.plain[port] === 0
  }

  /** Ends the run: what it was becomes a frame of the burst. */
  private flush(): void {
    const { merger } = this
    if (merger.count === 0) return
    if (merger.count === 1) {
      const isTailInUse = this.isTailInUse
      this.isTailInUse = this.isRunTailInUse
      merger.count = 0
      this.place(this.runPeer, merger.offset, merger.length)
      // Of a frame in another slot nothing is in the way.
      if (!isTailInUse) this.isTailInUse = false
      return
    }
    merger.finish()
    this.put(this.runPeer, merger.superOffset, merger.superLength)
  }

  /** Puts a frame into the burst, with a virtio-net header of zeroes. */
  private place(port: number, offset: number, length: number): void {
    if (this.merger.count > 0) this.flush()
    let at = offset
    if (this.isTailInUse || this.trail.watcher !== undefined) {
      at = this.copy(offset, length)
      this.isTailInUse = false
    } else {
      virtioNet.clear(this.view, offset - VIRTIO_NET_HEADER_SIZE)
      this.isTailInUse = true
    }
    noteUnfinishedWork(this.view, at, length, this.tables.mtu[port]!, this.innerSize)
    this.put(port, at, length)
  }

  /** A copy of the frame in the arena, with a virtio-net header of zeroes. `takeApart` has seen to it that there is room. */
  private copy(offset: number, length: number): number {
    const at = this.egress.allocate(length)
    this.bytes.copyWithin(at, offset, offset + length)
    return at
  }

  private put(port: number, offset: number, length: number): void {
    const { received } = this
    const descriptor = this.count++ << DESCRIPTOR_SHIFT
    received[descriptor + PORT] = port
    received[descriptor + OFFSET] = offset
    received[descriptor + LENGTH] = length
  }
}
