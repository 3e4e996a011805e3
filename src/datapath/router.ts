/**
 * The third stage, for frames to a gateway's MAC address: through the connection table, and out by another network.
 *
 *     inspect ─► connection known? ── yes ─────────────────────────► next hop ─► rewrite ─► egress
 *                       └── no ──► admission ─► a new connection ──────┘
 *                                     └──► the gateway itself
 *
 * A packet is judged before anything about it is changed. So one that has to wait, for a neighbour's address or for the first fragment
 * of its datagram, is kept as it came, and takes the same way again when it may go on.
 *
 * Nothing here allocates on the way of a packet of a known connection.
 */

import {
  BURST_MAX,
  CONNECTIONS_EXPIRED_MAX,
  FRAGMENT_LIFETIME_S,
  FRAGMENTED_DATAGRAMS_MAX,
  FRAGMENTED_DATAGRAMS_PER_OWNER,
  PORT_MAPPINGS_MAX,
  PORTS_MAX,
} from '../limits.ts'
import { ConnectionTable, INSERT_QUOTA } from '../tables/connection-table.ts'
import { FragmentTable } from '../tables/fragment-table.ts'
import { NeighbourState } from '../tables/neighbour-table.ts'
import { PortMap } from '../tables/port-map.ts'
import * as ethernet from '../wire/ethernet.ts'
import * as ipv4 from '../wire/ipv4.ts'
import * as tcp from '../wire/tcp.ts'
import * as virtioNet from '../wire/virtio-net.ts'
import { ADMITTED, AdmissionControl, swapped, TO_GATEWAY } from './admission.ts'
import type { Bridge } from './bridge.ts'
import type { Counters } from './counters.ts'
import { DropReason } from './drop-reason.ts'
import { type Egress, NO_ROOM } from './egress.ts'
import { ForwardingTable, NO_ROUTE, ROUTE_LOCAL } from './forwarding-table.ts'
import { Fragmenter } from './fragmenter.ts'
import * as frameMemory from './frame-memory.ts'
import { Gateway } from './gateway.ts'
import { embeddedCheck, embeddedPorts, rewriteEmbedded } from './icmp-error.ts'
import { InterfaceTable, NO_INTERFACE } from './interface-table.ts'
import { ARP_CONSUMED, ARP_DROPPED, FIRST_FRAGMENT_LIST, FRAGMENT_LISTS, LinkLayer } from './link-layer.ts'
import * as packets from './packets.ts'
import { inspect, Packets } from './packets.ts'
import type { PortTable } from './port-table.ts'
import * as rewriting from './rewrite.ts'
import { InterfaceKind } from './router-settings.ts'
import * as tracking from './tcp-tracking.ts'

// Constants of this module, whose values V8 compiles in; an imported one it would load and check at each use.
const { CONTROL, DESTINATION, DOMAIN, END, HASH, LENGTH, NETWORK, OFFSET, PORT, PORTS, PROTOCOL, SOURCE } =
  packets
const { TRAITS, TRANSPORT, FIRST_FRAGMENT, HAS_PORTS, ICMP_ERROR, LATER_FRAGMENT, ROW_SHIFT } = packets
const { clampMss, decrementTimeToLive, rewriteAddresses, setEthernetAddresses } = rewriting
const { concernsState, firstState, nextFlags, nextState, FLOW_TIMEOUTS_S } = tracking
const { VIRTIO_NET_HEADER_SIZE } = frameMemory
const { incomplete: INCOMPLETE, stale: STALE, failed: FAILED } = NeighbourState
const SYN = tcp.SYN
const TTL = 8
const NONE = -1
const IPV4_TCP_HEADERS = 40

/** A flow's flags behind those of tracking: its packets are rewritten. */
const TRANSLATED = 0x10
const TRACKING_FLAGS = 0x0f

/** Says of a datagram's fragments, in place of a connection's reference: they are for the gateway itself. */
const FRAGMENTS_TO_GATEWAY = 0x7fff_ffff

