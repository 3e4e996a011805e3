/**
 * A frame for everybody, or for a station that nobody knows: to all other ports of its bridge domain (IEEE 802.1Q, 8.8), unless one of those
 * takes it who know better.
 *
 *     ARP for the gateway? ─► an answer to be translated? ─► ARP that is answered here? ─► egress, once for each port
 *              └── router              └── router                     └── suppression
 */

import * as ethernet from '../wire/ethernet.ts'
import type { Counters } from './counters.ts'
import { DropReason } from './drop-reason.ts'
import type { Egress } from './egress.ts'
import type { FrameMemory } from './frame-memory.ts'
import type { Icc } from './icc.ts'
import { NO_INTERFACE } from './interface-table.ts'
import { ARP_CONSUMED, ARP_DROPPED, ARP_PASSES } from './link-layer.ts'
import type { PortTable } from './port-table.ts'
import type { RareSwitching } from './rare-switching.ts'
import type { Router } from './router.ts'
import type { Tunnels } from './tunnel/tunnels.ts'

// Constants of this module, whose values V8 compiles in; an imported one it would load and check at each use.
const { etherType, TYPE_ARP } = ethernet

export interface FloodingParts {
  readonly memory: FrameMemory
  readonly ports: PortTable
  readonly icc: Icc
  readonly router: Router
  readonly rare: RareSwitching
  readonly tunnels: Tunnels
  readonly egress: Egress
  readonly counters: Counters
}

export class Flooding {
  private readonly view: DataView
  private readonly ports: PortTable
  private readonly icc: Icc
  private readonly router: Router
  private readonly rare: RareSwitching
  private readonly tunnels: Tunnels
  private readonly egress: Egress
  private readonly counters: Counters

  constructor(parts: FloodingParts) {
    this.view = parts.memory.view
    this.ports = parts.ports
    this.icc = parts.icc
    this.router = parts.router
    this.rare = parts.rare
    this.tunnels = parts.tunnels
    this.egress = parts.egress
    this.counters = parts.counters
  }

  /** `port`: where it came from. */
  flood(port: number, offset: number, length: number, domain: number, nowS: number): void {
    if (
      this.router.interfaces.kind[domain] !== NO_INTERFACE &&
      this.isForRouter(port, offset, length, domain, nowS)
    ) {
      return
    }
    if (this.ports.direct[domain] === 0 && this.rare.takes(port, offset, length, domain, nowS)) return
    if (this.ports.hasPeers[domain] === 1 && this.tunnels.suppression.answer(port, offset, length, domain))
      return
    const members = this.ports.floodMembers(domain, port)
    const isKept = this.ports.icc[domain] === 0 && !this.icc.allowsFlood(this.view, offset, port)
    const targets = this.egress.flood(isKept ? this.icc.hostsAmong(members) : members, port, offset, length)
    if (targets > 0) this.counters.flooded(port, targets)
    else this.counters.dropped(port, isKept ? DropReason.iccDisabled : DropReason.noOtherPort)
  }

  /** Whether a frame for everybody is one that the gateway alone deals with: ARP that asks for it. */
  private isForRouter(port: number, offset: number, length: number, domain: number, nowS: number): boolean {
    if (etherType(this.view, offset) !== TYPE_ARP) return false
    const verdict = this.router.receiveArp(port, offset, length, domain, nowS)
    if (verdict === ARP_CONSUMED) this.counters.consumed(port)
    if (verdict === ARP_DROPPED) this.counters.dropped(port, DropReason.arpSpoofed)
    return verdict !== ARP_PASSES
  }
}
