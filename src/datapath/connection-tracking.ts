/**
 * What a packet does to its connection: the first one enters it, each counts and keeps it alive, some move it on (Linux: conntrack).
 *
 *     first packet ─► open: admission's decision becomes the two tuples ─┐
 *     any packet   ─────────────────────────────────────────────────────┴─► track: packets, state, deadline
 *
 * Which states there are, and how long each may be silent, is in tcp-tracking.ts. What the connection does to the packet is in
 * connection-path.ts.
 *
 * Nothing here allocates.
 */

import type { ConnectionTable } from '../tables/connection-table.ts'
import type { PortMap } from '../tables/port-map.ts'
import { type AdmissionControl, swapped } from './admission.ts'
import { Fact } from './capture/recorded-frame.ts'
import type { Trail } from './capture/trail.ts'
import type { Counters } from './counters.ts'
import * as flowFlags from './flow-flags.ts'
import * as packets from './packets.ts'
import type { ServiceStage } from './services/service-stage.ts'
import * as tcpTracking from './tcp-tracking.ts'

// Constants of this module, whose values V8 compiles in; an imported one it would load and check at each use.
const { CONTROL, DESTINATION, DOMAIN, LATER_FRAGMENT, PORTS, PROTOCOL, SOURCE, TRAITS } = packets
const { firstState, isOpen, isTcpState, nextFlags, nextState, FLOW_TIMEOUTS_S } = tcpTracking
const changesState = tcpTracking.concernsState
const { TRACKING_FLAGS, TRANSLATED } = flowFlags
const { beganFlow: BEGAN_FLOW } = Fact
const swapPorts = swapped
const NONE = -1

export interface ConnectionTrackingParts {
  readonly rows: Int32Array
  readonly connections: ConnectionTable
  readonly portMap: PortMap
  readonly admission: AdmissionControl
  readonly stage: ServiceStage
  readonly counters: Counters
}

export class ConnectionTracking {
  private readonly rows: Int32Array
  private readonly connections: ConnectionTable
  private readonly portMap: PortMap
  private readonly admission: AdmissionControl
  private readonly stage: ServiceStage
  private readonly trail: Trail

  constructor(parts: ConnectionTrackingParts) {
    this.rows = parts.rows
    this.connections = parts.connections
    this.portMap = parts.portMap
    this.admission = parts.admission
    this.stage = parts.stage
    this.trail = parts.counters.trail
  }

  /**
   * Enters the connection that admission has decided on, for the packet in this row. Its reference in this packet's direction, or what
   * `ConnectionTable.insert` says where there is no room, below 0.
   */
  open(row: number, nowS: number): number {
    const { rows, admission, connections } = this
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
      swapPorts(admission.ports),
      admission.owner,
      nowS + FLOW_TIMEOUTS_S[state]!,
    )
    if (reference < 0) return reference
    const translated =
      source !== admission.source || destination !== admission.destination || ports !== admission.ports
    this.trail.facts |= BEGAN_FLOW
    connections.setState(reference, state)
    connections.setFlags(reference, translated ? TRANSLATED : 0)
    connections.setDomain(reference, rows[row + DOMAIN]!)
    connections.setDomain(reference ^ 1, admission.egress)
    if (admission.mapping !== NONE) connections.setMapping(reference, this.portMap.id(admission.mapping))
    this.stage.began(row, reference)
    return reference
  }

  /** Counts the packet, and moves the connection on. */
  track(row: number, reference: number, nowS: number): void {
    const { connections } = this
    connections.count(reference)
    let state = connections.state(reference)
    if (changesState(state, this.rows[row + CONTROL]!)) state = this.moveOn(row, reference, state)
    if (!connections.isConfirmed(reference) && this.isConfirming(reference, state))
      connections.confirm(reference)
    connections.refresh(reference, nowS + FLOW_TIMEOUTS_S[state]!)
  }

  /**
   * Whether this packet shows that both ends are there. An answer alone does not: a server answers each SYN and each question, also
   * those whose sender is forged.
   */
  private isConfirming(reference: number, state: number): boolean {
    if (isTcpState(state)) return isOpen(state) && this.connections.packets(reference ^ 1) > 0
    return (reference & 1) === 0 && this.connections.packets(reference | 1) > 0
  }

  /** The connection's state after a packet that may change it. */
  private moveOn(row: number, reference: number, state: number): number {
    const { rows, connections } = this
    // A later fragment says nothing about its connection.
    if ((rows[row + TRAITS]! & LATER_FRAGMENT) !== 0) return state
    const direction = reference & 1
    const control = rows[row + CONTROL]!
    const flags = connections.flags(reference)
    const before = flags & TRACKING_FLAGS
    const after = nextFlags(state, before, direction, control)
    const next = nextState(state, before, after, direction, control)
    connections.setState(reference, next)
    if (after !== before) connections.setFlags(reference, (flags & ~TRACKING_FLAGS) | after)
    return next
  }
}
