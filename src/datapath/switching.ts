/**
 * The switch: takes the frames of a burst through classify, guard and bridge, and hands each to egress, or to the router.
 *
 *            ┌─── accept ─────────────┐   ┌─── forward ─────────────┐
 *     burst ─┤ classify, guard, learn ├──►│ decide, egress or flood │──► list of transmissions
 *            └────────┬───────────────┘   └───────┬───────────┬─────┘
 *                     │                           │           └──► router
 *                     └───────────────────────────┴─► drop: a reason, counted
 *
 * The whole burst is accepted before its first frame is forwarded. Two short loops are faster than a long one: V8 compiles
 * each into one piece of code, with all that it calls for a frame, but only up to some size (920 bytes of bytecode).
 *
 * Nothing here allocates, throws, waits or reads a clock.
 */

import * as ethernet from '../wire/ethernet.ts'
import * as virtioNet from '../wire/virtio-net.ts'
import { type Bridge, dropReasonOf, FLOOD } from './bridge.ts'
import { classify } from './classify.ts'
import type { Counters } from './counters.ts'
import { DropReason } from './drop-reason.ts'
import type { Egress } from './egress.ts'
import { Flooding } from './flooding.ts'
import type { FrameMemory } from './frame-memory.ts'
import * as frameMemory from './frame-memory.ts'
import type { Guard } from './guard.ts'
import type { Icc } from './icc.ts'
import type { Impairments } from './impairment/impairments.ts'
import { FROM_PEER, NO_DOMAIN, type PortTable } from './port-table.ts'
import { RareSwitching } from './rare-switching.ts'
import type { Router } from './router.ts'
import { ROUTER_PORT } from './router-port.ts'
import type { Tunnels } from './tunnel/tunnels.ts'

// Constants of this module, whose values V8 compiles in; an imported one it would load and check at each use.
const { DESCRIPTOR_SHIFT, LENGTH, OFFSET, PORT, REASON } = frameMemory
const { FLAG_GATHER, VIRTIO_NET_HEADER_SIZE } = frameMemory
const { sourceHigh, sourceLow, targetHigh, targetLow } = ethernet
const { none: ACCEPTED, noDomain: WITHOUT_DOMAIN, offloadInvalid: UNKNOWN_OFFLOAD } = DropReason
const { flags, setFlags } = virtioNet
const TO_ROUTER = ROUTER_PORT
const TO_ALL = FLOOD
const NOWHERE = NO_DOMAIN
const classifyFrame = classify

export interface SwitchingParts {
  readonly memory: FrameMemory
  readonly ports: PortTable
  readonly impairment: Impairments
  readonly guard: Guard
  readonly bridge: Bridge
  readonly icc: Icc
  readonly tunnels: Tunnels
  readonly router: Router
  readonly egress: Egress
  readonly counters: Counters
}

export class Switching {
  private readonly memory: FrameMemory
  private readonly ports: PortTable
  private readonly impairment: Impairments
  private readonly guard: Guard
  private readonly bridge: Bridge
  private readonly router: Router
  private readonly egress: Egress
  private readonly counters: Counters
  private readonly rare: RareSwitching
  private readonly flooding: Flooding

  constructor(parts: SwitchingParts) {
    this.memory = parts.memory
    this.ports = parts.ports
    this.impairment = parts.impairment
    this.guard = parts.guard
    this.bridge = parts.bridge
    this.router = parts.router
    this.egress = parts.egress
    this.counters = parts.counters
    const { memory, ports, icc, tunnels, router, egress, counters } = parts
    this.rare = new RareSwitching({ memory, ports, icc, router, egress, counters })
    this.flooding = new Flooding({ memory, ports, icc, tunnels, router, egress, counters, rare: this.rare })
  }

  /** Judges the frames `from` to `count - 1` of the burst, and learns from the good ones where their senders live. */
  accept(from: number, count: number, nowS: number): void {
    const { received, view } = this.memory
    const { domain: domains, frameMax } = this.ports
    const { counters, bridge, guard } = this
    const { guarded } = guard
    const { uncounted } = this.impairment
    for (let i = from; i < count; i++) {
      const descriptor = i << DESCRIPTOR_SHIFT
      const port = received[descriptor + PORT]!
      const offset = received[descriptor + OFFSET]!
      const length = received[descriptor + LENGTH]!
      const domain = domains[port]!
      if (i < uncounted) counters.received(port, length)
      let reason = domain === NOWHERE ? WITHOUT_DOMAIN : classifyFrame(view, offset, length, frameMax[port]!)
      if (guarded[port] === 1 && reason === ACCEPTED) reason = guard.check(view, offset, length, port)
      if (reason === UNKNOWN_OFFLOAD) reason = this.classifyGathered(port, offset, length)
      received[descriptor + REASON] = reason
      if (reason !== ACCEPTED) counters.dropped(port, reason as DropReason)
      else bridge.learn(sourceHigh(view, offset), sourceLow(view, offset), port, domain, nowS)
    }
  }

  /** Sends those of them that were accepted to where they go. Returns `count`, or the first frame for which there may be no room. */
  forward(from: number, count: number, nowS: number): number {
    const { received, view } = this.memory
    const { domain: domains, direct } = this.ports
    const { bridge, egress, router } = this
    egress.expect(this.ports.largestDomain)
    for (let i = from; i < count; i++) {
      if (!egress.hasRoom) return i
      const descriptor = i << DESCRIPTOR_SHIFT
      if (received[descriptor + REASON] !== ACCEPTED) continue
      const port = received[descriptor + PORT]!
      const offset = received[descriptor + OFFSET]!
      const length = received[descriptor + LENGTH]!
      const domain = domains[port]!
      const high = targetHigh(view, offset)
      const verdict = bridge.decide(high, targetLow(view, offset), port, domain, nowS)
      if (verdict === TO_ROUTER) router.collect(port, offset, length, domain)
      else if (verdict >= 0) {
        if (direct[domain] === 1) egress.send(verdict, offset, length)
        else this.rare.send(port, offset, length, domain, verdict, nowS)
      } else if (verdict === TO_ALL) this.flooding.flood(port, offset, length, domain, nowS)
      else this.counters.dropped(port, dropReasonOf(verdict))
    }
    return count
  }

  /** The verdict on a frame that was put together from pieces on its way out of a tunnel: of nobody else it may be one. */
  private classifyGathered(port: number, offset: number, length: number): number {
    const { view } = this.memory
    const header = offset - VIRTIO_NET_HEADER_SIZE
    const before = flags(view, header)
    if ((before & FLAG_GATHER) === 0 || this.ports.oneWay[port] !== FROM_PEER) return UNKNOWN_OFFLOAD
    setFlags(view, header, before & ~FLAG_GATHER)
    const reason = classifyFrame(view, offset, length, this.ports.frameMax[port]!)
    setFlags(view, header, before)
    return reason
  }
}
