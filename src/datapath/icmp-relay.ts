/**
 * ICMP errors on their way through the router: about a packet of a connection, to the end that sent that packet (RFC 5508, 4.2). It
 * must read as though that end had been spoken to directly, so what the error quotes is translated, too.
 *
 *     sandbox ──── packet ────► router ──── packet, translated ────► narrow link
 *     sandbox ◄─── error: "packet" ─── router ◄─── error: "packet, translated"
 */

import type { ConnectionTable } from '../tables/connection-table.ts'
import * as ipv4 from '../wire/ipv4.ts'
import { swapped } from './admission.ts'
import { DropReason } from './drop-reason.ts'
import { type ForwardingTable, NO_ROUTE, ROUTE_LOCAL } from './forwarding-table.ts'
import type { FrameMemory } from './frame-memory.ts'
import { embeddedCheck, embeddedPorts, rewriteEmbedded } from './icmp-error.ts'
import type { InterfaceTable } from './interface-table.ts'
import * as packets from './packets.ts'

const { DESTINATION, DOMAIN, END, NETWORK, OFFSET, SOURCE, TRANSPORT } = packets
const NONE = -1
const TTL = 8

/** It is about a connection: `reference` says in which direction it goes. */
export const RELAYED = 0
/** About nothing of ours, but the host that shares the network's gateway address has an end of its own here. */
export const TO_HOST = -1

export interface IcmpRelayParts {
  readonly rows: Int32Array
  readonly memory: FrameMemory
  readonly connections: ConnectionTable
  readonly interfaces: InterfaceTable
  readonly forwarding: ForwardingTable
}

export class IcmpRelay {
  /** The direction of the error: against that of the packet that it is about. */
  reference = NONE
  private readonly rows: Int32Array
  private readonly view: DataView
  private readonly connections: ConnectionTable
  private readonly interfaces: InterfaceTable
  private readonly forwarding: ForwardingTable

  constructor(parts: IcmpRelayParts) {
    this.rows = parts.rows
    this.view = parts.memory.view
    this.connections = parts.connections
    this.interfaces = parts.interfaces
    this.forwarding = parts.forwarding
  }

  /** RELAYED, TO_HOST or a DropReason, for the error in this row. Only reads. */
  decide(row: number): number {
    const { rows, view } = this
    const embedded = embeddedCheck(view, rows[row + TRANSPORT]!, rows[row + END]!)
    this.reference = embedded === 0 ? NONE : this.connectionOf(embedded)
    if (this.reference === NONE) return this.decideStray(row)
    if (this.connections.domain(this.reference) !== rows[row + DOMAIN]) return DropReason.wrongInterface
    if (!this.mayReport(rows[row + SOURCE]!, rows[row + DOMAIN]!)) return DropReason.addressSpoofed
    return view.getUint8(rows[row + NETWORK]! + TTL) <= 1 ? DropReason.ttlExceeded : RELAYED
  }

  /**
   * Whether this sender can have met the packet: its destination can, and routers on its way, also such as are behind a sandbox. Of two
   * stations of one network neither is on the way to the other, so a neighbour that reports its packets lies.
   */
  private mayReport(sender: number, domain: number): boolean {
    const { interfaces } = this
    const end = this.connections.source(this.reference)
    if (sender === end || !interfaces.isInside(domain)) return true
    return !interfaces.isOnLink(domain, sender) || !interfaces.isOnLink(domain, end)
  }

  /** Who sent the packet that the error is about. */
  get receiver(): number {
    return this.connections.source(this.reference ^ 1)
  }

  /** Makes of the error what its receiver can understand. */
  translate(row: number): void {
    const { rows, connections, reference } = this
    const other = reference ^ 1
    // From the end itself, or from within a network that hides its addresses: as the receiver knows that end.
    const isEnd = rows[row + SOURCE] === connections.source(reference)
    const hides =
      this.interfaces.isInside(rows[row + DOMAIN]!) &&
      connections.source(reference) !== connections.destination(other)
    rewriteEmbedded(
      this.view,
      rows[row + OFFSET]!,
      rows[row + NETWORK]!,
      rows[row + TRANSPORT]!,
      rows[row + END]!,
      connections.source(other),
      connections.destination(other),
      connections.ports(other),
      isEnd || hides ? connections.destination(other) : rows[row + SOURCE]!,
      connections.source(other),
    )
  }

  private connectionOf(embedded: number): number {
    const { view, connections } = this
    const protocol = ipv4.protocol(view, embedded)
    const source = ipv4.destinationAddress(view, embedded)
    const destination = ipv4.sourceAddress(view, embedded)
    const ports = swapped(embeddedPorts(view, embedded))
    const hash = connections.hash(protocol, source, destination, ports)
    return connections.lookup(hash, protocol, source, destination, ports)
  }

  /** About nothing of ours: it may be the host's. */
  private decideStray(row: number): number {
    const { rows, forwarding, interfaces } = this
    const domain = rows[row + DOMAIN]!
    const route = forwarding.lookup(rows[row + DESTINATION]!)
    if (route === NO_ROUTE || forwarding.kind(route) !== ROUTE_LOCAL) return DropReason.noConnection
    if (interfaces.hostPort[domain] !== NONE) return TO_HOST
    return interfaces.shared[domain] === 1 ? DropReason.notOurs : DropReason.noConnection
  }
}
