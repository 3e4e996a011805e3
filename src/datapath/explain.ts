/**
 * Why a frame goes where it goes: takes one through the same checks and decisions as the path does, in the same order, and writes down
 * what each of them found. Nothing is sent, learned, counted or begun: the decisions only read.
 */

import type { Station } from '../tables/mac-table.ts'
import { formatMac, ipv4At, macAt } from '../wire/address.ts'
import * as ethernet from '../wire/ethernet.ts'
import { type Bridge, dropReasonOf, FLOOD } from './bridge.ts'
import { classify } from './classify.ts'
import { DropReason } from './drop-reason.ts'
import type { Egress } from './egress.ts'
import { explainLesson } from './explain-arp.ts'
import { RouterExplanation } from './explain-router.ts'
import { ExplainedSteps, type StepValues } from './explained-steps.ts'
import { type FrameMemory, VIRTIO_NET_HEADER_SIZE } from './frame-memory.ts'
import type { Guard } from './guard.ts'
import type { Icc } from './icc.ts'
import { explainLink } from './impairment/explain-link.ts'
import { LinkDirection } from './impairment/impairment-settings.ts'
import type { Impairments } from './impairment/impairments.ts'
import { NO_INTERFACE } from './interface-table.ts'
import { ARP_CONSUMED, ARP_DROPPED, ARP_PASSES } from './link-layer.ts'
import { NO_DOMAIN, OUTWARD, type PortTable } from './port-table.ts'
import type { Router } from './router.ts'
import { ROUTER_PORT } from './router-port.ts'
import type { ExplainedStep } from './router-settings.ts'
import {
  explainDecapsulation,
  explainEncapsulation,
  explainReplication,
  explainStaying,
  explainSuppression,
} from './tunnel/explain-tunnel.ts'
import type { Tunnels } from './tunnel/tunnels.ts'

export interface ExplainParts {
  readonly memory: FrameMemory
  readonly ports: PortTable
  readonly guard: Guard
  readonly icc: Icc
  readonly bridge: Bridge
  readonly router: Router
  readonly egress: Egress
  readonly impairment: Impairments
  readonly tunnels: Tunnels
}

export interface ExplainOptions {
  /** The link that it came by lies behind it. */
  readonly hasArrived?: boolean | undefined
  /** Of wire/virtio-net.ts: a super-frame, a checksum to complete; undefined of a finished frame. */
  readonly virtioHeader?: Uint8Array | undefined
}

export function explain(
  parts: ExplainParts,
  port: number,
  frame: Uint8Array,
  nowS: number,
  options: ExplainOptions,
): readonly ExplainedStep[] {
  return new Explanation(parts, port, nowS).run(frame, options)
}

class Explanation {
  readonly #parts: ExplainParts
  readonly #port: number
  readonly #nowS: number
  readonly #steps = new ExplainedSteps()
  #offset = 0
  #length = 0

  constructor(parts: ExplainParts, port: number, nowS: number) {
    this.#parts = parts
    this.#port = port
    this.#nowS = nowS
  }