const WAITED_ROW = packets.EXTRA_ROW

export interface RouterParts {
  readonly memory: frameMemory.FrameMemory
  readonly ports: PortTable
  readonly bridge: Bridge
  readonly egress: Egress
  readonly counters: Counters
  readonly seed: number
  readonly connections: number
  readonly connectionsPerOwner: number
}

export class Router {
  readonly interfaces = new InterfaceTable()
  readonly forwarding = new ForwardingTable()
  readonly portMap = new PortMap(PORT_MAPPINGS_MAX)
  readonly connections: ConnectionTable
  readonly admission: AdmissionControl
  readonly link: LinkLayer
  readonly gateway: Gateway
  readonly packets = new Packets()
  private readonly fragments: FragmentTable
  private readonly fragmenter: Fragmenter
  private readonly memory: frameMemory.FrameMemory
  private readonly ports: PortTable
  private readonly egress: Egress
  private readonly counters: Counters
  /** Hashes of the burst's packets, as `warmAll` wants them. */
  private readonly hashes = new Int32Array(BURST_MAX)
  /** Packets of the burst that have been inspected, and that have been dealt with. */
  private inspected = 0
  private handled = 0
  /** What `resolve` found: the neighbour, or the reason for which there is none. */
  private reason: number = DropReason.none

  constructor(parts: RouterParts) {
    const { memory, ports, bridge, egress, counters, seed } = parts
    this.memory = memory
    this.ports = ports
    this.egress = egress
    this.counters = counters
    this.connections = new ConnectionTable({
      capacity: parts.connections,
      owners: PORTS_MAX,
      connectionsPerOwner: parts.connectionsPerOwner,
      seed,
    })
    const { interfaces, forwarding, portMap, connections } = this
    this.admission = new AdmissionControl({ interfaces, forwarding, portMap, connections, icc: ports.icc })
    this.link = new LinkLayer({ memory, ports, interfaces, forwarding, bridge, egress, counters, seed })
    this.gateway = new Gateway({ memory, interfaces, egress, counters })
    this.fragments = new FragmentTable({
      capacity: FRAGMENTED_DATAGRAMS_MAX,
      owners: PORTS_MAX,
      perOwner: FRAGMENTED_DATAGRAMS_PER_OWNER,
      seed,
    })
    this.fragmenter = new Fragmenter(memory)
  }

  /** A new burst begins. */
  begin(): void {
    this.packets.count = 0
    this.inspected = 0
    this.handled = 0
  }

  /** Takes a frame of the burst for whose target the switch knows this router. */
  collect(port: number, offset: number, length: number, domain: number): void {
    this.packets.add(port, offset, length, domain)
  }

  /** Deals with the packets collected. False where the list of transmissions may not take the next one: call again when it is empty. */
  process(nowS: number): boolean {
    const { packets, egress } = this
    if (this.inspected < packets.count) this.inspectAll(nowS)
    while (this.handled < packets.count) {
      if (!egress.hasRoom) return false
      const row = this.handled++ << ROW_SHIFT
      // What was not for the router, or not well-formed, has been dealt with.
      if (packets.rows[row + NETWORK] !== 0) this.handle(row, nowS)
    }
    return true
  }

  /** An ARP frame from a domain with a router interface: 0 where the switch is to go on with it. */
  receiveArp(port: number, offset: number, length: number, domain: number, nowS: number): number {
    const verdict = this.link.receiveArp(port, offset, length, domain, nowS)
    const { heard } = this.link
    if (heard !== NONE) this.resume(heard, nowS)
    return verdict
  }

  /** Timers, a bounded part of those that are due: true where there are more. Also where nothing has arrived. */
  tick(nowS: number): boolean {
    const { link } = this
    const more = this.connections.size > 0 && this.connections.expire(nowS, CONNECTIONS_EXPIRED_MAX)
    for (let index = link.nextFailed(nowS); index !== NONE; index = link.nextFailed(nowS)) {
      this.giveUpOn(index, nowS)
    }
    if (link.pen.size > 0) this.expireWaiting(nowS)
    if (this.fragments.size > 0) this.fragments.expire(nowS)
    return more
  }

