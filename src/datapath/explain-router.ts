/** The router's part of an explanation: the decisions of router.ts in the same order, by the same functions, for one packet. */

import { NeighbourState } from '../tables/neighbour-table.ts'
import { formatIpv4, formatMac } from '../wire/address.ts'
import * as ethernet from '../wire/ethernet.ts'
import { ADMITTED, TO_GATEWAY, TO_VIRTUAL } from './admission.ts'
import { type Bridge, dropReasonOf, FLOOD } from './bridge.ts'
import { FRAGMENTS_TO_GATEWAY, NOT_DECIDED } from './datagram-fragments.ts'
import { DropReason } from './drop-reason.ts'
import { explainLesson } from './explain-arp.ts'
import { originalText } from './explain-flow.ts'
import type { ExplainedSteps } from './explained-steps.ts'
import { PINNED } from './flow-flags.ts'
import { NO_ROUTE } from './forwarding-table.ts'
import type { FrameMemory } from './frame-memory.ts'
import { RELAYED, TO_HOST } from './icmp-relay.ts'
import { explainLink } from './impairment/explain-link.ts'
import { LinkDirection } from './impairment/impairment-settings.ts'
import type { Impairments } from './impairment/impairments.ts'
import { ARP_CONSUMED, ARP_DROPPED } from './link-layer.ts'
import * as packets from './packets.ts'
import type { PortTable } from './port-table.ts'
import type { Router } from './router.ts'
import { ROUTER_PORT } from './router-port.ts'
import { rankBackends } from './services/service-table.ts'
import { FLOW_STATES } from './tcp-tracking.ts'
import { explainRoutedEncapsulation } from './tunnel/explain-tunnel.ts'
import type { Tunnels } from './tunnel/tunnels.ts'

const { DESTINATION, DOMAIN, END, EXPIRED, EXTRA_ROW, ICMP_ERROR, LATER_FRAGMENT, LENGTH, NETWORK, OFFSET } =
  packets
const { PORT, PORTS, PROTOCOL, SOURCE, TRAITS } = packets

const NONE = -1
const TTL = 8

/** By NeighbourState, of those that have a MAC address. */
const STATE_NAMES: readonly string[] = Object.entries(NeighbourState)
  .toSorted(([, one], [, other]) => one - other)
  .map(([name]) => name)

export interface RouterExplanationParts {
  readonly tunnels: Tunnels
  readonly memory: FrameMemory
  readonly ports: PortTable
  readonly bridge: Bridge
  readonly impairment: Impairments
}

export class RouterExplanation {
  readonly #router: Router
  readonly #parts: RouterExplanationParts
  readonly #steps: ExplainedSteps
  readonly #nowS: number
  readonly #rows: Int32Array
  #port = NONE
  #domain = NONE

  constructor(router: Router, parts: RouterExplanationParts, steps: ExplainedSteps, nowS: number) {
    this.#router = router
    this.#parts = parts
    this.#steps = steps
    this.#nowS = nowS
    this.#rows = router.packets.rows
  }

  run(port: number, offset: number, length: number, domain: number): void {
    const rows = this.#rows
    this.#port = port
    this.#domain = domain
    rows[EXTRA_ROW + PORT] = port
    rows[EXTRA_ROW + OFFSET] = offset
    rows[EXTRA_ROW + LENGTH] = length
    rows[EXTRA_ROW + DOMAIN] = domain
    if (ethernet.etherType(this.#parts.memory.view, offset) !== ethernet.TYPE_IPV4) {
      this.#other(offset, length)
      return
    }
    const reason = this.#router.inspect(EXTRA_ROW)
    if (reason === DropReason.none) this.#packet()
    else this.#steps.drop('router', reason, { domain })
  }

  /** Not IPv4. */
  #other(offset: number, length: number): void {
    const domain = this.#domain
    const hostPort = this.#hostPort
    const type = ethernet.etherType(this.#parts.memory.view, offset)
    const isArp = type === ethernet.TYPE_ARP
    const verdict = isArp ? this.#router.link.decideArp(this.#port, offset, length, domain) : 0
    if (isArp)
      explainLesson(this.#router, this.#parts.memory, this.#steps, this.#port, offset, length, domain)
    if (verdict === ARP_DROPPED) this.#steps.drop('router', DropReason.arpSpoofed, { domain })
    else if (verdict === ARP_CONSUMED) this.#steps.say('answer', 'arp-reply', { domain })
    else if (hostPort !== NONE && this.#router.mayReachHost(type, offset, length)) this.#transmit(hostPort)
    else if (isArp) this.#steps.say('router', 'consume', { domain })
    else this.#steps.drop('router', DropReason.notRouted, { domain })
  }

  #packet(): void {
    const rows = this.#rows
    this.#steps.say('router', 'packet', {
      ttl: this.#parts.memory.view.getUint8(rows[EXTRA_ROW + NETWORK]! + TTL),
      source: formatIpv4(rows[EXTRA_ROW + SOURCE]!),
      destination: formatIpv4(rows[EXTRA_ROW + DESTINATION]!),
      domain: this.#domain,
    })
    const traits = rows[EXTRA_ROW + TRAITS]!
    if ((traits & LATER_FRAGMENT) !== 0) this.#fragment()
    else if ((traits & ICMP_ERROR) !== 0) this.#error()
    else {
      const reference = this.#router.lookup(EXTRA_ROW)
      if (reference === NONE) this.#first()
      else this.#known(reference)
    }
  }

