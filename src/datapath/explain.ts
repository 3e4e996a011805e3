/**
 * Why a frame goes where it goes: takes one through the same checks and decisions as the path does, in the same order, and writes down
 * what each of them found. Nothing is sent, learned, counted or begun: the decisions only read.
 */

import { NeighbourState } from '../tables/neighbour-table.ts'
import { formatIpv4, formatMac, ipv4At, macAt } from '../wire/address.ts'
import * as ethernet from '../wire/ethernet.ts'
import * as ipv4 from '../wire/ipv4.ts'
import { ADMITTED, TO_GATEWAY } from './admission.ts'
import { type Bridge, dropReasonOf, FLOOD } from './bridge.ts'
import { classify } from './classify.ts'
import { DROP_REASONS, DropReason } from './drop-reason.ts'
import type { Egress } from './egress.ts'
import { NO_ROUTE } from './forwarding-table.ts'
import type { FrameMemory } from './frame-memory.ts'
import type { Guard } from './guard.ts'
import type { Icc } from './icc.ts'
import { NO_INTERFACE } from './interface-table.ts'
import * as packets from './packets.ts'
import { NO_DOMAIN, type PortTable } from './port-table.ts'
import type { Router } from './router.ts'
import { ROUTER_PORT } from './router-port.ts'
import type { ExplainedStep } from './router-settings.ts'
import { FLOW_STATES } from './tcp-tracking.ts'

const { DESTINATION, DOMAIN, EXTRA_ROW, LENGTH, NETWORK, OFFSET, PORT, PORTS, SOURCE } = packets

const NONE = -1
const TTL = 8

export interface ExplainParts {
  readonly memory: FrameMemory
  readonly ports: PortTable
  readonly guard: Guard
  readonly icc: Icc
  readonly bridge: Bridge
  readonly router: Router
  readonly egress: Egress
}

type Values = ExplainedStep['values']

export function explain(parts: ExplainParts, port: number, frame: Uint8Array, nowS: number): ExplainedStep[] {
  return new Explanation(parts, port, nowS).run(frame)
}

class Explanation {
  readonly #parts: ExplainParts
  readonly #port: number
  readonly #nowS: number
  readonly #steps: ExplainedStep[] = []
  #offset = 0
  #length = 0

  constructor(parts: ExplainParts, port: number, nowS: number) {
    this.#parts = parts
    this.#port = port
    this.#nowS = nowS
  }

