/**
 * How connections to backends end before their time: where the backend has gone, or nothing was said for as long as a connection may be
 * silent, both ends are told by a reset, and do not wait for somebody who does not answer any more.
 *
 * A reset counts only where its number is the one that the receiver expects next (RFC 5961, 3.2). That is what the receiver has acknowledged
 * last, so that is noted of each packet. Where more is on its way the receiver asks back, and what it then sends belongs to no
 * connection: it is led to another backend, which resets it, or is refused.
 */

import { SERVICE_RESET_WAIT_S, SERVICE_RESETS_MAX, SERVICE_SWEEP_MAX } from '../../limits.ts'
import { composeResetOf, RESET_FRAME_SIZE } from '../../protocols/tcp-reset.ts'
import type { ConnectionTable } from '../../tables/connection-table.ts'
import { NeighbourState } from '../../tables/neighbour-table.ts'
import * as ipProtocol from '../../wire/ip-protocol.ts'
import * as tcp from '../../wire/tcp.ts'
import { swapped } from '../admission.ts'
import type { Bridge } from '../bridge.ts'
import type { Counters } from '../counters.ts'
import { DropReason } from '../drop-reason.ts'
import { type Egress, NO_ROOM } from '../egress.ts'
import { type ForwardingTable, NO_ROUTE } from '../forwarding-table.ts'
import type { FrameMemory } from '../frame-memory.ts'
import type { InterfaceTable } from '../interface-table.ts'
import type { LinkLayer } from '../link-layer.ts'
import * as packets from '../packets.ts'
import type { PortTable } from '../port-table.ts'
import { ROUTER_PORT } from '../router-port.ts'
import { isOpen } from '../tcp-tracking.ts'
import type { ServiceTable } from './service-table.ts'

const { CONTROL, TRANSPORT } = packets
const { TCP } = ipProtocol
const { ACK, acknowledgmentNumber } = tcp
const NONE = -1
const NOT_SWEEPING = -1

interface PendingReset {
  /** Where it leaves, and the next hop there. */
  readonly domain: number
  readonly address: number
  readonly source: number
  readonly destination: number
  readonly ports: number
  readonly sequence: number
  /** How long the next hop is waited for; 0: it has not been asked for. */
  untilS: number
}

export interface ServiceEndingsParts {
  readonly memory: FrameMemory
  readonly rows: Int32Array
  readonly ports: PortTable
  readonly interfaces: InterfaceTable
  readonly connections: ConnectionTable
  readonly forwarding: ForwardingTable
  readonly bridge: Bridge
  readonly link: LinkLayer
  readonly egress: Egress
  readonly counters: Counters
  readonly services: ServiceTable
}

export class ServiceEndings {
  private readonly parts: ServiceEndingsParts
  private readonly rows: Int32Array
  private readonly view: DataView
  /** By reference: the number that the packets of this direction acknowledged last; 0 for none. Untouched pages are not there. */
  private readonly acknowledged: Int32Array
  /** Resets that are to be sent: one goes while there is room in the list of transmissions. */
  private readonly pending: PendingReset[] = []
  /** Resets whose next hop is asked for, and when these were last looked at. */
  private readonly waiting: PendingReset[] = []
  private askedS = 0
  /** The connection that is looked at next. */
  private cursor = NOT_SWEEPING

  constructor(parts: ServiceEndingsParts) {
    this.parts = parts
    this.rows = parts.rows
    this.view = parts.memory.view
    this.acknowledged = new Int32Array(2 * parts.connections.capacity)
  }

  /** A connection to a backend begins. */
  begin(reference: number): void {
    this.acknowledged[reference] = 0
    this.acknowledged[reference ^ 1] = 0
  }

  /** A packet of one passes; of TCP it has its header. */
  note(row: number, reference: number): void {
    const { rows } = this
    // A later fragment has no control bits.
    if ((rows[row + CONTROL]! & ACK) === 0) return
    this.acknowledged[reference] = acknowledgmentNumber(this.view, rows[row + TRANSPORT]!)
  }

  /** Backends have gone: their connections end in the calls of `sweep` that follow. */
  startSweep(): void {
    this.cursor = 0
  }

  /** Looks at some connections; true where there are more to be looked at now. */
  sweep(): boolean {
    if (this.cursor === NOT_SWEEPING) return false
    const { connections, services } = this.parts
    const end = Math.min(connections.end, this.cursor + 2 * SERVICE_SWEEP_MAX)
    for (; this.cursor < end; this.cursor += 2) {
      // What is due is sent first.
      if (this.pending.length > SERVICE_RESETS_MAX - 2) return true
      const flow = this.cursor
      if (!connections.isUsed(flow) || connections.service(flow) === 0) continue
      if (services.hasBackend(connections.service(flow), connections.source(flow | 1))) continue
      this.end(flow)
    }
    if (this.cursor < connections.end) return true
    this.cursor = NOT_SWEEPING
    return false
  }

