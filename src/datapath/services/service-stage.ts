/** The router's part in services: what it notes of their connections, and what it does for them in between. */

import type { ConnectionTable } from '../../tables/connection-table.ts'
import type { MacTable } from '../../tables/mac-table.ts'
import type { AdmissionControl } from '../admission.ts'
import * as flowFlags from '../flow-flags.ts'
import type { IcmpRelay } from '../icmp-relay.ts'
import * as packets from '../packets.ts'
import { ReplySteering, type ReplySteeringParts, type SteeringRouter } from './reply-steering.ts'
import { ReturnHops } from './return-hops.ts'
import { ServiceEndings, type ServiceEndingsParts } from './service-endings.ts'

const { DOMAIN, OFFSET, PORT } = packets
const { PINNED, SERVED } = flowFlags

export interface ServiceStageParts extends ServiceEndingsParts {
  readonly fragments: ReplySteeringParts['fragments']
  readonly errors: IcmpRelay
  readonly admission: AdmissionControl
  readonly stations: MacTable
  readonly router: SteeringRouter
}

export class ServiceStage {
  readonly steering: ReplySteering
  readonly endings: ServiceEndings
  readonly returnHops: ReturnHops
  private readonly parts: ServiceStageParts
  private readonly connections: ConnectionTable

  constructor(parts: ServiceStageParts) {
    this.parts = parts
    this.connections = parts.connections
    this.steering = new ReplySteering(parts)
    this.endings = new ServiceEndings(parts)
    this.returnHops = new ReturnHops(parts.link.neighbours, parts.stations)
    this.connections.whenExpired = (reference) => this.endings.tell(reference)
  }

  /** A connection that admission has just decided on. */
  began(row: number, reference: number): void {
    const { admission } = this.parts
    if (admission.service !== 0) this.serve(row, reference, admission.service)
    if (admission.pinned) this.pin(row, reference)
  }

  /** True where there is more to do at once. */
  tick(nowS: number): boolean {
    const isSweeping = this.endings.sweep()
    return this.endings.send(nowS) || isSweeping
  }

  /** The port goes: its connections are about to be removed. */
  removePort(port: number, domain: number): void {
    this.endings.endOwner(port)
    this.steering.clients[port] = 0
    this.returnHops.removePort(port, domain)
  }

  /** By two hosts a client may have asked the same backend from the same port: who came first has the connection. */
  isAnothers(row: number, reference: number): boolean {
    return (reference & 1) === 0 && this.connections.owner(reference) !== this.parts.rows[row + PORT]
  }

  /** A service has chosen the connection's backend. */
  private serve(row: number, reference: number, service: number): void {
    const { rows, admission } = this.parts
    this.connections.setService(reference, service)
    this.mark(reference, SERVED)
    this.endings.begin(reference)
    // Of the same network: the backend answers straight to it.
    if (rows[row + DOMAIN] === admission.egress) this.steering.clients[rows[row + PORT]!] = 1
  }

  /** Answers go back to the router that the packet came from. */
  private pin(row: number, reference: number): void {
    const { rows, memory } = this.parts
    this.mark(reference, PINNED)
    this.returnHops.note(memory.view, rows[row + OFFSET]!, rows[row + PORT]!, rows[row + DOMAIN]!)
  }

  private mark(reference: number, flag: number): void {
    this.connections.setFlags(reference, this.connections.flags(reference) | flag)
  }
}
