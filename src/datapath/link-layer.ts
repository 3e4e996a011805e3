/**
 * The last step of a routed packet: from the next address to a station of its link. Asks for MAC addresses by ARP (RFC 826), answers
 * for the router's own, and keeps the frames that wait for an answer.
 */

import {
  DOMAINS_MAX,
  NEIGHBOURS_MAX,
  NEIGHBOURS_PER_DOMAIN,
  PORTS_MAX,
  WAITING_FRAMES_MAX,
  WAITING_FRAMES_PER_LIST,
  WAITING_FRAMES_PER_OWNER,
} from '../limits.ts'
import * as arpMessages from '../protocols/arp.ts'
import { FramePen } from '../tables/frame-pen.ts'
import { NeighbourState, NeighbourTable } from '../tables/neighbour-table.ts'
import * as arp from '../wire/arp.ts'
import * as ethernet from '../wire/ethernet.ts'
import { type Bridge, dropReasonOf, FLOOD } from './bridge.ts'
import type { Counters } from './counters.ts'
import { DropReason } from './drop-reason.ts'
import { type Egress, NO_ROOM } from './egress.ts'
import { type ForwardingTable, NO_ROUTE } from './forwarding-table.ts'
import { FRAME_MAX, type FrameMemory, VIRTIO_NET_HEADER_SIZE } from './frame-memory.ts'
import type { InterfaceTable } from './interface-table.ts'
import { FROM_PEER, type PortTable } from './port-table.ts'
import { ROUTER_PORT } from './router-port.ts'
import type { ServiceTable } from './services/service-table.ts'

const { ArpKind, ARP_FRAME_SIZE, arpPacket, classifyArp, composePoll, composeReply, composeRequest } =
  arpMessages
const { failed: FAILED, incomplete: INCOMPLETE, probe: PROBE } = NeighbourState

const FROM_ROUTER = ROUTER_PORT
const { none: ACCEPTED } = DropReason

const NONE = -1
const BROADCAST_HIGH = 0xffff
const BROADCAST_LOW = -1

/** Lists of the pen behind those of neighbours: frames that wait for a first fragment, by a hash of their datagram. */
export const FRAGMENT_LISTS = 64
export const FIRST_FRAGMENT_LIST = NEIGHBOURS_MAX

export interface LinkLayerParts {
  readonly memory: FrameMemory
  readonly ports: PortTable
  readonly interfaces: InterfaceTable
  readonly forwarding: ForwardingTable
  readonly bridge: Bridge
  readonly egress: Egress
  readonly counters: Counters
  readonly services: ServiceTable
  readonly seed: number
}

/** What became of an ARP frame. */
export const ARP_PASSES = 0
export const ARP_CONSUMED = 1
export const ARP_DROPPED = 2

/** Whose address an ARP frame tells the router that is worth noting: nobody's, a neighbour's that is known, anybody's. */
const LEARNS_NOTHING = 0
const LEARNS_KNOWN = 1
const LEARNS_ANYBODY = 2

export class LinkLayer {
  readonly neighbours: NeighbourTable
  readonly pen: FramePen
  /** The neighbour that the last ARP frame told of, whose waiting frames may go on; or NONE. */
  heard = NONE
  private readonly memory: FrameMemory
  private readonly ports: PortTable
  private readonly interfaces: InterfaceTable
  private readonly forwarding: ForwardingTable
  private readonly bridge: Bridge
  private readonly egress: Egress
  private readonly counters: Counters
  private readonly services: ServiceTable

  constructor(parts: LinkLayerParts) {
    this.memory = parts.memory
    this.ports = parts.ports
    this.interfaces = parts.interfaces
    this.forwarding = parts.forwarding
    this.bridge = parts.bridge
    this.egress = parts.egress
    this.counters = parts.counters
    this.services = parts.services
    this.neighbours = new NeighbourTable({
      capacity: NEIGHBOURS_MAX,
      domains: DOMAINS_MAX,
      perDomain: NEIGHBOURS_PER_DOMAIN,
      seed: parts.seed,
    })
    this.pen = new FramePen({
      slotCount: WAITING_FRAMES_MAX,
      slotSize: FRAME_MAX + VIRTIO_NET_HEADER_SIZE,
      lists: NEIGHBOURS_MAX + FRAGMENT_LISTS,
      perList: WAITING_FRAMES_PER_LIST,
      owners: PORTS_MAX,
      perOwner: WAITING_FRAMES_PER_OWNER,
    })
  }

