/**
 * Whom a connection's packets are handed to: by the longest prefix to an address of a link, by its neighbour table to a MAC address.
 * The connection remembers the neighbour by index and generation, so that both are looked up once, and again when something changes.
 */

import { NEIGHBOUR_QUESTIONS_BURST, NEIGHBOUR_QUESTIONS_PER_S, PORTS_MAX } from '../limits.ts'
import { RateLimit } from '../protocols/rate-limit.ts'
import type { ConnectionTable } from '../tables/connection-table.ts'
import { NeighbourState } from '../tables/neighbour-table.ts'
import type { Counters } from './counters.ts'
import { DropReason } from './drop-reason.ts'
import { PINNED } from './flow-flags.ts'
import { type ForwardingTable, NO_ROUTE } from './forwarding-table.ts'
import type { Gateway } from './gateway.ts'
import type { LinkLayer } from './link-layer.ts'
import * as packets from './packets.ts'
import type { PortTable } from './port-table.ts'
import type { ReturnHops } from './services/return-hops.ts'

const { LENGTH, OFFSET, PORT } = packets
const { incomplete: INCOMPLETE, stale: STALE, failed: FAILED } = NeighbourState
const NONE = -1

export interface NextHopParts {
  readonly rows: Int32Array
  readonly ports: PortTable
  readonly connections: ConnectionTable
  readonly forwarding: ForwardingTable
  readonly link: LinkLayer
  readonly gateway: Gateway
  readonly returnHops: ReturnHops
  readonly counters: Counters
}

export class NextHop {
  private readonly rows: Int32Array
  private readonly ports: PortTable
  private readonly connections: ConnectionTable
  private readonly forwarding: ForwardingTable
  private readonly link: LinkLayer
  private readonly gateway: Gateway
  private readonly returnHops: ReturnHops
  private readonly counters: Counters
  /** By port of the switch. */
  private readonly questions = new RateLimit(PORTS_MAX, NEIGHBOUR_QUESTIONS_PER_S, NEIGHBOUR_QUESTIONS_BURST)
  /** Why `resolve` found nobody. */
  private reason: number = DropReason.none

  constructor(parts: NextHopParts) {
    this.rows = parts.rows
    this.ports = parts.ports
    this.connections = parts.connections
    this.forwarding = parts.forwarding
    this.link = parts.link
    this.gateway = parts.gateway
    this.returnHops = parts.returnHops
    this.counters = parts.counters
  }

  /**
   * The neighbour to whom packets of this direction go, with its MAC address known; or -1 where the packet in the row has been taken
   * care of otherwise: it waits, or it is dropped.
   */
  find(row: number, reference: number, nowS: number): number {
    const hop = this.connections.hop(reference)
    const { neighbours } = this.link
    const index = hop >>> 16
    const isKnown = hop !== 0 && neighbours.generation(index) === (hop & 0xffff)
    return isKnown && neighbours.state(index) > STALE ? index : this.findAnew(row, reference, hop, nowS)
  }

  /** The same where the flow remembers nobody, or one who has not been heard for a while. */
  private findAnew(row: number, reference: number, hop: number, nowS: number): number {
    const { connections } = this
    const { neighbours } = this.link
    const other = reference ^ 1
    let index = hop >>> 16
    if (hop === 0 || neighbours.generation(index) !== (hop & 0xffff)) {
      index = this.isReturn(reference)
        ? this.returnHop(reference)
        : this.resolve(connections.source(other), connections.domain(other), this.rows[row + PORT]!, nowS)
      if (index === NONE) {
        this.gateway.reject(this.rows, row, this.reason, nowS)
        // It leads elsewhere now, where it would go under another address: the next packet begins anew.
        if (this.reason === DropReason.noConnection) connections.remove(reference)
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

  /** An answer that goes to the router that the connection came from. */
  isReturn(reference: number): boolean {
    return (reference & 1) === 1 && (this.connections.flags(reference) & PINNED) !== 0
  }

  private returnHop(reference: number): number {
    const { connections } = this
    this.reason = DropReason.noRoute
    return this.returnHops.find(connections.domain(reference ^ 1), connections.owner(reference))
  }

  /** The neighbour by which `destination` is reached, asked for where it is new; or NONE and the reason. */
  private resolve(destination: number, domain: number, port: number, nowS: number): number {
    const { forwarding, link } = this
    const route = forwarding.lookup(destination)
    this.reason = route === NO_ROUTE ? DropReason.noRoute : DropReason.noConnection
    if (route === NO_ROUTE || forwarding.domain(route) !== domain) return NONE
    if (this.ports.members(domain).length === 0) {
      this.reason = DropReason.uplinkDown
      return NONE
    }
    const nextHop = forwarding.nextHop(route)
    const address = nextHop === 0 ? destination : nextHop
    const known = link.neighbours.lookup(domain, address)
    return known === NONE ? this.askFor(domain, address, port, nowS) : known
  }

  /** Who looks for more neighbours than there are would keep the link busy with questions, and push out the others' answers. */
  private askFor(domain: number, address: number, port: number, nowS: number): number {
    const { link } = this
    this.reason = DropReason.neighbourQueueFull
    if (!this.questions.take(port, nowS)) return NONE
    const index = link.neighbours.resolve(domain, address, nowS)
    if (index === NONE) return NONE
    link.giveUp(index)
    link.ask(index, false, nowS)
    return index
  }

  private wait(row: number, index: number, state: number, nowS: number): void {
    const { rows } = this
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
}