  /** Next hops that flows remember are looked up anew, since routes have changed. */
  forgetHops(): void {
    const { connections } = this
    for (let flow = connections.next(NONE); flow !== NONE; flow = connections.next(flow)) {
      connections.setHop(flow, 0)
      connections.setHop(flow ^ 1, 0)
    }
    this.fragments.clear()
  }

  /** The port goes: nothing of it waits any more, and its connections end. */
  removePort(port: number): void {
    this.connections.removeOwner(port)
    this.fragments.removeOwner(port)
    const { pen } = this.link
    for (let slot = 0; slot < pen.slotCount; slot++) {
      if (pen.isHeld(slot) && pen.tag1(slot) === port) this.link.drop(slot, DropReason.deviceGone)
    }
  }

  /** Sets the words of a row that `inspect` leaves: the connection table's hash. 0, or the DropReason. */
  inspect(row: number): number {
    const { rows } = this.packets
    const reason = inspect(this.memory.view, rows, row)
    if (reason !== DropReason.none) return reason
    rows[row + HASH] = this.connections.hash(
      rows[row + PROTOCOL]!,
      rows[row + SOURCE]!,
      rows[row + DESTINATION]!,
      rows[row + PORTS]!,
    )
    return DropReason.none
  }

  /** The reference of the connection that the packet in this row belongs to, or NONE. */
  lookup(row: number): number {
    const { rows } = this.packets
    return this.connections.lookup(
      rows[row + HASH]!,
      rows[row + PROTOCOL]!,
      rows[row + SOURCE]!,
      rows[row + DESTINATION]!,
      rows[row + PORTS]!,
    )
  }

  private inspectAll(nowS: number): void {
    const { packets, hashes } = this
    const { rows } = packets
    for (let i = this.inspected; i < packets.count; i++) {
      const row = i << ROW_SHIFT
      hashes[i] = 0
      if (this.isPacket(row, nowS)) hashes[i] = rows[row + HASH]!
      else rows[row + NETWORK] = 0
    }
    this.inspected = packets.count
    this.connections.warmAll(hashes, packets.count)
  }

  /** Whether the row has a packet to be routed; everything else is dealt with here. */
  private isPacket(row: number, nowS: number): boolean {
    const { rows } = this.packets
    const offset = rows[row + OFFSET]!
    const type = ethernet.etherType(this.memory.view, offset)
    if (type !== ethernet.TYPE_IPV4) {
      this.receiveOther(row, type, nowS)
      return false
    }
    const reason = this.inspect(row)
    if (reason === DropReason.none) return true
    this.counters.dropped(rows[row + PORT]!, reason as DropReason)
    return false
  }

  /** Not IPv4: an answer to our ARP request; or something for the host, where it has an end of its own. */
  private receiveOther(row: number, type: number, nowS: number): void {
    const { rows } = this.packets
    const port = rows[row + PORT]!
    const domain = rows[row + DOMAIN]!
    const offset = rows[row + OFFSET]!
    const length = rows[row + LENGTH]!
    const hostPort = this.interfaces.hostPort[domain]!
    const verdict = type === ethernet.TYPE_ARP ? this.receiveArp(port, offset, length, domain, nowS) : 0
    if (verdict === ARP_DROPPED) this.counters.dropped(port, DropReason.arpSpoofed)
    else if (hostPort !== NONE && hostPort !== port && verdict !== ARP_CONSUMED) {
      this.egress.send(hostPort, offset, length)
    } else if (type === ethernet.TYPE_ARP) this.counters.consumed(port)
    else this.counters.dropped(port, DropReason.notRouted)
  }