  /**
   * An ARP frame from a domain with a router interface: learns who the sender is, and answers where it asks for the router. What it
   * makes of the frame is for the caller to count.
   */
  receiveArp(port: number, offset: number, length: number, domain: number, nowS: number): number {
    this.heard = NONE
    const { view } = this.memory
    const kind = classifyArp(view, offset, length)
    const verdict = this.judgeArp(kind, port, offset, domain)
    const packet = arpPacket(offset)
    const lesson = this.judgeLesson(kind, verdict, offset, domain)
    if (lesson !== LEARNS_NOTHING) {
      const sender = arp.senderProtocol(view, packet)
      const high = arp.senderHardwareHigh(view, packet)
      const low = arp.senderHardwareLow(view, packet)
      this.heard = this.neighbours.confirm(domain, sender, high, low, nowS, lesson === LEARNS_ANYBODY)
      // Another neighbour's frames would go to this one.
      if (this.heard !== NONE && this.neighbours.created) this.giveUp(this.heard)
    }
    if (verdict === ARP_CONSUMED) {
      this.reply(port, offset, packet, domain, arp.targetProtocol(view, packet))
    }
    return verdict
  }

  /** What `receiveArp` would make of the frame. Only reads. */
  decideArp(port: number, offset: number, length: number, domain: number): number {
    return this.judgeArp(classifyArp(this.memory.view, offset, length), port, offset, domain)
  }

  /** Whether `receiveArp` would note the sender's address as a neighbour's. Only reads. */
  learnsNeighbour(port: number, offset: number, length: number, domain: number): boolean {
    const { view } = this.memory
    const kind = classifyArp(view, offset, length)
    const lesson = this.judgeLesson(kind, this.judgeArp(kind, port, offset, domain), offset, domain)
    if (lesson !== LEARNS_KNOWN) return lesson === LEARNS_ANYBODY
    return this.neighbours.lookup(domain, arp.senderProtocol(view, arpPacket(offset))) !== NONE
  }

  /** Of a neighbour that nobody needs so far only what asks for the router is worth an entry. */
  private judgeLesson(kind: number, verdict: number, offset: number, domain: number): number {
    if (kind === ArpKind.invalid || kind === ArpKind.probe) return LEARNS_NOTHING
    const { interfaces } = this
    const packet = arpPacket(offset)
    const sender = arp.senderProtocol(this.memory.view, packet)
    const own = interfaces.address[domain]
    if (sender === own || !interfaces.isOnLink(domain, sender)) return LEARNS_NOTHING
    const target = arp.targetProtocol(this.memory.view, packet)
    const isAsked = verdict === ARP_CONSUMED && (target === own || this.services.isVirtual(domain, target))
    return isAsked ? LEARNS_ANYBODY : LEARNS_KNOWN
  }

  private judgeArp(kind: number, port: number, offset: number, domain: number): number {
    const { view } = this.memory
    if (kind === ArpKind.invalid) return ARP_PASSES
    const packet = arpPacket(offset)
    const sender = arp.senderProtocol(view, packet)
    if (sender === this.interfaces.address[domain]) return this.judgeOwn(port, domain)
    if (this.services.isVirtual(domain, sender)) return ARP_DROPPED
    if (kind === ArpKind.reply || kind === ArpKind.announcement) return ARP_PASSES
    return this.answersFor(domain, sender, arp.targetProtocol(view, packet)) ? ARP_CONSUMED : ARP_PASSES
  }