  run(frame: Uint8Array, { hasArrived = false, virtioHeader }: ExplainOptions): readonly ExplainedStep[] {
    const { memory, egress, ports } = this.#parts
    const { free } = egress
    this.#offset = egress.allocate(frame.length)
    this.#length = frame.length
    memory.bytes.set(frame, this.#offset)
    if (virtioHeader !== undefined) memory.bytes.set(virtioHeader, this.#offset - VIRTIO_NET_HEADER_SIZE)
    const domain = ports.domain[this.#port] ?? NO_DOMAIN
    const arrives = this.#decapsulate() && (hasArrived || this.#link(this.#port, LinkDirection.from))
    if (arrives && this.#ingress(domain) && this.#guard()) this.#bridge(domain)
    egress.take(free)
    return this.#steps.all
  }

  #decapsulate(): boolean {
    const { memory, tunnels } = this.#parts
    return explainDecapsulation(
      tunnels,
      memory,
      this.#steps,
      this.#port,
      this.#offset,
      this.#length,
      this.#nowS,
    )
  }

  #link(port: number, direction: LinkDirection): boolean {
    return explainLink(this.#parts.impairment.impaired(port, direction), this.#length, this.#steps)
  }

  #ingress(domain: number): boolean {
    const { memory, ports } = this.#parts
    const values = { port: this.#port, domain, length: this.#length }
    const reason =
      domain === NO_DOMAIN
        ? DropReason.noDomain
        : classify(memory.view, this.#offset, this.#length, ports.frameMax[this.#port]!)
    if (reason !== DropReason.none) return this.#steps.drop('ingress', reason, values)
    this.#steps.say('ingress', 'accept', values)
    return true
  }

  #guard(): boolean {
    const { memory, guard } = this.#parts
    if (guard.guarded[this.#port] === 0) return true
    const { view } = memory
    const values = {
      mac: macAt(view, this.#offset + 6),
      ...(ethernet.etherType(view, this.#offset) === ethernet.TYPE_IPV4 && {
        address: ipv4At(view, this.#offset + ethernet.HEADER_SIZE + 12),
      }),
    }
    const reason = guard.check(view, this.#offset, this.#length, this.#port)
    if (reason !== DropReason.none) return this.#steps.drop('guard', reason, values)
    this.#steps.say('guard', 'accept', values)
    return true
  }

  #bridge(domain: number): void {
    const { memory, bridge } = this.#parts
    const { view } = memory
    const high = ethernet.targetHigh(view, this.#offset)
    const low = ethernet.targetLow(view, this.#offset)
    const values = { mac: formatMac(high, low), domain }
    const verdict = bridge.decide(high, low, this.#port, domain, this.#nowS)
    const isOwn =
      high === ethernet.sourceHigh(view, this.#offset) && low === ethernet.sourceLow(view, this.#offset)
    if (verdict === ROUTER_PORT) {
      this.#steps.say('bridge', 'router', values)
      this.#route(domain)
      // The switch learns from a frame before it looks for its target.
    } else if (isOwn) this.#steps.drop('bridge', DropReason.samePort, values)
    else if (verdict >= 0) {
      const row = bridge.station(high, low, domain, this.#nowS)
      this.#switch(domain, verdict, { ...values, ...stationValues(row) })
    } else if (verdict === FLOOD) this.#flood(domain, values)
    else this.#steps.drop('bridge', dropReasonOf(verdict), values)
  }

  /** An answer of a backend to a client that asked a virtual address. */
  #isSteered(domain: number): boolean {
    const { router } = this.#parts
    if (!router.stage.steering.concerns(this.#port, this.#offset, this.#length, domain, this.#nowS))
      return false
    this.#steps.say('service', 'reply', { domain })
    this.#route(domain)
    return true
  }

  #route(domain: number): void {
    const { router } = this.#parts
    new RouterExplanation(router, this.#parts, this.#steps, this.#nowS).run(
      this.#port,
      this.#offset,
      this.#length,
      domain,
    )
  }

  #flood(domain: number, values: StepValues): void {
    const { memory, ports, icc, router, tunnels } = this.#parts
    const isArp = ethernet.etherType(memory.view, this.#offset) === ethernet.TYPE_ARP
    if (isArp && router.interfaces.kind[domain] !== NO_INTERFACE) {
      this.#steps.say('bridge', 'arp', values)
      explainLesson(router, memory, this.#steps, this.#port, this.#offset, this.#length, domain)
      const verdict = router.link.decideArp(this.#port, this.#offset, this.#length, domain)
      if (verdict === ARP_CONSUMED) this.#steps.say('answer', 'arp-reply', { domain })
      if (verdict === ARP_DROPPED) this.#steps.drop('router', DropReason.arpSpoofed, { domain })
      if (verdict !== ARP_PASSES) return
    }
    const isForMany = ethernet.isMulticast(ethernet.targetHigh(memory.view, this.#offset))
    if (ports.direct[domain] === 0 && !isForMany && this.#isSteered(domain)) return
    if (explainSuppression(tunnels, memory, this.#steps, this.#port, this.#offset, this.#length, domain))
      return
    const isKept = ports.icc[domain] === 0 && !icc.allowsFlood(memory.view, this.#offset, this.#port)
    const reached = ports.floodMembers(domain, this.#port)
    const members = isKept ? icc.hostsAmong(reached) : reached
    const others = [...members].filter((port) => port !== this.#port)
    explainStaying(tunnels, ports, this.#steps, this.#port, domain)
    if (others.length > 0) {
      this.#steps.say('bridge', 'flood', {
        ...values,
        ports: others.length,
        ...(isForMany && { group: true }),
      })
      explainReplication(tunnels, this.#steps, others, this.#offset, this.#length)
    } else this.#steps.drop('bridge', isKept ? DropReason.iccDisabled : DropReason.noOtherPort, values)
  }

  #switch(domain: number, port: number, values: StepValues): void {
    const { memory, ports, icc, router, tunnels } = this.#parts
    this.#steps.say('bridge', 'forward', { ...values, port })
    if (ports.direct[domain] === 0 && router.stage.steering.clients[port] === 1 && this.#isSteered(domain))
      return
    if (
      ports.icc[domain] === 0 &&
      !icc.allows(memory.view, this.#offset, this.#length, domain, this.#port, port)
    ) {
      this.#steps.drop('policy', DropReason.iccDisabled, { domain })
      return
    }
    if (!this.#link(port, LinkDirection.to)) return
    if (explainEncapsulation(tunnels, this.#steps, port, this.#offset, this.#length)) return
    if (
      (ports.plain[port]! & OUTWARD) !== 0 &&
      tunnels.encapsulation.isRecursive(this.#offset, this.#length)
    ) {
      this.#steps.drop('egress', DropReason.tunnelRecursion, { port, domain })
      return
    }
    this.#steps.say('egress', 'transmit', { port, domain: ports.domain[port]! })
  }
}

/** Seconds since the station was heard last, or that it was set by hand. */
function stationValues(row: Station | undefined): StepValues {
  if (row === undefined) return {}
  return row.isStatic ? { entry: 'static' } : { ageS: row.ageS }
}