  private handle(row: number, nowS: number): void {
    const { rows } = this.packets
    if ((rows[row + TRAITS]! & (LATER_FRAGMENT | ICMP_ERROR)) !== 0) {
      if ((rows[row + TRAITS]! & LATER_FRAGMENT) !== 0) this.handleFragment(row, nowS)
      else this.handleError(row, nowS)
      return
    }
    const reference = this.lookup(row)
    if (reference === NONE) this.handleFirst(row, nowS)
    else if (this.connections.domain(reference) === rows[row + DOMAIN]) this.forward(row, reference, nowS)
    else this.counters.dropped(rows[row + PORT]!, DropReason.wrongInterface)
  }

  /** A packet that belongs to no connection. */
  private handleFirst(row: number, nowS: number): void {
    const { rows } = this.packets
    const { admission } = this
    const verdict = admission.decide(rows, row)
    if (verdict === TO_GATEWAY) {
      if ((rows[row + TRAITS]! & FIRST_FRAGMENT) !== 0)
        this.rememberFragments(row, FRAGMENTS_TO_GATEWAY, nowS)
      this.gateway.receive(rows, row, nowS)
      this.resumeFragments(row, nowS)
      return
    }
    if (verdict !== ADMITTED) {
      this.gateway.reject(rows, row, verdict, nowS)
      return
    }
    // Before it leaves a trace: who looks for the way with small TTLs opens no connections.
    if (this.memory.view.getUint8(rows[row + NETWORK]! + TTL) <= 1) {
      this.gateway.reject(rows, row, DropReason.ttlExceeded, nowS)
      return
    }
    const reference = this.open(row, nowS)
    if (reference >= 0) this.forward(row, reference, nowS)
    else {
      const reason = reference === INSERT_QUOTA ? DropReason.connectionQuota : DropReason.connectionsFull
      this.counters.dropped(rows[row + PORT]!, reason)
    }
  }

  /** Enters the connection that admission has decided on. */
  private open(row: number, nowS: number): number {
    const { rows } = this.packets
    const { admission, connections } = this
    const protocol = rows[row + PROTOCOL]!
    const source = rows[row + SOURCE]!
    const destination = rows[row + DESTINATION]!
    const ports = rows[row + PORTS]!
    const state = firstState(protocol, rows[row + CONTROL]!)
    if (admission.displaced !== NONE) connections.remove(admission.displaced)
    const reference = connections.insert(
      protocol,
      source,
      destination,
      ports,
      admission.destination,
      admission.source,
      swapped(admission.ports),
      admission.owner,
      nowS + FLOW_TIMEOUTS_S[state]!,
    )
    if (reference < 0) return reference
    const translated =
      source !== admission.source || destination !== admission.destination || ports !== admission.ports
    connections.setState(reference, state)
    connections.setFlags(reference, translated ? TRANSLATED : 0)
    connections.setDomain(reference, rows[row + DOMAIN]!)
    connections.setDomain(reference ^ 1, admission.egress)
    if (admission.mapping !== NONE) connections.setMapping(reference, this.portMap.id(admission.mapping))
    return reference
  }

  /** A packet of a connection, in the reference's direction. */
  private forward(row: number, reference: number, nowS: number): void {
    const { rows } = this.packets
    const { connections, link } = this
    const { view } = this.memory
    const network = rows[row + NETWORK]!
    if (view.getUint8(network + TTL) <= 1) {
      this.gateway.reject(rows, row, DropReason.ttlExceeded, nowS)
      return
    }
    if ((rows[row + TRAITS]! & FIRST_FRAGMENT) !== 0) this.rememberFragments(row, reference, nowS)
    const neighbour = this.nextHop(row, reference, connections.source(reference ^ 1), nowS)
    if (neighbour === NONE) return
    const egress = link.neighbours.domain(neighbour)
    const mtu = this.interfaces.mtu[egress]!
    if (rows[row + END]! - network > mtu && this.isTooLong(row, mtu)) {
      this.gateway.rejectLong(rows, row, mtu, nowS)
      return
    }
    this.track(row, reference, nowS)
    if ((connections.flags(reference) & TRANSLATED) !== 0) this.translate(row, reference)
    if ((rows[row + CONTROL]! & SYN) !== 0) this.clamp(row, egress, mtu)
    this.transmit(row, neighbour, egress, mtu, nowS)
    if ((rows[row + TRAITS]! & FIRST_FRAGMENT) !== 0) this.resumeFragments(row, nowS)
  }