  /** The port goes, and with it what it was charged for. */
  endOwner(port: number): void {
    const { connections } = this.parts
    let flow = connections.firstOf(port)
    while (flow !== NONE) {
      const next = connections.nextOf(flow)
      if (connections.service(flow) !== 0) this.end(flow)
      flow = next
    }
  }

  /** Connections that a published range has made; it is no more. Returns how many there were. */
  endMapped(mapping: number): number {
    const { connections } = this.parts
    const before = connections.size
    for (let flow = connections.next(NONE); flow !== NONE; flow = connections.next(flow)) {
      if (connections.mapping(flow) === mapping) this.end(flow)
    }
    return before - connections.size
  }

  /** The connection is about to be removed: both ends are told in the calls of `send` that follow. */
  tell(reference: number): void {
    const { connections } = this.parts
    if (connections.service(reference) === 0 || connections.protocol(reference) !== TCP) return
    if (!isOpen(connections.state(reference))) return
    this.reset(reference & ~1)
    this.reset(reference | 1)
  }

  /** Sends what is due, as far as there is room; true where there is more to be sent now. */
  send(nowS: number): boolean {
    if (this.waiting.length > 0 && nowS !== this.askedS) this.askAgain(nowS)
    while (this.pending.length > 0) {
      if (!this.parts.egress.hasRoom) return true
      const reset = this.pending.pop()!
      const index = this.neighbourOf(reset, nowS)
      if (index !== NONE) this.sendOne(reset, index, nowS)
    }
    return false
  }

  /** Once a second: who has answered meanwhile is told, and who does not answer is not waited for. */
  private askAgain(nowS: number): void {
    this.askedS = nowS
    for (const reset of this.waiting.splice(0)) {
      if (nowS < reset.untilS) this.pending.push(reset)
    }
  }

  /** Who gets it; NONE where nobody knows, and it waits. After hours of silence the neighbour is asked for anew. */
  private neighbourOf(reset: PendingReset, nowS: number): number {
    const { link, interfaces, ports } = this.parts
    const { neighbours } = link
    const { domain, address } = reset
    if (!interfaces.exists(domain) || (ports.members(domain)?.length ?? 0) === 0) return NONE
    let index = neighbours.lookup(domain, address)
    if (index !== NONE && neighbours.state(index) >= NeighbourState.stale) return index
    if (index === NONE) {
      index = neighbours.resolve(domain, address, nowS)
      if (index === NONE) return NONE
      link.giveUp(index)
      link.ask(index, false, nowS)
    }
    this.askedS = nowS
    if (reset.untilS === 0) reset.untilS = nowS + SERVICE_RESET_WAIT_S
    this.waiting.push(reset)
    return NONE
  }

  private end(flow: number): void {
    this.tell(flow)
    this.parts.connections.remove(flow)
  }

  /** Resets the end that packets of this direction go to. */
  private reset(reference: number): void {
    const { connections, forwarding } = this.parts
    const other = reference ^ 1
    const sequence = this.acknowledged[other]!
    const destination = connections.source(other)
    const domain = connections.domain(other)
    const route = forwarding.lookup(destination)
    if (sequence === 0 || route === NO_ROUTE || forwarding.domain(route) !== domain) return
    if (this.pending.length + this.waiting.length >= SERVICE_RESETS_MAX) return
    const nextHop = forwarding.nextHop(route)
    this.pending.push({
      domain,
      address: nextHop === 0 ? destination : nextHop,
      source: connections.destination(other),
      destination,
      ports: swapped(connections.ports(other)),
      sequence,
      untilS: 0,
    })
  }

  private sendOne(reset: PendingReset, index: number, nowS: number): void {
    const { interfaces, ports, counters, link, bridge, egress } = this.parts
    const { domain, source, destination, sequence } = reset
    const targetHigh = link.neighbours.macHigh(index)
    const targetLow = link.neighbours.macLow(index)
    // The others of a network need not hear that one has gone.
    const isGone = bridge.decide(targetHigh, targetLow, ROUTER_PORT, domain, nowS) < 0
    const at = isGone && interfaces.isInside(domain) ? NO_ROOM : egress.allocate(RESET_FRAME_SIZE)
    if (at === NO_ROOM) return
    const sourceHigh = interfaces.macHigh[domain]!
    const sourceLow = interfaces.macLow[domain]!
    const frame = { targetHigh, targetLow, sourceHigh, sourceLow, source, destination, sequence }
    composeResetOf(this.view, at, { ...frame, ports: reset.ports })
    const [first] = ports.members(domain)
    counters.originated(first!)
    const reason = link.forward(domain, targetHigh, targetLow, at, RESET_FRAME_SIZE, nowS)
    if (reason !== DropReason.none) counters.dropped(first!, reason as DropReason)
  }
}