  run(frame: Uint8Array): ExplainedStep[] {
    const { memory, egress, ports } = this.#parts
    this.#offset = egress.allocate(frame.length)
    this.#length = frame.length
    memory.bytes.set(frame, this.#offset)
    const domain = ports.domain[this.#port] ?? NO_DOMAIN
    if (this.#ingress(domain) && this.#guard()) this.#bridge(domain)
    return this.#steps
  }

  #say(stage: string, verdict: string, values: Values = {}): void {
    this.#steps.push({ stage, verdict, values })
  }

  #drop(stage: string, reason: number, values: Values = {}): false {
    this.#steps.push({ stage, verdict: 'drop', reason: DROP_REASONS[reason]!.name, values })
    return false
  }

  #ingress(domain: number): boolean {
    const { memory, ports } = this.#parts
    const values = { port: this.#port, domain, length: this.#length }
    const reason =
      domain === NO_DOMAIN
        ? DropReason.noDomain
        : classify(memory.view, this.#offset, this.#length, ports.frameMax[this.#port]!)
    if (reason !== DropReason.none) return this.#drop('ingress', reason, values)
    this.#say('ingress', 'accept', values)
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
    if (reason !== DropReason.none) return this.#drop('guard', reason, values)
    this.#say('guard', 'accept', values)
    return true
  }

  #bridge(domain: number): void {
    const { memory, ports, bridge, router } = this.#parts
    const { view } = memory
    const high = ethernet.targetHigh(view, this.#offset)
    const low = ethernet.targetLow(view, this.#offset)
    const verdict = bridge.decide(high, low, this.#port, domain, this.#nowS)
    const mac = formatMac(high, low)
    if (verdict === ROUTER_PORT) {
      this.#say('bridge', 'router', { mac, domain })
      this.#route(domain)
    } else if (verdict >= 0) this.#switch(domain, verdict, mac)
    else if (verdict === FLOOD) {
      const others = ports.members(domain).length - 1
      const isArp = ethernet.etherType(view, this.#offset) === ethernet.TYPE_ARP
      if (isArp && router.interfaces.kind[domain] !== NO_INTERFACE)
        this.#say('bridge', 'arp', { mac, domain })
      if (others > 0) this.#say('bridge', 'flood', { mac, domain, ports: others })
      else this.#drop('bridge', DropReason.noOtherPort, { mac, domain })
    } else this.#drop('bridge', dropReasonOf(verdict), { mac, domain })
  }

  #switch(domain: number, port: number, mac: string): void {
    const { memory, ports, icc } = this.#parts
    this.#say('bridge', 'forward', { mac, port, domain })
    if (
      ports.icc[domain] === 0 &&
      !icc.allows(memory.view, this.#offset, this.#length, domain, this.#port, port)
    ) {
      this.#drop('policy', DropReason.iccDisabled, { domain })
      return
    }
    this.#transmit(port)
  }

  #transmit(port: number): void {
    const { ports } = this.#parts
    this.#say('egress', 'transmit', { port, domain: ports.domain[port]! })
  }

  #route(domain: number): void {
    const { router, memory } = this.#parts
    const { rows } = router.packets
    rows[EXTRA_ROW + PORT] = this.#port
    rows[EXTRA_ROW + OFFSET] = this.#offset
    rows[EXTRA_ROW + LENGTH] = this.#length
    rows[EXTRA_ROW + DOMAIN] = domain
    if (ethernet.etherType(memory.view, this.#offset) !== ethernet.TYPE_IPV4) {
      this.#drop('router', DropReason.notRouted, { domain })
      return
    }
    const reason = router.inspect(EXTRA_ROW)
    if (reason !== DropReason.none) {
      this.#drop('router', reason, { domain })
      return
    }
    const ttl = memory.view.getUint8(rows[EXTRA_ROW + NETWORK]! + TTL)
    const values = {
      ttl,
      source: formatIpv4(rows[EXTRA_ROW + SOURCE]!),
      destination: formatIpv4(rows[EXTRA_ROW + DESTINATION]!),
      domain,
    }
    this.#say('router', 'packet', values)
    const reference = router.lookup(EXTRA_ROW)
    if (reference === NONE) this.#first(domain, ttl)
    else this.#known(reference, domain, ttl)
  }

  #known(reference: number, domain: number, ttl: number): void {
    const { connections } = this.#parts.router
    const values = {
      state: FLOW_STATES[connections.state(reference)]!,
      direction: (reference & 1) === 0 ? 'original' : 'reply',
    }
    this.#say('flow', 'known', values)
    if (connections.domain(reference) !== domain) {
      this.#drop('flow', DropReason.wrongInterface, values)
      return
    }
    if (!this.#ttl(ttl)) return
    const other = reference ^ 1
    this.#translation(
      connections.destination(other),
      connections.ports(other) & 0xffff,
      connections.source(other),
      connections.ports(other) >>> 16,
    )
    this.#nextHop(connections.source(other), connections.domain(other))
  }

  #first(domain: number, ttl: number): void {
    const { router } = this.#parts
    const { admission, portMap } = router
    this.#say('flow', 'new')
    const verdict = admission.decide(router.packets.rows, EXTRA_ROW)
    if (admission.mapping !== NONE) {
      const row = admission.mapping
      this.#say('published-port', 'match', {
        id: portMap.id(row),
        targetAddress: formatIpv4(portMap.targetAddress(row)),
        targetPort: admission.ports & 0xffff,
        domain: portMap.targetDomain(row),
      })
    }
    if (verdict === TO_GATEWAY) this.#gateway(domain)
    else if (verdict !== ADMITTED) {
      const egress = admission.route === NO_ROUTE ? domain : router.forwarding.domain(admission.route)
      this.#drop('policy', verdict, { from: domain, to: egress })
    } else if (this.#ttl(ttl)) {
      this.#say('policy', 'accept', { from: domain, to: admission.egress })
      this.#translation(
        admission.source,
        admission.ports >>> 16,
        admission.destination,
        admission.ports & 0xffff,
      )
      this.#nextHop(admission.destination, admission.egress)
    }
  }

  #ttl(ttl: number): boolean {
    return ttl > 1 || this.#drop('router', DropReason.ttlExceeded, { ttl })
  }

  #gateway(domain: number): void {
    const { router } = this.#parts
    const hostPort = router.interfaces.hostPort[domain]!
    if (hostPort !== NONE && hostPort !== this.#port) {
      this.#say('router', 'for-host', { domain })
      this.#transmit(hostPort)
    } else if (router.gateway.answersEcho(router.packets.rows, EXTRA_ROW)) {
      this.#say('answer', 'echo-reply', { domain })
    } else this.#drop('router', DropReason.portClosed, { domain })
  }

  #translation(source: number, sourcePort: number, destination: number, destinationPort: number): void {
    const { rows } = this.#parts.router.packets
    const ports = rows[EXTRA_ROW + PORTS]!
    const isSource = source !== rows[EXTRA_ROW + SOURCE] || sourcePort !== ports >>> 16
    const isDestination =
      destination !== rows[EXTRA_ROW + DESTINATION] || destinationPort !== (ports & 0xffff)
    if (isDestination) {
      this.#say('destination-nat', 'translate', { address: formatIpv4(destination), port: destinationPort })
    }
    if (isSource) this.#say('source-nat', 'translate', { address: formatIpv4(source), port: sourcePort })
  }

  #nextHop(destination: number, egress: number): void {
    const { router, memory } = this.#parts
    const { forwarding, interfaces } = router
    const route = forwarding.lookup(destination)
    if (route === NO_ROUTE || forwarding.domain(route) !== egress) {
      this.#drop('route', DropReason.noRoute, { destination: formatIpv4(destination) })
      return
    }
    const nextHop = forwarding.nextHop(route)
    this.#say('route', 'match', {
      network: `${formatIpv4(forwarding.network(route))}/${forwarding.prefixLength(route)}`,
      domain: egress,
      ...(nextHop !== 0 && { nextHop: formatIpv4(nextHop) }),
    })
    const { rows } = router.packets
    const length = ipv4.totalLength(memory.view, rows[EXTRA_ROW + NETWORK]!)
    const mtu = interfaces.mtu[egress]!
    if (length > mtu && ipv4.dontFragment(memory.view, rows[EXTRA_ROW + NETWORK]!)) {
      this.#drop('egress', DropReason.fragmentationNeeded, { length, mtu })
      return
    }
    this.#neighbour(nextHop === 0 ? destination : nextHop, egress)
  }

  #neighbour(address: number, egress: number): void {
    const { ports, bridge, router } = this.#parts
    const { neighbours } = router.link
    if (ports.members(egress).length === 0) {
      this.#drop('neighbour', DropReason.uplinkDown, { domain: egress })
      return
    }
    const index = neighbours.lookup(egress, address)
    const text = formatIpv4(address)
    if (index === NONE || neighbours.state(index) === NeighbourState.incomplete) {
      this.#say('neighbour', 'unknown', { address: text, domain: egress })
      return
    }
    if (neighbours.state(index) === NeighbourState.failed) {
      this.#drop('neighbour', DropReason.hostUnreachable, { address: text, domain: egress })
      return
    }
    const high = neighbours.macHigh(index)
    const low = neighbours.macLow(index)
    this.#say('neighbour', 'known', { address: text, mac: formatMac(high, low), domain: egress })
    const verdict = bridge.decide(high, low, ROUTER_PORT, egress, this.#nowS)
    if (verdict >= 0) this.#transmit(verdict)
    else if (verdict === FLOOD) this.#say('bridge', 'flood', { mac: formatMac(high, low), domain: egress })
    else this.#drop('bridge', dropReasonOf(verdict), { domain: egress })
  }
}