  /** Counts the packet, and moves the connection on. */
  private track(row: number, reference: number, nowS: number): void {
    const { rows } = this.packets
    const { connections } = this
    const direction = reference & 1
    if (direction === 1 && !connections.isConfirmed(reference)) connections.confirm(reference)
    connections.count(reference)
    let state = connections.state(reference)
    const control = rows[row + CONTROL]!
    // A later fragment says nothing about its connection.
    if (concernsState(state, control) && (rows[row + TRAITS]! & LATER_FRAGMENT) === 0) {
      const flags = connections.flags(reference)
      const before = flags & TRACKING_FLAGS
      const after = nextFlags(state, before, direction, control)
      state = nextState(state, before, after, direction, control)
      connections.setState(reference, state)
      if (after !== before) connections.setFlags(reference, (flags & ~TRACKING_FLAGS) | after)
    }
    connections.refresh(reference, nowS + FLOW_TIMEOUTS_S[state]!)
  }

  /** Puts the addresses and ports of the other tuple in place of those that the packet came with. */
  private translate(row: number, reference: number): void {
    const { rows } = this.packets
    const { connections } = this
    const other = reference ^ 1
    rewriteAddresses(
      this.memory.view,
      rows[row + OFFSET]!,
      rows[row + NETWORK]!,
      rows[row + TRANSPORT]!,
      rows[row + PROTOCOL]!,
      (rows[row + TRAITS]! & HAS_PORTS) !== 0,
      connections.destination(other),
      connections.source(other),
      swapped(connections.ports(other)),
    )
  }

  /** A connection that crosses to a smaller MTU announces segments that fit it. */
  private clamp(row: number, egress: number, mtu: number): void {
    const { rows } = this.packets
    const ingress = this.interfaces.mtu[rows[row + DOMAIN]!]!
    if (ingress === mtu && this.interfaces.kind[egress] !== InterfaceKind.outside) return
    const mss = Math.min(mtu, ingress) - IPV4_TCP_HEADERS
    const { view } = this.memory
    clampMss(view, rows[row + OFFSET]!, rows[row + NETWORK]!, rows[row + TRANSPORT]!, rows[row + END]!, mss)
  }

  /** Whether the packet is too long for the MTU and must not be cut. A super-frame is judged by its segments. */
  private isTooLong(row: number, mtu: number): boolean {
    const { rows } = this.packets
    const { view } = this.memory
    const network = rows[row + NETWORK]!
    const header = rows[row + OFFSET]! - VIRTIO_NET_HEADER_SIZE
    const type = virtioNet.gsoType(view, header)
    if (type === virtioNet.GSO_NONE) return ipv4.dontFragment(view, network)
    const transport = rows[row + TRANSPORT]!
    const size = type === virtioNet.GSO_UDP_L4 ? 8 : tcp.headerSize(view, transport)
    return transport - network + size + virtioNet.gsoSize(view, header) > mtu
  }

  /** Sends the packet, which is as it will be but for its TTL and its Ethernet addresses. */
  private transmit(row: number, neighbour: number, egress: number, mtu: number, nowS: number): void {
    const { rows } = this.packets
    const { link, interfaces } = this
    const { view } = this.memory
    const offset = rows[row + OFFSET]!
    const network = rows[row + NETWORK]!
    const high = link.neighbours.macHigh(neighbour)
    const low = link.neighbours.macLow(neighbour)
    decrementTimeToLive(view, network)
    setEthernetAddresses(view, offset, high, low, interfaces.macHigh[egress]!, interfaces.macLow[egress]!)
    // What lies behind the packet was padding of the link that it came from.
    const length = rows[row + END]! - offset
    const isCut =
      length - ethernet.HEADER_SIZE > mtu &&
      virtioNet.gsoType(view, offset - VIRTIO_NET_HEADER_SIZE) === virtioNet.GSO_NONE
    const reason = isCut
      ? this.sendFragments(row, egress, high, low, mtu, nowS)
      : link.forward(egress, high, low, offset, length, nowS)
    if (reason !== DropReason.none) this.counters.dropped(rows[row + PORT]!, reason as DropReason)
  }

