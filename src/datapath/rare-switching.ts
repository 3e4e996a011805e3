/** What the switch does with a frame from one port to another of a domain whose sandboxes may not talk to one another, or that has services. */

import { isMulticast, targetHigh } from '../wire/ethernet.ts'
import type { Counters } from './counters.ts'
import { DropReason } from './drop-reason.ts'
import type { Egress } from './egress.ts'
import type { FrameMemory } from './frame-memory.ts'
import type { Icc } from './icc.ts'
import type { PortTable } from './port-table.ts'
import type { Router } from './router.ts'

export interface RareSwitchingParts {
  readonly memory: FrameMemory
  readonly ports: PortTable
  readonly icc: Icc
  readonly router: Router
  readonly egress: Egress
  readonly counters: Counters
}

export class RareSwitching {
  private readonly parts: RareSwitchingParts

  constructor(parts: RareSwitchingParts) {
    this.parts = parts
  }

  /** `target`: the port that its station is behind. */
  send(port: number, offset: number, length: number, domain: number, target: number, nowS: number): void {
    const { router, ports, icc, memory, egress, counters } = this.parts
    const { steering } = router.stage
    if (steering.clients[target] === 1 && steering.concerns(port, offset, length, domain, nowS)) {
      router.collect(port, offset, length, domain)
    } else if (ports.icc[domain] === 1 || icc.allows(memory.view, offset, length, domain, port, target)) {
      egress.send(target, offset, length)
    } else counters.dropped(port, DropReason.iccDisabled)
  }

  /** Whether a frame for a station that nobody knows any more is an answer that the router translates, which takes it then. */
  takes(port: number, offset: number, length: number, domain: number, nowS: number): boolean {
    const { router, memory } = this.parts
    if (router.services.size === 0 || isMulticast(targetHigh(memory.view, offset))) return false
    if (!router.stage.steering.concerns(port, offset, length, domain, nowS)) return false
    router.collect(port, offset, length, domain)
    return true
  }
}
