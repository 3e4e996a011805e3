/**
 * The way of a packet whose connection is known, from there to egress.
 *
 *     may it go on? ─► next hop ─► track ─► translate ─► clamp ─► way out ─► egress
 *           │             └──► it waits
 *           └──► drop, and an ICMP error
 *
 * Nothing of the packet is changed before it is known that it may go on, and to whom: one that waits is kept as it came, and an ICMP
 * error quotes what its sender has sent.
 *
 * Nothing here allocates on the way of a packet that goes on.
 */

import type { ConnectionTable } from '../tables/connection-table.ts'
import * as tcp from '../wire/tcp.ts'
import { swapped } from './admission.ts'
import type { Trail } from './capture/trail.ts'
import type { ConnectionTracking } from './connection-tracking.ts'
import type { Counters } from './counters.ts'
import type { DatagramFragments } from './datagram-fragments.ts'
import { DropReason } from './drop-reason.ts'
import * as flowFlags from './flow-flags.ts'
import type { FrameMemory } from './frame-memory.ts'
import type { Gateway } from './gateway.ts'
import type { IcmpRelay } from './icmp-relay.ts'
import type { InterfaceTable } from './interface-table.ts'
import type { LinkLayer } from './link-layer.ts'
import type { NextHop } from './next-hop.ts'
import * as packets from './packets.ts'
import type { PortTable } from './port-table.ts'
import * as rewriting from './rewrite.ts'
import type { ServiceStage } from './services/service-stage.ts'
import type { WayOut } from './way-out.ts'

// Constants of this module, whose values V8 compiles in; an imported one it would load and check at each use.
const {
  CONTROL,
  END,
  EXPIRED,
  FIRST_FRAGMENT,
  HAS_PORTS,
  NETWORK,
  OFFSET,
  PORT,
  PROTOCOL,
  TRAITS,
  TRANSPORT,
} = packets
const { rewriteAddresses } = rewriting
const { PINNED, SERVED, TRANSLATED } = flowFlags
const swapPorts = swapped
const SYN = tcp.SYN
const NONE = -1

export interface ConnectionPathParts {
  readonly rows: Int32Array
  readonly memory: FrameMemory
  readonly ports: PortTable
  readonly interfaces: InterfaceTable
  readonly connections: ConnectionTable
  readonly tracking: ConnectionTracking
  readonly fragments: DatagramFragments
  readonly errors: IcmpRelay
  readonly link: LinkLayer
  readonly gateway: Gateway
  readonly nextHop: NextHop
  readonly wayOut: WayOut
  readonly stage: ServiceStage
  readonly counters: Counters
}

export class ConnectionPath {
  private readonly rows: Int32Array
  private readonly view: DataView
  private readonly ports: PortTable
  private readonly interfaces: InterfaceTable
  private readonly connections: ConnectionTable
  private readonly tracking: ConnectionTracking
  private readonly fragments: DatagramFragments
  private readonly errors: IcmpRelay
  private readonly link: LinkLayer
  private readonly gateway: Gateway
  private readonly nextHop: NextHop
  private readonly wayOut: WayOut
  private readonly stage: ServiceStage
  private readonly counters: Counters
  private readonly trail: Trail

  constructor(parts: ConnectionPathParts) {
    this.rows = parts.rows
    this.view = parts.memory.view
    this.ports = parts.ports
    this.interfaces = parts.interfaces
    this.connections = parts.connections
    this.tracking = parts.tracking
    this.fragments = parts.fragments
    this.errors = parts.errors
    this.link = parts.link
    this.gateway = parts.gateway
    this.nextHop = parts.nextHop
    this.wayOut = parts.wayOut
    this.stage = parts.stage
    this.counters = parts.counters
    this.trail = parts.counters.trail
  }

  /**
   * A packet of a connection, in the reference's direction. True where it is a first fragment, and has got to its way out: what
   * has waited for it may follow.
   */
  forward(row: number, reference: number, nowS: number): boolean {
    this.trail.flow = reference
    const { rows, connections, wayOut } = this
    const traits = rows[row + TRAITS]!
    if ((traits & EXPIRED) !== 0) {
      this.gateway.reject(rows, row, DropReason.ttlExceeded, nowS)
      return false
    }
    const flags = connections.flags(reference)
    // By two hosts a client may have asked the same backend from the same port: who came first has the connection.
    if (
      (flags & PINNED) !== 0 &&
      (reference & 1) === 0 &&
      connections.owner(reference) !== rows[row + PORT]
    ) {
      this.counters.dropped(rows[row + PORT]!, DropReason.wrongInterface)
      return false
    }
    if ((traits & FIRST_FRAGMENT) !== 0) this.fragments.remember(row, reference, nowS)
    const domain = connections.domain(reference ^ 1)
    const mtu = this.interfaces.mtu[domain]!
    if (rows[row + END]! - rows[row + NETWORK]! > mtu && wayOut.mustStayWhole(row, mtu)) {
      this.gateway.rejectLong(rows, row, mtu, nowS)
      return false
    }
    const neighbour = this.nextHop.find(row, reference, nowS)
    if (neighbour === NONE) return false
    if (this.ports.hasPeers[domain] === 1 && this.rejectsLongForPeer(row, neighbour, domain, nowS))
      return false
    this.tracking.track(row, reference, nowS)
    if ((flags & TRANSLATED) !== 0) this.translate(row, reference)
    if ((flags & SERVED) !== 0) this.stage.endings.note(row, reference)
    if ((rows[row + CONTROL]! & SYN) !== 0) wayOut.clamp(row, domain)
    wayOut.transmit(row, neighbour, domain, nowS)
    return (traits & FIRST_FRAGMENT) !== 0
  }

  /** An ICMP error that IcmpRelay has just decided on, to the end of the connection that it is for. */
  relay(row: number, nowS: number): void {
    const { errors } = this
    this.trail.flow = errors.reference
    const neighbour = this.nextHop.find(row, errors.reference, nowS)
    if (neighbour === NONE) return
    errors.translate(row)
    this.wayOut.transmit(row, neighbour, this.link.neighbours.domain(neighbour), nowS)
  }

  /** The way to a peer may be narrower than the network. */
  private rejectsLongForPeer(row: number, neighbour: number, domain: number, nowS: number): boolean {
    const { rows } = this
    const mtu = this.link.peerMtu(neighbour, domain, nowS)
    if (rows[row + END]! - rows[row + NETWORK]! <= mtu || !this.wayOut.mustStayWhole(row, mtu)) return false
    this.gateway.rejectLong(rows, row, mtu, nowS)
    return true
  }

  /** Puts the addresses and ports of the other tuple in place of those that the packet came with. */
  private translate(row: number, reference: number): void {
    const { rows, connections } = this
    const other = reference ^ 1
    rewriteAddresses(
      this.view,
      rows[row + OFFSET]!,
      rows[row + NETWORK]!,
      rows[row + TRANSPORT]!,
      rows[row + PROTOCOL]!,
      (rows[row + TRAITS]! & HAS_PORTS) !== 0,
      connections.destination(other),
      connections.source(other),
      swapPorts(connections.ports(other)),
    )
  }
}