  private sendFragments(
    row: number,
    egress: number,
    high: number,
    low: number,
    mtu: number,
    nowS: number,
  ): number {
    const { rows } = this.packets
    const { fragmenter, link } = this
    const offset = rows[row + OFFSET]!
    const length = rows[row + END]! - offset
    if (!fragmenter.fragment(offset, length, rows[row + NETWORK]!, mtu, this.egress.free, this.egress.end)) {
      return DropReason.segmentLimit
    }
    this.egress.take(fragmenter.arenaNext)
    this.counters.segmented(rows[row + PORT]!, fragmenter.count)
    let lost: number = DropReason.none
    for (let i = 0; i < fragmenter.count; i++) {
      const at = fragmenter.firstOffset + i * fragmenter.stride
      const reason = link.forward(egress, high, low, at, fragmenter.lengthOf(i), nowS)
      // Each piece is accounted for: all but the last of those lost are counted here.
      if (reason === DropReason.none) continue
      if (lost !== DropReason.none) this.counters.dropped(rows[row + PORT]!, lost as DropReason)
      lost = reason
    }
    return lost
  }

  /** A fragment that is not the first goes where the first one went; one that overtook it waits. */
  private handleFragment(row: number, nowS: number): void {
    const { rows } = this.packets
    const { connections } = this
    const value = this.fragmentsOf(row, nowS)
    const port = rows[row + PORT]!
    if (value === NONE) {
      const list = this.fragmentList(row)
      if (!this.link.hold(list, port, rows[row + OFFSET]!, rows[row + LENGTH]!, nowS)) {
        this.counters.dropped(port, DropReason.neighbourQueueFull)
      }
    } else if (value === FRAGMENTS_TO_GATEWAY) this.gateway.receive(rows, row, nowS)
    else if (
      connections.isUsed(value) &&
      connections.source(value) === rows[row + SOURCE] &&
      connections.destination(value) === rows[row + DESTINATION]
    ) {
      this.forward(row, value, nowS)
    } else this.counters.dropped(port, DropReason.noConnection)
  }

  private fragmentsOf(row: number, nowS: number): number {
    const { rows } = this.packets
    return this.fragments.lookup(
      rows[row + SOURCE]!,
      rows[row + DESTINATION]!,
      ipv4.identification(this.memory.view, rows[row + NETWORK]!),
      rows[row + PROTOCOL]!,
      rows[row + DOMAIN]!,
      nowS,
    )
  }

  private rememberFragments(row: number, value: number, nowS: number): void {
    const { rows } = this.packets
    this.fragments.insert(
      rows[row + SOURCE]!,
      rows[row + DESTINATION]!,
      ipv4.identification(this.memory.view, rows[row + NETWORK]!),
      rows[row + PROTOCOL]!,
      rows[row + DOMAIN]!,
      value,
      rows[row + PORT]!,
      nowS,
    )
  }

  private fragmentList(row: number): number {
    const { rows } = this.packets
    const identification = ipv4.identification(this.memory.view, rows[row + NETWORK]!)
    return (
      FIRST_FRAGMENT_LIST +
      ((rows[row + SOURCE]! ^ rows[row + DESTINATION]! ^ identification) & (FRAGMENT_LISTS - 1))
    )
  }