  /** Somebody says that the gateway's address is his. The host's end of the network, and a kernel that shares it, may. */
  private judgeOwn(port: number, domain: number): number {
    const { interfaces } = this
    return interfaces.shared[domain] === 1 || interfaces.hostPort[domain] === port ? ARP_PASSES : ARP_DROPPED
  }

  /** The router's own address and services' virtual ones; with proxy ARP also those that it has a route to, by another way (RFC 1027). */
  private answersFor(domain: number, sender: number, target: number): boolean {
    const { interfaces, forwarding } = this
    if (interfaces.shared[domain] === 1) return false
    if (target === interfaces.address[domain] || this.services.isVirtual(domain, target)) return true
    if (interfaces.proxyArp[domain] === 0 || sender === 0) return false
    const route = forwarding.lookup(target)
    return route !== NO_ROUTE && forwarding.domain(route) !== domain
  }

  private reply(port: number, offset: number, packet: number, domain: number, address: number): void {
    const at = this.egress.allocate(ARP_FRAME_SIZE)
    if (at === NO_ROOM) return
    const { view } = this.memory
    const { interfaces } = this
    const length = composeReply(
      view,
      at,
      interfaces.macHigh[domain]!,
      interfaces.macLow[domain]!,
      address,
      ethernet.sourceHigh(view, offset),
      ethernet.sourceLow(view, offset),
      arp.senderProtocol(view, packet),
    )
    this.counters.originated(port)
    this.egress.send(port, at, length)
  }

  /** Sends a finished frame to the station; 0, or the DropReason. */
  forward(domain: number, high: number, low: number, offset: number, length: number, nowS: number): number {
    const verdict = this.bridge.decide(high, low, FROM_ROUTER, domain, nowS)
    if (verdict < 0) return this.forwardRare(verdict, domain, offset, length)
    this.egress.send(verdict, offset, length)
    return ACCEPTED
  }

  /** Bytes of an IP packet that the way takes, if the neighbour is behind a peer; otherwise more than any has. */
  peerMtu(neighbour: number, domain: number, nowS: number): number {
    const { neighbours, ports } = this
    const high = neighbours.macHigh(neighbour)
    const port = this.bridge.decide(high, neighbours.macLow(neighbour), FROM_ROUTER, domain, nowS)
    return port >= 0 && ports.oneWay[port] === FROM_PEER ? ports.peerMtu[port]! : Number.POSITIVE_INFINITY
  }

  /** To a station of which the MAC table does not know where it is, or that it does not let us reach. */
  private forwardRare(verdict: number, domain: number, offset: number, length: number): number {
    if (verdict !== FLOOD) return dropReasonOf(verdict)
    const members = this.ports.floodMembers(domain, ROUTER_PORT)
    const targets = this.egress.flood(members, ROUTER_PORT, offset, length)
    if (targets === 0) return DropReason.uplinkDown
    this.counters.copied(members[0]!, targets - 1)
    return DropReason.none
  }

  /** Asks for the neighbour: everybody, or where `poll` the station itself. */
  ask(index: number, poll: boolean, nowS: number): void {
    const { neighbours, interfaces, egress } = this
    const domain = neighbours.domain(index)
    const members = this.ports.members(domain)
    if (members === undefined || members.length === 0 || !interfaces.exists(domain)) return
    const at = egress.allocate(ARP_FRAME_SIZE)
    if (at === NO_ROOM) return
    const { view } = this.memory
    const ownHigh = interfaces.macHigh[domain]!
    const ownLow = interfaces.macLow[domain]!
    const own = interfaces.address[domain]!
    const target = neighbours.address(index)
    const high = poll ? neighbours.macHigh(index) : BROADCAST_HIGH
    const low = poll ? neighbours.macLow(index) : BROADCAST_LOW
    const length = poll
      ? composePoll(view, at, ownHigh, ownLow, own, high, low, target)
      : composeRequest(view, at, ownHigh, ownLow, own, target)
    this.counters.originated(members[0]!)
    this.forward(domain, high, low, at, length, nowS)
  }

