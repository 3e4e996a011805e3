/**
 * Answers of a backend to a client of its own network. They are for the client's MAC address, so the switch would hand them over as they are;
 * but the client has asked the virtual address, and would not know them. So what goes to a port that has used a virtual address is looked up
 * among the connections before it leaves, and goes to the router where it belongs to one.
 *
 *     client ── to the virtual address ──► router ──► backend
 *        ▲                                   ▲           │
 *        └────── from the virtual address ───┘◄── steered┘   for the client's own MAC address
 *
 * A domain without services does not ask, and in one with services only frames to such ports are looked at.
 */

import { PORTS_MAX } from '../../limits.ts'
import type { ConnectionTable } from '../../tables/connection-table.ts'
import * as ethernet from '../../wire/ethernet.ts'
import type { DatagramFragments } from '../datagram-fragments.ts'
import { FRAGMENTS_REFUSED, NOT_DECIDED } from '../datagram-fragments.ts'
import { DropReason } from '../drop-reason.ts'
import type { FrameMemory } from '../frame-memory.ts'
import { type IcmpRelay, RELAYED } from '../icmp-relay.ts'
import * as packets from '../packets.ts'

const { DOMAIN, EXTRA_ROW, ICMP_ERROR, LATER_FRAGMENT, LENGTH, OFFSET, PORT, TRAITS } = packets
const NONE = -1

/** Of the router, what steering asks. */
export interface SteeringRouter {
  inspect(row: number): number
  lookup(row: number): number
  isStillOf(row: number, reference: number): boolean
}

export interface ReplySteeringParts {
  readonly memory: FrameMemory
  readonly rows: Int32Array
  readonly connections: ConnectionTable
  readonly fragments: DatagramFragments
  readonly errors: IcmpRelay
  readonly router: SteeringRouter
}

export class ReplySteering {
  /** By port: 1 where stations behind it have asked a virtual address. */
  readonly clients = new Uint8Array(PORTS_MAX)
  private readonly parts: ReplySteeringParts

  constructor(parts: ReplySteeringParts) {
    this.parts = parts
  }

  /**
   * Whether a frame that the switch would hand over within the domain belongs to a connection that the router translates. Only reads. A
   * later fragment that overtakes its first one is not known.
   */
  concerns(port: number, offset: number, length: number, domain: number, nowS: number): boolean {
    const { memory, rows, router, connections } = this.parts
    if (ethernet.etherType(memory.view, offset) !== ethernet.TYPE_IPV4) return false
    rows[EXTRA_ROW + PORT] = port
    rows[EXTRA_ROW + OFFSET] = offset
    rows[EXTRA_ROW + LENGTH] = length
    rows[EXTRA_ROW + DOMAIN] = domain
    if (router.inspect(EXTRA_ROW) !== DropReason.none) return false
    const reference = this.find(nowS)
    return reference !== NONE && connections.domain(reference) === domain && this.isTranslated(reference)
  }

  private find(nowS: number): number {
    const { rows, router, fragments, errors } = this.parts
    const traits = rows[EXTRA_ROW + TRAITS]!
    if ((traits & LATER_FRAGMENT) !== 0) {
      const decided = fragments.decided(EXTRA_ROW, nowS)
      const isKnown = decided !== NOT_DECIDED && decided < FRAGMENTS_REFUSED
      return isKnown && router.isStillOf(EXTRA_ROW, decided) ? decided : NONE
    }
    if ((traits & ICMP_ERROR) !== 0) return errors.decide(EXTRA_ROW) === RELAYED ? errors.reference : NONE
    return router.lookup(EXTRA_ROW)
  }

  /** A connection that is not is the switch's business: its packets may pass the router in one direction only. */
  private isTranslated(reference: number): boolean {
    const { connections } = this.parts
    return connections.source(reference) !== connections.destination(reference ^ 1)
  }
}
