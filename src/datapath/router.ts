/**
 * The third stage, for frames to a gateway's MAC address: through the connection table, and out by another network. Here it is found out
 * whose a packet is; how it goes on is in connection-path.ts.
 *
 *     inspect ─► connection known? ── yes ─────────────────────────► connection's path ─► egress
 *                       └── no ──► admission ─► a new connection ──────┘
 *                                     └──► the gateway itself
 *
 * A packet is judged before anything about it is changed. So one that has to wait, for a neighbour's address or for the first fragment
 * of its datagram, is kept as it came, and takes the same way again when it may go on.
 *
 * Nothing here allocates on the way of a packet of a known connection.
 */

import { BURST_MAX, CONNECTIONS_EXPIRED_MAX, PORT_MAPPINGS_MAX, PORTS_MAX } from '../limits.ts'
import { ConnectionTable, INSERT_QUOTA } from '../tables/connection-table.ts'
import type { MacTable } from '../tables/mac-table.ts'
import { PortMap } from '../tables/port-map.ts'
import * as ethernet from '../wire/ethernet.ts'
import * as ipv6 from '../wire/ipv6.ts'
import { ADMITTED, AdmissionControl, TO_GATEWAY, TO_VIRTUAL } from './admission.ts'
import type { Bridge } from './bridge.ts'
import type { Trail } from './capture/trail.ts'
import { ConnectionPath } from './connection-path.ts'
import { ConnectionTracking } from './connection-tracking.ts'
import type { Counters } from './counters.ts'
import {
  DatagramFragments,
  FRAGMENTS_REFUSED,
  FRAGMENTS_TO_GATEWAY,
  NOT_DECIDED,
} from './datagram-fragments.ts'
import { DnsServer } from './dns/dns-server.ts'
import { DropReason } from './drop-reason.ts'
import type { Egress } from './egress.ts'
import { ForwardingTable } from './forwarding-table.ts'
import type { FrameMemory } from './frame-memory.ts'
import { Gateway } from './gateway.ts'
import { IcmpRelay, RELAYED, TO_HOST } from './icmp-relay.ts'
import { InterfaceTable } from './interface-table.ts'
import { ARP_CONSUMED, ARP_DROPPED, LinkLayer } from './link-layer.ts'
import { NextHop } from './next-hop.ts'
import * as packets from './packets.ts'
import { inspect, Packets } from './packets.ts'
import type { PortTable } from './port-table.ts'
import { ServiceStage } from './services/service-stage.ts'
import { ServiceTable } from './services/service-table.ts'
import { WAITED_ROW, WaitingPackets } from './waiting-packets.ts'
import { WayOut } from './way-out.ts'

// Constants of this module, whose values V8 compiles in; an imported one it would load and check at each use.
const { DESTINATION, DOMAIN, HASH, LENGTH, NETWORK, OFFSET, PORT, PORTS, PROTOCOL, SOURCE } = packets
const { EXPIRED, FIRST_FRAGMENT, ICMP_ERROR, LATER_FRAGMENT, ROW_SHIFT, TRAITS } = packets
const { etherType, TYPE_IPV4 } = ethernet
const { none: ACCEPTED } = DropReason
const inspectPacket = inspect
const NONE = -1
/** fe80::/10. */
const LINK_LOCAL_SHIFT = 22
const LINK_LOCAL = 0xfe80 >>> 6

export interface RouterParts {
  readonly memory: FrameMemory
  readonly ports: PortTable
  readonly bridge: Bridge
  readonly stations: MacTable
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
  /** The name server of the gateways. */
  readonly dns: DnsServer
  readonly packets = new Packets()
  readonly nextHop: NextHop
  readonly wayOut: WayOut
  readonly errors: IcmpRelay
  readonly fragments: DatagramFragments
  readonly services = new ServiceTable()
  /** What is done for connections to them. */
  readonly stage: ServiceStage
  private readonly tracking: ConnectionTracking
  private readonly path: ConnectionPath
  private readonly waiting: WaitingPackets
  private readonly memory: FrameMemory
  private readonly egress: Egress
  private readonly counters: Counters
  private readonly trail: Trail
  /** Hashes of the burst's packets, as `warmAll` wants them. */
  private readonly hashes = new Int32Array(BURST_MAX)
  /** Packets of the burst that have been inspected, and that have been dealt with. */
  private inspected = 0
  private handled = 0