  /** Lets go on what has waited for this first fragment, and what shares its list: each is judged anew. */
  private resumeFragments(row: number, nowS: number): void {
    if (this.link.pen.size > 0) this.resume(this.fragmentList(row), nowS)
  }

  /** An ICMP error: about a packet of a connection, whose other end is told. */
  private handleError(row: number, nowS: number): void {
    const { rows } = this.packets
    const { connections } = this
    const { view } = this.memory
    const message = rows[row + TRANSPORT]!
    const end = rows[row + END]!
    const embedded = embeddedCheck(view, message, end)
    const reference = embedded === 0 ? NONE : this.connectionOf(embedded)
    if (reference === NONE) return this.handleStrayError(row, nowS)
    if (connections.domain(reference) !== rows[row + DOMAIN]) {
      this.counters.dropped(rows[row + PORT]!, DropReason.wrongInterface)
      return
    }
    const other = reference ^ 1
    const sender = connections.source(other)
    const network = rows[row + NETWORK]!
    if (view.getUint8(network + TTL) <= 1) {
      this.counters.dropped(rows[row + PORT]!, DropReason.ttlExceeded)
      return
    }
    const neighbour = this.nextHop(row, reference, sender, nowS)
    if (neighbour === NONE) return
    // From the end itself, or from within a network that hides its addresses: as the sender knows that end.
    const isEnd = rows[row + SOURCE] === connections.source(reference)
    const hides =
      this.interfaces.isInside(rows[row + DOMAIN]!) &&
      connections.source(reference) !== connections.destination(other)
    rewriteEmbedded(
      view,
      rows[row + OFFSET]!,
      network,
      message,
      end,
      sender,
      connections.destination(other),
      connections.ports(other),
      isEnd || hides ? connections.destination(other) : rows[row + SOURCE]!,
      sender,
    )
    const egress = this.link.neighbours.domain(neighbour)
    this.transmit(row, neighbour, egress, this.interfaces.mtu[egress]!, nowS)
  }

  /** The direction in which an error about the embedded packet goes: against it. */
  private connectionOf(embedded: number): number {
    const { view } = this.memory
    const protocol = ipv4.protocol(view, embedded)
    const source = ipv4.destinationAddress(view, embedded)
    const destination = ipv4.sourceAddress(view, embedded)
    const ports = swapped(embeddedPorts(view, embedded))
    const hash = this.connections.hash(protocol, source, destination, ports)
    return this.connections.lookup(hash, protocol, source, destination, ports)
  }

  /** About nothing of ours: it may be the host's. */
  private handleStrayError(row: number, nowS: number): void {
    const { rows } = this.packets
    const domain = rows[row + DOMAIN]!
    const route = this.forwarding.lookup(rows[row + DESTINATION]!)
    const isLocal = route !== NO_ROUTE && this.forwarding.kind(route) === ROUTE_LOCAL
    if (isLocal && this.interfaces.hostPort[domain] !== NONE) this.gateway.receive(rows, row, nowS)
    else {
      const shared = isLocal && this.interfaces.shared[domain] === 1
      this.counters.dropped(rows[row + PORT]!, shared ? DropReason.notOurs : DropReason.noConnection)
    }
  }

  /**
   * The neighbour to whom packets of this direction go, with its MAC address known; NONE where the packet has been taken care of
   * otherwise: it waits, or it is dropped. The flow remembers it, by its index and generation.
   */
  private nextHop(row: number, reference: number, destination: number, nowS: number): number {
    const { connections, link } = this
    const { neighbours } = link
    const hop = connections.hop(reference)
    let index = hop >>> 16
    if (hop === 0 || neighbours.generation(index) !== (hop & 0xffff)) {
      index = this.resolve(destination, connections.domain(reference ^ 1), nowS)
      if (index === NONE) {
        this.gateway.reject(this.packets.rows, row, this.reason, nowS)
        return NONE
      }
      connections.setHop(reference, (index << 16) | neighbours.generation(index))
    }
    const state = neighbours.state(index)
    if (state > STALE) return index
    if (state === STALE) {
      neighbours.use(index, nowS)
      return index
    }
    this.wait(row, index, state, nowS)
    return NONE
  }