  /** Keeps a copy of a frame until the neighbour, or what else the list stands for, is there. False where there is no room. */
  hold(list: number, port: number, offset: number, length: number, nowS: number): boolean {
    const { pen } = this
    if (list >= FIRST_FRAGMENT_LIST && !this.mayWaitForFragment(port)) return false
    if (pen.size === pen.slotCount) this.makeRoom(port)
    const start = offset - VIRTIO_NET_HEADER_SIZE
    const size = length + VIRTIO_NET_HEADER_SIZE
    if (!pen.hold(list, this.memory.bytes, start, size, port, this.counters.trail.number, port, nowS))
      return false
    this.counters.held(port, 1)
    return true
  }

  /** First fragments may never come, and are waited for longer than neighbours: half of the places are kept for those. */
  private mayWaitForFragment(port: number): boolean {
    return (
      2 * this.pen.size < this.pen.slotCount && 2 * this.pen.countOfOwner(port) < WAITING_FRAMES_PER_OWNER
    )
  }

  /** In a full pen who has most places gives one up to who has fewer. */
  private makeRoom(port: number): void {
    const { pen } = this
    const slot = pen.oldestOfRichest()
    const isRicher = pen.countOfOwner(pen.owner(slot)) > pen.countOfOwner(port) + 1
    if (isRicher) this.drop(slot, DropReason.neighbourQueueFull)
  }

  /** Puts a copy of what waits in `slot` into the arena, and frees the slot: where the frame is, or NO_ROOM, and it is lost. */
  release(slot: number): number {
    const { pen, egress } = this
    const port = pen.tag1(slot)
    const length = pen.length(slot) - VIRTIO_NET_HEADER_SIZE
    const at = egress.allocate(length)
    if (at !== NO_ROOM) {
      const start = pen.offset(slot)
      this.memory.bytes.set(pen.bytes.subarray(start, start + pen.length(slot)), at - VIRTIO_NET_HEADER_SIZE)
    }
    pen.release(slot)
    this.counters.held(port, -1)
    return at
  }

  /** Drops what waits in a list. */
  giveUp(list: number, reason: DropReason = DropReason.hostUnreachable): void {
    for (let slot = this.pen.first(list); slot !== NONE; slot = this.pen.first(list)) this.drop(slot, reason)
  }

  /** The domain has no router interface any more: its neighbours go, and what waits for them. */
  removeDomain(domain: number): void {
    this.forgetNeighbours(domain)
    this.neighbours.removeDomain(domain)
  }

  /** The domain is another link than before: those that were heard of on it go, and what waits for them. */
  forgetNeighbours(domain: number): void {
    const { pen, neighbours } = this
    for (let slot = 0; slot < pen.slotCount; slot++) {
      if (!pen.isHeld(slot) || pen.list(slot) >= FIRST_FRAGMENT_LIST) continue
      if (neighbours.domain(pen.list(slot)) === domain) this.drop(slot, DropReason.uplinkDown)
    }
    neighbours.flushDomain(domain)
  }

  /** Drops what waits in a slot. */
  drop(slot: number, reason: DropReason): void {
    const { pen, counters } = this
    const { trail } = counters
    const port = pen.tag1(slot)
    trail.watcher?.lost(
      pen.tag2(slot),
      port,
      pen.bytes,
      pen.offset(slot) + VIRTIO_NET_HEADER_SIZE,
      pen.length(slot) - VIRTIO_NET_HEADER_SIZE,
      reason,
    )
    pen.release(slot)
    counters.held(port, -1)
    // What the trail says is about the frame in whose turn this one goes.
    const before = trail.reason
    counters.dropped(port, reason)
    trail.reason = before
  }

  /** A neighbour whose time has run out and that is to be told off; its request has been sent. NONE: there is no more for now. */
  nextFailed(nowS: number): number {
    const { neighbours, egress } = this
    while (egress.hasRoom) {
      const index = neighbours.nextDue(nowS)
      if (index === NONE) return NONE
      const state = neighbours.state(index)
      if (state === FAILED) return index
      if (state === INCOMPLETE || state === PROBE) this.ask(index, state === PROBE, nowS)
    }
    return NONE
  }
}