  constructor(parts: RouterParts) {
    const { memory, ports, bridge, egress, counters, stations, seed } = parts
    this.memory = memory
    this.egress = egress
    this.counters = counters
    this.trail = counters.trail
    this.connections = new ConnectionTable({
      capacity: parts.connections,
      owners: PORTS_MAX,
      connectionsPerOwner: parts.connectionsPerOwner,
      seed,
    })
    const { interfaces, forwarding, portMap, connections, services } = this
    const tables = { interfaces, forwarding, portMap, connections, services, ports }
    const own = { memory, bridge, egress, counters, seed, rows: this.packets.rows }
    this.dns = new DnsServer({ ...tables, ...own })
    this.admission = new AdmissionControl({ ...tables, dns: this.dns })
    this.link = new LinkLayer({ ...tables, ...own })
    this.gateway = new Gateway({ ...tables, ...own, dns: this.dns })
    this.errors = new IcmpRelay({ ...tables, ...own })
    this.fragments = new DatagramFragments(memory, own.rows, seed)
    const { admission, link, gateway, errors, fragments } = this
    const late = { link, errors, fragments, admission, stations, router: this }
    this.stage = new ServiceStage({ ...tables, ...own, ...late })
    const { stage } = this
    this.nextHop = new NextHop({ ...tables, ...own, link, gateway, returnHops: stage.returnHops })
    this.wayOut = new WayOut({ ...tables, ...own, link })
    this.waiting = new WaitingPackets({ ...tables, ...own, link })
    this.tracking = new ConnectionTracking({ ...tables, ...own, admission, stage })
    const { tracking, nextHop, wayOut } = this
    this.path = new ConnectionPath({ ...tables, ...own, ...late, tracking, gateway, nextHop, wayOut, stage })
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
    const isWatched = this.trail.watcher !== undefined
    if (this.inspected < packets.count) this.inspectAll(nowS)
    while (this.handled < packets.count) {
      if (!egress.hasRoom) return false
      const row = this.handled++ << ROW_SHIFT
      // What was not for the router, or not well-formed, has been dealt with.
      if (packets.rows[row + NETWORK] === 0) continue
      if (isWatched) this.trail.watcher!.handling(packets.rows[row + OFFSET]!)
      this.handle(row, this.lookupWarmed(row), nowS)
    }
    // The rest of the burst may come in further calls: its packets alone are inspected then.
    this.begin()
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
    if (this.waiting.size > 0) this.tickWaiting(nowS)
    this.fragments.expire(nowS)
    this.dns.tick(nowS)
    return this.stage.tick(nowS) || more
  }