  /** The neighbour by which `destination` is reached, asked for where it is new; or NONE and the reason. */
  private resolve(destination: number, domain: number, nowS: number): number {
    const { forwarding, link } = this
    const route = forwarding.lookup(destination)
    this.reason = DropReason.noRoute
    if (route === NO_ROUTE || forwarding.domain(route) !== domain) return NONE
    if (this.ports.members(domain).length === 0) {
      this.reason = DropReason.uplinkDown
      return NONE
    }
    const nextHop = forwarding.nextHop(route)
    const address = nextHop === 0 ? destination : nextHop
    const index = link.neighbours.resolve(domain, address, nowS)
    if (index === NONE) {
      this.reason = DropReason.neighbourQueueFull
    } else if (link.neighbours.created) {
      link.giveUp(index)
      link.ask(index, false, nowS)
    }
    return index
  }

  private wait(row: number, index: number, state: number, nowS: number): void {
    const { rows } = this.packets
    const port = rows[row + PORT]!
    if (state === FAILED) {
      this.gateway.reject(rows, row, DropReason.hostUnreachable, nowS)
    } else if (
      state !== INCOMPLETE ||
      !this.link.hold(index, port, rows[row + OFFSET]!, rows[row + LENGTH]!, nowS)
    ) {
      this.counters.dropped(port, DropReason.neighbourQueueFull)
    }
  }

  /** Sends what has waited in a list on its way again, as it came. */
  private resume(list: number, nowS: number): void {
    const { link } = this
    // Not those that begin to wait anew meanwhile.
    for (let left = link.pen.countOf(list); left > 0; left--) {
      const slot = link.pen.first(list)
      if (slot === NONE || !this.egress.hasRoom) return
      if (this.restore(slot)) this.handle(WAITED_ROW, nowS)
    }
  }

  /** Puts a packet that has waited into its row; false where it is lost. */
  private restore(slot: number): boolean {
    const { link, ports } = this
    const { rows } = this.packets
    const port = link.pen.tag1(slot)
    const length = link.pen.length(slot) - VIRTIO_NET_HEADER_SIZE
    const offset = link.release(slot)
    const domain = ports.domain[port]!
    if (offset === NO_ROOM || domain < 0 || this.interfaces.kind[domain] === NO_INTERFACE) {
      this.counters.dropped(port, DropReason.neighbourQueueFull)
      return false
    }
    rows[WAITED_ROW + PORT] = port
    rows[WAITED_ROW + OFFSET] = offset
    rows[WAITED_ROW + LENGTH] = length
    rows[WAITED_ROW + DOMAIN] = domain
    const reason = this.inspect(WAITED_ROW)
    if (reason !== DropReason.none) this.counters.dropped(port, reason as DropReason)
    return reason === DropReason.none
  }

  /** Nobody answers: whose packets have waited is told. */
  private giveUpOn(index: number, nowS: number): void {
    const { link } = this
    for (let slot = link.pen.first(index); slot !== NONE; slot = link.pen.first(index)) {
      if (!this.egress.hasRoom) return
      if (this.restore(slot))
        this.gateway.reject(this.packets.rows, WAITED_ROW, DropReason.hostUnreachable, nowS)
    }
  }

  /** A first fragment that never came. Frames that wait for a neighbour are given up with it. */
  private expireWaiting(nowS: number): void {
    const { link } = this
    const { pen } = link
    for (let slot = pen.oldest(); slot !== NONE; slot = pen.oldest()) {
      if (nowS - pen.heldSinceS(slot) < FRAGMENT_LIFETIME_S) return
      const waitsForFragment = pen.list(slot) >= FIRST_FRAGMENT_LIST
      link.drop(slot, waitsForFragment ? DropReason.fragmentWithoutFirst : DropReason.hostUnreachable)
    }
  }
}