  /** A fragment that is not the first goes where that one went. */
  #fragment(): void {
    const decided = this.#router.fragments.decided(EXTRA_ROW, this.#nowS)
    const domain = this.#domain
    if (decided === NOT_DECIDED) {
      const list = this.#router.fragments.waitingList(EXTRA_ROW)
      if (this.#mayWait(list)) this.#steps.say('fragments', 'wait', { domain })
      else this.#steps.drop('fragments', DropReason.neighbourQueueFull, { domain })
    } else if (decided === FRAGMENTS_TO_GATEWAY) this.#gateway()
    else if (this.#router.isStillOf(EXTRA_ROW, decided)) this.#known(decided)
    else this.#steps.drop('fragments', DropReason.noConnection, { domain })
  }

  #error(): void {
    const { errors, connections } = this.#router
    const verdict = errors.decide(EXTRA_ROW)
    if (verdict === TO_HOST) this.#gateway()
    else if (verdict === RELAYED) {
      const { reference } = errors
      this.#sayKnown(reference)
      this.#follow(reference, connections.source(reference ^ 1), connections.domain(reference ^ 1))
    } else this.#steps.drop('flow', verdict, { domain: this.#domain })
  }

  #known(reference: number): void {
    const { connections } = this.#router
    this.#sayKnown(reference)
    if (connections.domain(reference) !== this.#domain) {
      this.#steps.drop('flow', DropReason.wrongInterface, { domain: this.#domain })
      return
    }
    if (!this.#lives()) return
    const isPinned = (connections.flags(reference) & PINNED) !== 0
    if (isPinned && (reference & 1) === 0 && connections.owner(reference) !== this.#port) {
      this.#steps.drop('flow', DropReason.wrongInterface, { domain: this.#domain })
      return
    }
    const other = reference ^ 1
    this.#translation(
      connections.destination(other),
      connections.ports(other) & 0xffff,
      connections.source(other),
      connections.ports(other) >>> 16,
      `connection #${reference >>> 1}`,
    )
    this.#leave(connections.source(other), connections.domain(other), reference)
  }

  #sayKnown(reference: number): void {
    const { connections } = this.#router
    this.#steps.say('flow', 'known', {
      number: reference >>> 1,
      original: originalText(connections, reference),
      state: FLOW_STATES[connections.state(reference)]!,
      direction: (reference & 1) === 0 ? 'original' : 'reply',
    })
  }

  #first(): void {
    const { admission } = this.#router
    const domain = this.#domain
    this.#steps.say('flow', 'new')
    const verdict = admission.decide(this.#rows, EXTRA_ROW)
    if (admission.mapping !== NONE) this.#published(admission.mapping)
    if (admission.service !== 0) this.#backend(admission.service)
    if (verdict === TO_GATEWAY) this.#gateway()
    else if (verdict === TO_VIRTUAL) this.#virtual()
    else if (verdict !== ADMITTED) {
      const egress = admission.route === NO_ROUTE ? domain : this.#router.forwarding.domain(admission.route)
      this.#steps.drop('policy', verdict, { from: domain, to: egress })
    } else if (this.#lives() && this.#hasQuota(admission.owner)) {
      this.#steps.say('policy', 'accept', { from: domain, to: admission.egress })
      const { source, destination, ports } = admission
      const by = admission.service === 0 ? undefined : 'the service'
      this.#translation(source, ports >>> 16, destination, ports & 0xffff, by)
      this.#leave(destination, admission.egress)
    }
  }

  #published(mapping: number): void {
    const { portMap, admission, services } = this.#router
    const rows = this.#rows
    const target = portMap.targetAddress(mapping)
    const domain = portMap.targetDomain(mapping)
    // A service without a virtual address has one that stands in no packet.
    const isTold = services.find(target) === undefined || services.isVirtual(domain, target)
    this.#steps.say('published-port', 'match', {
      id: portMap.id(mapping),
      address: formatIpv4(rows[EXTRA_ROW + DESTINATION]!),
      port: rows[EXTRA_ROW + PORTS]! & 0xffff,
      ...(isTold && { targetAddress: formatIpv4(target) }),
      targetPort: admission.ports & 0xffff,
      domain,
    })
  }

  /** Which backend the flow gets. */
  #backend(id: number): void {
    const { services, admission } = this.#router
    const rows = this.#rows
    const service = services.get(id)!
    const ports = (rows[EXTRA_ROW + PORTS]! & ~0xffff) | (admission.ports & 0xffff)
    const ranked = rankBackends(service, rows[EXTRA_ROW + PROTOCOL]!, rows[EXTRA_ROW + SOURCE]!, ports)
    const [best, next] = ranked
    this.#steps.say('service', 'choose', {
      service: id,
      ...(services.isVirtual(service.domain, service.address) && { address: formatIpv4(service.address) }),
      backend: formatIpv4(admission.destination),
      backends: ranked.length,
      score: best!.score,
      ...(next !== undefined && { next: formatIpv4(next.address), nextScore: next.score }),
      domain: service.domain,
    })
  }

  #virtual(): void {
    const domain = this.#domain
    const isEcho = this.#router.gateway.answersEcho(this.#rows, EXTRA_ROW)
    if (isEcho) this.#steps.say('answer', 'echo-reply', { domain })
    else this.#steps.drop('router', DropReason.portClosed, { domain })
  }

  #lives(): boolean {
    if ((this.#rows[EXTRA_ROW + TRAITS]! & EXPIRED) === 0) return true
    return this.#steps.drop('router', DropReason.ttlExceeded, { domain: this.#domain })
  }

  /** Room for another connection of the owner, or one of its own that gives way to it. */
  #hasQuota(owner: number): boolean {
    const { connections, admission } = this.#router
    const isFull = connections.connectionsOf(owner) >= connections.connectionsPerOwner
    const { displaced } = admission
    const isOwn = displaced !== NONE && connections.owner(displaced) === owner
    const gives = isOwn || !connections.isConfirmed(connections.firstOf(owner))
    return !isFull || gives || this.#steps.drop('flow', DropReason.connectionQuota, { owner })
  }

  /** -1 where the host has no end of its own on the network, or the packet comes from there. */
  get #hostPort(): number {
    const hostPort = this.#router.interfaces.hostPort[this.#domain]!
    return hostPort === this.#port ? NONE : hostPort
  }

  #gateway(): void {
    const domain = this.#domain
    const { dns } = this.#router
    if (dns.isAsked(this.#rows, EXTRA_ROW)) dns.explain(this.#rows, EXTRA_ROW, this.#steps)
    else if (this.#hostPort !== NONE) {
      this.#steps.say('router', 'for-host', { domain })
      this.#transmit(this.#hostPort)
    } else if (this.#router.gateway.answersEcho(this.#rows, EXTRA_ROW)) {
      this.#steps.say('answer', 'echo-reply', { domain })
    } else this.#steps.drop('router', DropReason.portClosed, { domain })
  }

  /** `by`: what wants it so; undefined of a first packet, where the published ports and masquerading do. */
  #translation(
    source: number,
    sourcePort: number,
    destination: number,
    destinationPort: number,
    by: string | undefined,
  ): void {
    const rows = this.#rows
    const ports = rows[EXTRA_ROW + PORTS]!
    // A later fragment has none.
    const hasPorts = (rows[EXTRA_ROW + TRAITS]! & LATER_FRAGMENT) === 0
    const isSource = source !== rows[EXTRA_ROW + SOURCE] || (hasPorts && sourcePort !== ports >>> 16)
    const isDestination =
      destination !== rows[EXTRA_ROW + DESTINATION] || (hasPorts && destinationPort !== (ports & 0xffff))
    if (isDestination) {
      this.#steps.say('destination-nat', 'translate', {
        oldAddress: formatIpv4(rows[EXTRA_ROW + DESTINATION]!),
        ...(hasPorts && { oldPort: ports & 0xffff }),
        address: formatIpv4(destination),
        port: destinationPort,
        by: by ?? 'the published port',
      })
    }
    if (isSource) {
      this.#steps.say('source-nat', 'translate', {
        oldAddress: formatIpv4(rows[EXTRA_ROW + SOURCE]!),
        ...(hasPorts && { oldPort: ports >>> 16 }),
        address: formatIpv4(source),
        port: sourcePort,
        by: by ?? 'masquerading',
      })
    }
  }

  /** `reference`: of the connection, where there is one already. */
  #leave(destination: number, egress: number, reference = NONE): void {
    const mtu = this.#router.interfaces.mtu[egress]!
    const length = this.#rows[EXTRA_ROW + END]! - this.#rows[EXTRA_ROW + NETWORK]!
    if (length > mtu && this.#router.wayOut.mustStayWhole(EXTRA_ROW, mtu)) {
      this.#steps.drop('egress', DropReason.fragmentationNeeded, { length, mtu })
    } else this.#follow(reference, destination, egress)
  }

  #follow(reference: number, destination: number, egress: number): void {
    const { nextHop, stage, connections } = this.#router
    if (reference === NONE || !nextHop.isReturn(reference)) {
      this.#nextHop(destination, egress)
      return
    }
    const port = connections.owner(reference)
    this.#steps.say('route', 'return', { port, domain: egress })
    const index = stage.returnHops.find(egress, port)
    if (index === NONE) this.#steps.drop('route', DropReason.noRoute, { domain: egress })
    else this.#deliver(index, egress, formatIpv4(destination))
  }

  #nextHop(destination: number, egress: number): void {
    const { forwarding } = this.#router
    const route = forwarding.lookup(destination)
    if (route === NO_ROUTE || forwarding.domain(route) !== egress) {
      const reason = route === NO_ROUTE ? DropReason.noRoute : DropReason.noConnection
      this.#steps.drop('route', reason, { destination: formatIpv4(destination) })
      return
    }
    const nextHop = forwarding.nextHop(route)
    this.#steps.say('route', 'match', {
      network: `${formatIpv4(forwarding.network(route))}/${forwarding.prefixLength(route)}`,
      domain: egress,
      ...(nextHop !== 0 && { nextHop: formatIpv4(nextHop) }),
    })
    this.#neighbour(nextHop === 0 ? destination : nextHop, egress)
  }

  #neighbour(address: number, egress: number): void {
    const { neighbours } = this.#router.link
    const values = { address: formatIpv4(address), domain: egress }
    if (this.#parts.ports.members(egress).length === 0) {
      this.#steps.drop('neighbour', DropReason.uplinkDown, { domain: egress })
      return
    }
    const index = neighbours.lookup(egress, address)
    const state = index === NONE ? NeighbourState.incomplete : neighbours.state(index)
    if (state === NeighbourState.failed) {
      this.#steps.drop('neighbour', DropReason.hostUnreachable, values)
    } else if (state !== NeighbourState.incomplete) this.#deliver(index, egress, values.address)
    else if (index === NONE || this.#mayWait(index)) this.#steps.say('neighbour', 'unknown', values)
    else this.#steps.drop('neighbour', DropReason.neighbourQueueFull, values)
  }

  #mayWait(list: number): boolean {
    return this.#router.link.pen.hasRoom(list, this.#port)
  }

  #deliver(index: number, egress: number, address: string): void {
    const { neighbours } = this.#router.link
    const high = neighbours.macHigh(index)
    const low = neighbours.macLow(index)
    const mac = formatMac(high, low)
    const state = STATE_NAMES[neighbours.state(index)]!
    const isRouter = this.#parts.tunnels.remotes.isBehindRouter(egress, neighbours.address(index), high, low)
    if (isRouter) this.#steps.say('neighbour', 'remote', { address, mac, domain: egress })
    else this.#steps.say('neighbour', 'known', { address, mac, state, domain: egress })
    const verdict = this.#parts.bridge.decide(high, low, ROUTER_PORT, egress, this.#nowS)
    const mtu = this.#router.link.peerMtu(index, egress, this.#nowS)
    const length = this.#rows[EXTRA_ROW + END]! - this.#rows[EXTRA_ROW + NETWORK]!
    if (length > mtu && this.#router.wayOut.mustStayWhole(EXTRA_ROW, mtu)) {
      this.#steps.drop('egress', DropReason.fragmentationNeeded, { length, mtu })
    } else if (this.#isSender(high, low, egress)) this.#transmit(this.#port)
    else if (verdict >= 0) this.#transmit(verdict)
    else if (verdict === FLOOD) this.#steps.say('bridge', 'flood', { mac, domain: egress })
    else this.#steps.drop('bridge', dropReasonOf(verdict), { domain: egress })
  }

  /** Back to who sent it: the switch has learned from this very frame where that is. */
  #isSender(high: number, low: number, egress: number): boolean {
    const { view } = this.#parts.memory
    const offset = this.#rows[EXTRA_ROW + OFFSET]!
    return (
      egress === this.#domain &&
      high === ethernet.sourceHigh(view, offset) &&
      low === ethernet.sourceLow(view, offset)
    )
  }

  #transmit(port: number): void {
    const { impairment } = this.#parts
    const link = impairment.impaired(port, LinkDirection.to)
    const offset = this.#rows[EXTRA_ROW + OFFSET]!
    const length = this.#rows[EXTRA_ROW + LENGTH]!
    if (!explainLink(link, length, this.#steps)) return
    if (explainRoutedEncapsulation(this.#parts.tunnels, this.#steps, port, offset, length)) return
    this.#steps.say('egress', 'transmit', { port, domain: this.#parts.ports.domain[port]! })
  }
}