  private tickWaiting(nowS: number): void {
    this.waiting.expire(nowS)
    const list = this.waiting.overdue()
    if (list !== NONE) this.resume(list, nowS)
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

  /** A port of the domain goes: nothing of it waits any more, and its connections end. */
  removePort(port: number, domain: number): void {
    this.stage.removePort(port, domain)
    this.connections.removeOwner(port)
    this.fragments.removeOwner(port)
    this.waiting.removePort(port)
    this.dns.removePort(port)
    // An uplink that comes back may be on another link, or its next router another machine.
    if (this.interfaces.isOutside(domain)) this.link.forgetNeighbours(domain)
  }

  /** Sets the words of a row that `inspect` leaves: the connection table's hash. 0, or the DropReason. */
  inspect(row: number): number {
    const { rows } = this.packets
    const reason = inspectPacket(this.memory.view, rows, row)
    if (reason !== ACCEPTED) return reason
    rows[row + HASH] = this.connections.hash(
      rows[row + PROTOCOL]!,
      rows[row + SOURCE]!,
      rows[row + DESTINATION]!,
      rows[row + PORTS]!,
    )
    return ACCEPTED
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
    const type = etherType(this.memory.view, offset)
    if (type !== TYPE_IPV4) {
      this.receiveOther(row, type, nowS)
      return false
    }
    const reason = this.inspect(row)
    if (reason === ACCEPTED) return true
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
    else if (
      hostPort !== NONE &&
      hostPort !== port &&
      verdict !== ARP_CONSUMED &&
      this.mayReachHost(type, offset, length)
    ) {
      this.egress.send(hostPort, offset, length)
    } else if (type === ethernet.TYPE_ARP) this.counters.consumed(port)
    else this.counters.dropped(port, DropReason.notRouted)
  }

  /**
   * Whether a frame that is not IPv4 may go to the host's end: ARP, and IPv6 to the link-local addresses that this end has. The host may
   * be a router itself, and would forward anything else past our isolation: IPv6, and IPv4 behind a tag, which Linux takes off
   * where it only has a priority (IEEE 802.1Q, 6.9: VLAN 0).
   */
  mayReachHost(type: number, offset: number, length: number): boolean {
    if (type === ethernet.TYPE_ARP) return true
    if (type !== ethernet.TYPE_IPV6 || length < ethernet.HEADER_SIZE + ipv6.HEADER_SIZE) return false
    const first = ipv6.destinationWord(this.memory.view, offset + ethernet.HEADER_SIZE, 0)
    return first >>> LINK_LOCAL_SHIFT === LINK_LOCAL
  }

  /** The same of a packet of the burst, whose connection `inspectAll` has had loaded. */
  private lookupWarmed(row: number): number {
    const { rows } = this.packets
    return this.connections.lookupWarmed(
      row >>> ROW_SHIFT,
      rows[row + HASH]!,
      rows[row + PROTOCOL]!,
      rows[row + SOURCE]!,
      rows[row + DESTINATION]!,
      rows[row + PORTS]!,
    )
  }

  /** `reference`: what `lookup` says of the row. */
  private handle(row: number, reference: number, nowS: number): void {
    const { rows } = this.packets
    const traits = rows[row + TRAITS]!
    if ((traits & (LATER_FRAGMENT | ICMP_ERROR)) !== 0) this.handleIndirect(row, nowS)
    else if (reference === NONE) this.handleFirst(row, nowS)
    else if (this.connections.domain(reference) === rows[row + DOMAIN]) this.forward(row, reference, nowS)
    else this.counters.dropped(rows[row + PORT]!, DropReason.wrongInterface)
  }

  /** What belongs to a connection by another packet. */
  private handleIndirect(row: number, nowS: number): void {
    if ((this.packets.rows[row + TRAITS]! & LATER_FRAGMENT) !== 0) this.handleFragment(row, nowS)
    else this.handleError(row, nowS)
  }

  /** A packet that belongs to no connection. */
  private handleFirst(row: number, nowS: number): void {
    const { rows } = this.packets
    const { admission } = this
    const verdict = admission.decide(rows, row)
    if (verdict === TO_GATEWAY) {
      this.handleOwn(row, nowS)
      return
    }
    if (verdict === TO_VIRTUAL) {
      this.gateway.receiveVirtual(rows, row)
      return
    }
    if (verdict !== ADMITTED) {
      this.gateway.reject(rows, row, verdict, nowS)
      if ((rows[row + TRAITS]! & FIRST_FRAGMENT) !== 0) {
        this.fragments.refuse(row, nowS)
        this.resumeFragments(row, nowS)
      }
      return
    }
    // Before it leaves a trace: who looks for the way with small TTLs opens no connections.
    if ((rows[row + TRAITS]! & EXPIRED) !== 0) {
      this.gateway.reject(rows, row, DropReason.ttlExceeded, nowS)
      return
    }
    const reference = this.tracking.open(row, nowS)
    if (reference >= 0) this.forward(row, reference, nowS)
    else {
      const reason = reference === INSERT_QUOTA ? DropReason.connectionQuota : DropReason.connectionsFull
      this.counters.dropped(rows[row + PORT]!, reason)
    }
  }

  /** A packet for the gateway itself. */
  private handleOwn(row: number, nowS: number): void {
    const { rows } = this.packets
    const isFirst = (rows[row + TRAITS]! & FIRST_FRAGMENT) !== 0
    // The name server takes no fragments, and their ports would not tell that they are for it.
    if (isFirst && this.dns.isAsked(rows, row)) this.fragments.refuse(row, nowS)
    else if (isFirst) this.fragments.remember(row, FRAGMENTS_TO_GATEWAY, nowS)
    this.gateway.receive(rows, row, nowS)
    if (isFirst) this.resumeFragments(row, nowS)
  }

  /** A packet of a connection, in the reference's direction; behind a first fragment, what has waited for it. */
  private forward(row: number, reference: number, nowS: number): void {
    if (this.path.forward(row, reference, nowS)) this.resumeFragments(row, nowS)
  }

  /** A fragment that is not the first goes where the first one went; one that overtook it waits. */
  private handleFragment(row: number, nowS: number): void {
    const { rows } = this.packets
    const { fragments } = this
    const decided = fragments.decided(row, nowS)
    const port = rows[row + PORT]!
    if (decided === NOT_DECIDED) {
      const list = fragments.waitingList(row)
      if (!this.link.hold(list, port, rows[row + OFFSET]!, rows[row + LENGTH]!, nowS)) {
        this.counters.dropped(port, DropReason.neighbourQueueFull)
      }
    } else if (decided === FRAGMENTS_TO_GATEWAY) this.gateway.receive(rows, row, nowS)
    else if (decided !== FRAGMENTS_REFUSED && this.isStillOf(row, decided)) this.forward(row, decided, nowS)
    else this.counters.dropped(port, DropReason.noConnection)
  }

  /** Whether the connection that the first fragment belonged to is there, and not another by its number. */
  isStillOf(row: number, reference: number): boolean {
    const { rows } = this.packets
    const { connections } = this
    return (
      connections.isUsed(reference) &&
      connections.source(reference) === rows[row + SOURCE] &&
      connections.destination(reference) === rows[row + DESTINATION] &&
      connections.protocol(reference) === rows[row + PROTOCOL]
    )
  }

  /** An ICMP error: about a packet of a connection, whose other end is told. */
  private handleError(row: number, nowS: number): void {
    const { rows } = this.packets
    const verdict = this.errors.decide(row)
    if (verdict === TO_HOST) this.gateway.receive(rows, row, nowS)
    else if (verdict !== RELAYED) this.counters.dropped(rows[row + PORT]!, verdict as DropReason)
    else this.path.relay(row, nowS)
  }

  /** Sends what has waited in a list on its way again. */
  private resume(list: number, nowS: number): void {
    const { waiting } = this
    // Not those that begin to wait anew meanwhile.
    for (let left = waiting.countOf(list); left > 0 && waiting.take(list); left--) {
      this.waiting.begin()
      if (this.isWaitedPacket()) this.handle(WAITED_ROW, this.lookup(WAITED_ROW), nowS)
      this.waiting.end()
    }
  }

  /** Nobody answers: whose packets have waited is told. */
  private giveUpOn(index: number, nowS: number): void {
    while (this.waiting.take(index)) {
      this.waiting.begin()
      if (this.isWaitedPacket())
        this.gateway.reject(this.packets.rows, WAITED_ROW, DropReason.hostUnreachable, nowS)
      this.waiting.end()
    }
  }

  private isWaitedPacket(): boolean {
    const reason = this.inspect(WAITED_ROW)
    if (reason === DropReason.none) return true
    this.counters.dropped(this.packets.rows[WAITED_ROW + PORT]!, reason as DropReason)
    return false
  }

  /** Lets go on what has waited for this first fragment, and what shares its list: each is judged anew. */
  private resumeFragments(row: number, nowS: number): void {
    if (this.waiting.size > 0) this.resume(this.fragments.waitingList(row), nowS)
  }
}
