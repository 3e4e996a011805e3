/**
 * What becomes of a packet that belongs to no connection: may it begin one, who is it for, and under which addresses does
 * it go on? Only reads; what it finds stands in the fields until the next call.
 *
 *     destination ──► a service's? ──► a backend of it, which the flow's hash decides on
 *          │
 *          └────────► one of the router's own? ── published? ──► its sandbox (destination NAT)
 *                          │    │                    └── no ──► the gateway itself
 *                          │    └── port 53 of one that answers questions ──► the gateway itself; by TCP the program that does
 *                          └── no ──► route ──► may these two networks meet? ──► leaves by an uplink? ──► source NAT
 */

import {
  DNS_PORT,
  NAT_FIRST_PORT,
  NAT_LAST_PORT,
  NAT_PORT_TRIES,
  NAT_PORT_TRIES_BEYOND_SHARE,
  NAT_PORTS_KEPT_SHIFT,
} from '../limits.ts'
import type { ConnectionTable } from '../tables/connection-table.ts'
import { NatPorts } from '../tables/nat-ports.ts'
import type { PortMap } from '../tables/port-map.ts'
import * as ipProtocol from '../wire/ip-protocol.ts'
import * as tcp from '../wire/tcp.ts'
import type { DnsServer } from './dns/dns-server.ts'
import { DropReason } from './drop-reason.ts'
import {
  type ForwardingTable,
  NO_ROUTE,
  ROUTE_BROADCAST,
  ROUTE_CONNECTED,
  ROUTE_LOCAL,
} from './forwarding-table.ts'
import type { InterfaceTable } from './interface-table.ts'
import * as packets from './packets.ts'
import { FROM_PEER, type PortTable } from './port-table.ts'
import { GatewayMode, InterfaceKind } from './router-settings.ts'
import { pickBackend, type Service, type ServiceTable } from './services/service-table.ts'
import { FlowState } from './tcp-tracking.ts'
import { MAPPED, type TunnelTables } from './tunnel/tunnel-tables.ts'

const { ICMP, TCP, UDP } = ipProtocol
const { CAN_BEGIN, CONTROL, DESTINATION, DOMAIN, HAS_PORTS, PORT, PORTS, PROTOCOL, SOURCE, TRAITS } = packets

/** Goes on, as the fields say. */
export const ADMITTED = 0
/** For the gateway itself. */
export const TO_GATEWAY = -1
/** An echo request for a virtual address, which the gateway answers in its stead. */
export const TO_VIRTUAL = -2
/** Other values are DropReasons. */
export type Admission = number

const NONE = -1

/** ICMP identifiers: all of them, since no kernel keeps any for itself. */
const IDENTIFIERS = new NatPorts(1, 0xffff)

export interface AdmissionTables {
  readonly interfaces: InterfaceTable
  readonly forwarding: ForwardingTable
  readonly portMap: PortMap
  readonly connections: ConnectionTable
  readonly dns: DnsServer
  readonly services: ServiceTable
  readonly ports: PortTable
}

export class AdmissionControl {
  /** The route by which it leaves. */
  route = NO_ROUTE
  /** The domain that it goes to. */
  egress = 0
  /** As the packet goes on. */
  source = 0
  destination = 0
  ports = 0
  /** Row of the port map, or -1. */
  mapping = NONE
  /** Id of the service that has chosen the destination, or 0. */
  service = 0
  /** Answers go to the router that the packet came from, whatever the routes say. */
  pinned = false
  /** Port of the switch that the connection is charged to. */
  owner = 0
  /** A connection that has ended, or that nobody has answered, and whose port this one takes; or -1. */
  displaced = NONE

  /** Set once, before the first packet. */
  tunnels: TunnelTables | undefined = undefined
  private readonly interfaces: InterfaceTable
  private readonly forwarding: ForwardingTable
  private readonly portMap: PortMap
  private readonly connections: ConnectionTable
  private readonly dns: DnsServer
  private readonly services: ServiceTable
  /** By port: FROM_PEER where it leads to another host. */
  private readonly oneWay: Uint8Array
  /** By domain: 0 where its sandboxes may not talk to one another. */
  private readonly icc: Uint8Array
  private readonly portsOf = new Map<number, NatPorts>()

  constructor(tables: AdmissionTables) {
    this.interfaces = tables.interfaces
    this.forwarding = tables.forwarding
    this.portMap = tables.portMap
    this.connections = tables.connections
    this.dns = tables.dns
    this.services = tables.services
    this.oneWay = tables.ports.oneWay
    this.icc = tables.ports.icc
  }

  /** The verdict on the packet in this row, which belongs to no connection. */
  decide(rows: Int32Array, row: number): Admission {
    const verdict = this.judge(rows, row)
    return verdict === ADMITTED && this.isTunnel(rows, row) ? DropReason.tunnelRecursion : verdict
  }

  /** Whether it is VXLAN, with an address of ours for its source, to another host; or from there, so that answers would be. */
  private isTunnel(rows: Int32Array, row: number): boolean {
    const { tunnels, interfaces } = this
    if (tunnels === undefined || tunnels.count === 0 || rows[row + PROTOCOL] !== UDP) return false
    return (
      (interfaces.isOutside(this.egress) &&
        tunnels.isEndpoint(0, 0, MAPPED, this.destination, this.ports & 0xffff)) ||
      (interfaces.isOutside(rows[row + DOMAIN]!) &&
        tunnels.isEndpoint(0, 0, MAPPED, rows[row + SOURCE]!, rows[row + PORTS]! >>> 16))
    )
  }

  private judge(rows: Int32Array, row: number): Admission {
    this.source = rows[row + SOURCE]!
    this.destination = rows[row + DESTINATION]!
    this.ports = rows[row + PORTS]!
    this.mapping = NONE
    this.service = 0
    this.pinned = false
    this.displaced = NONE
    this.owner = rows[row + PORT]!
    this.route = this.forwarding.lookup(this.destination)
    const domain = rows[row + DOMAIN]!
    const route = this.route
    if (route !== NO_ROUTE && this.forwarding.kind(route) === ROUTE_BROADCAST) return DropReason.linkBroadcast
    if (this.isFromRouter(rows, row)) return this.decideFromRouter(rows, row, domain)
    const reversed = this.checkSource(domain)
    if (reversed !== DropReason.none) return reversed
    if (route !== NO_ROUTE && this.forwarding.kind(route) === ROUTE_LOCAL)
      return this.decideLocal(rows, row, domain)
    const service = this.services.find(this.destination)
    if (service !== undefined && this.isFor(service, domain)) return this.decideVirtual(rows, row, service)
    return this.decideForward(rows, row, domain)
  }

  /** By a peer, for a station of the network: another host's router has decided on it, and translated it. */
  private isFromRouter(rows: Int32Array, row: number): boolean {
    const { oneWay, forwarding, route } = this
    return (
      oneWay[rows[row + PORT]!] === FROM_PEER &&
      route !== NO_ROUTE &&
      forwarding.kind(route) === ROUTE_CONNECTED &&
      forwarding.domain(route) === rows[row + DOMAIN] &&
      !this.services.isVirtual(rows[row + DOMAIN]!, this.destination)
    )
  }

  private decideFromRouter(rows: Int32Array, row: number, domain: number): Admission {
    if (!mayBegin(rows, row)) return DropReason.noConnection
    this.pinned = true
    this.egress = domain
    const verdict = this.checkReply(rows, row)
    return verdict === ADMITTED ? verdict : this.translateSource(rows, row, this.source, domain)
  }

  /** A packet comes from where packets to its source would go (RFC 3704, 2.2). */
  private checkSource(domain: number): number {
    const { interfaces, forwarding } = this
    const back = forwarding.lookup(this.source)
    const isOutside = interfaces.kind[domain] === InterfaceKind.outside
    if (back === NO_ROUTE) return isOutside ? DropReason.none : DropReason.reversePath
    const kind = forwarding.kind(back)
    if (kind === ROUTE_LOCAL || kind === ROUTE_BROADCAST) return DropReason.reversePath
    if (forwarding.domain(back) === domain) return DropReason.none
    // By an uplink comes the whole world, but nobody with an address of our own networks.
    const isWorld = interfaces.kind[forwarding.domain(back)] === InterfaceKind.outside
    return isOutside && isWorld ? DropReason.none : DropReason.reversePath
  }

  /** To one of the router's own addresses. */
  private decideLocal(rows: Int32Array, row: number, domain: number): Admission {
    const { interfaces, portMap } = this
    const kind = interfaces.kind[domain]!
    const home = this.forwarding.domain(this.route)
    if (kind === InterfaceKind.outside && home !== domain) return DropReason.directRouting
    // Another network's gateway is as far away as its sandboxes; the uplink's address is everybody's.
    if (home !== domain && interfaces.kind[home] !== InterfaceKind.outside) return DropReason.networkIsolated
    if (home !== domain && interfaces.internal[domain] === 1) return DropReason.networkInternal
    const protocol = rows[row + PROTOCOL]!
    if ((this.ports & 0xffff) === DNS_PORT && this.dns.serves(domain, this.destination)) {
      if (protocol === UDP) return TO_GATEWAY
      if (protocol === TCP) return this.decideDns(rows, row)
    }
    const mapping =
      protocol !== ICMP && (rows[row + TRAITS]! & HAS_PORTS) !== 0 && mayBegin(rows, row)
        ? portMap.lookup(protocol, this.destination, this.ports & 0xffff)
        : NONE
    if (mapping === NONE) {
      if (kind !== InterfaceKind.outside) return TO_GATEWAY
      return interfaces.shared[domain] === 1 ? DropReason.notOurs : TO_GATEWAY
    }
    return this.decidePublished(rows, row, domain, mapping)
  }

  /** A question by TCP to the gateway: a program answers it, with which it is led together as though that were the gateway. */
  private decideDns(rows: Int32Array, row: number): Admission {
    const { service } = this.dns
    if (service === undefined || !this.interfaces.exists(service.domain) || !mayBegin(rows, row))
      return TO_GATEWAY
    this.destination = service.address
    this.ports = (this.ports & ~0xffff) | service.port
    this.egress = service.domain
    this.route = this.forwarding.lookup(service.address)
    if (this.route === NO_ROUTE || this.forwarding.domain(this.route) !== service.domain)
      return DropReason.noRoute
    return this.checkReply(rows, row)
  }

  private decidePublished(rows: Int32Array, row: number, domain: number, mapping: number): Admission {
    const { interfaces, portMap } = this
    const target = portMap.targetDomain(mapping)
    const kind = interfaces.kind[domain]!
    if (!interfaces.exists(target)) return DropReason.noRoute
    const isCrossing = target !== domain && kind !== InterfaceKind.relay
    if (isCrossing && (interfaces.internal[domain] === 1 || interfaces.internal[target] === 1)) {
      return DropReason.networkInternal
    }
    this.mapping = mapping
    const port = this.ports & 0xffff
    this.destination = portMap.targetAddress(mapping)
    this.ports = (this.ports & ~0xffff) | portMap.targetPort(mapping, port)
    this.egress = target
    const service = this.services.find(this.destination)
    if (service !== undefined) return this.decideBackend(rows, row, domain, service)
    this.owner = portMap.owner(mapping)
    this.route = this.forwarding.lookup(this.destination)
    if (this.route === NO_ROUTE || this.forwarding.domain(this.route) !== target) return DropReason.noRoute
    // Hairpin: the answer must come back this way, not straight to a neighbour who asked somebody else.
    const isNeighbour = target === domain || kind === InterfaceKind.relay
    if (isNeighbour) return this.translateSource(rows, row, interfaces.address[target]!, target)
    const verdict = this.checkReply(rows, row)
    // By two published ports one client port may lead to the same port of a sandbox: the second connection gets another one.
    return verdict === ADMITTED ? verdict : this.translateSource(rows, row, this.source, target)
  }

  /** Stations of its own network ask for a virtual address, and the host's programs. */
  private isFor(service: Service, domain: number): boolean {
    return service.domain === domain || this.interfaces.kind[domain] === InterfaceKind.relay
  }

  /** To a virtual address: all ports are the service's. */
  private decideVirtual(rows: Int32Array, row: number, service: Service): Admission {
    const { domain } = service
    const protocol = rows[row + PROTOCOL]!
    if (protocol === ICMP) return TO_VIRTUAL
    if (!mayBegin(rows, row)) return DropReason.noConnection
    if (protocol !== TCP && protocol !== UDP) return DropReason.portClosed
    if (rows[row + DOMAIN] === domain && this.icc[domain] === 0) return DropReason.iccDisabled
    this.egress = domain
    return this.decideBackend(rows, row, rows[row + DOMAIN]!, service)
  }

  /** Which backend? A station of the network is answered by way of `ReplySteering`, so its address stays, but not where it meets itself. */
  private decideBackend(rows: Int32Array, row: number, domain: number, service: Service): Admission {
    const { interfaces } = this
    const target = service.domain
    const place = pickBackend(service, rows[row + PROTOCOL]!, this.source, this.ports)
    if (place === NONE) return DropReason.noBackend
    this.service = service.id
    this.destination = service.backends[place]!
    // Who is on the network has a quota there; who is outside has none of his own.
    if (domain !== target) this.owner = service.owners[place]!
    this.route = this.forwarding.lookup(this.destination)
    if (this.route === NO_ROUTE || this.forwarding.domain(this.route) !== target) return DropReason.noRoute
    if (interfaces.kind[domain] === InterfaceKind.relay || this.destination === this.source)
      return this.translateSource(rows, row, interfaces.address[target]!, target)
    const verdict = this.checkReply(rows, row)
    return verdict === ADMITTED ? verdict : this.translateSource(rows, row, this.source, target)
  }

  /** To somebody else's address. */
  private decideForward(rows: Int32Array, row: number, domain: number): Admission {
    const { interfaces, forwarding } = this
    if (this.route === NO_ROUTE) return DropReason.noRoute
    if (!mayBegin(rows, row)) return DropReason.noConnection
    const egress = forwarding.domain(this.route)
    this.egress = egress
    if (!interfaces.exists(egress)) return DropReason.uplinkDown
    if (interfaces.isInside(domain)) return this.fromInside(rows, row, domain, egress)
    if (interfaces.kind[domain] === InterfaceKind.relay) {
      return interfaces.isInside(egress)
        ? this.translateSource(rows, row, interfaces.address[egress]!, egress)
        : DropReason.directRouting
    }
    if (!interfaces.isInside(egress)) return DropReason.transit
    if (interfaces.internal[egress] === 1) return DropReason.networkInternal
    return this.toSandbox(rows, row, egress, DropReason.directRouting)
  }

  private fromInside(rows: Int32Array, row: number, domain: number, egress: number): Admission {
    const { interfaces } = this
    if (egress === domain) return this.icc[domain] === 0 ? DropReason.iccDisabled : this.checkReply(rows, row)
    if (interfaces.kind[egress] === InterfaceKind.relay) return DropReason.networkIsolated
    if (interfaces.internal[domain] === 1 || interfaces.internal[egress] === 1)
      return DropReason.networkInternal
    if (interfaces.isInside(egress)) return this.toSandbox(rows, row, egress, DropReason.networkIsolated)
    if (!interfaces.translatesSource(domain)) return this.checkReply(rows, row)
    const own = interfaces.sourceAddress[domain]!
    return this.translateSource(rows, row, own === 0 ? interfaces.address[egress]! : own, egress)
  }

  /** By its own address, from outside or from another network. */
  private toSandbox(rows: Int32Array, row: number, egress: number, otherwise: DropReason): Admission {
    const { interfaces, portMap } = this
    const mode = interfaces.mode[egress]
    if (mode === GatewayMode.nat) return otherwise
    if (mode === GatewayMode.routed && rows[row + PROTOCOL] !== ICMP) {
      // What is published of a routed network is the sandbox's own address and port.
      const mapping = portMap.lookup(rows[row + PROTOCOL]!, this.destination, this.ports & 0xffff)
      if (mapping === NONE || portMap.targetAddress(mapping) !== this.destination) return otherwise
      this.mapping = mapping
      this.owner = portMap.owner(mapping)
    }
    return this.checkReply(rows, row)
  }

  /** Chooses the port that stands for the source's, so that nobody else's connection has the same answers. */
  private translateSource(rows: Int32Array, row: number, address: number, egress: number): Admission {
    const protocol = rows[row + PROTOCOL]!
    this.source = address
    if ((rows[row + TRAITS]! & HAS_PORTS) === 0) {
      // Nothing would tell its packets from those of the machine, whose tunnels it would hear and speak in.
      const isMachines = this.interfaces.shared[egress] === 1
      return isMachines ? DropReason.natPortsExhausted : this.checkReply(rows, row)
    }
    const { connections } = this
    const isEcho = protocol === ICMP
    const pool = isEcho ? IDENTIFIERS : this.natPorts(egress)
    const preferred = this.ports >>> 16
    const target = this.ports & 0xffff
    const secret = connections.hash(
      protocol,
      rows[row + SOURCE]!,
      rows[row + DESTINATION]!,
      rows[row + PORTS]!,
    )
    const own = connections.crowd(this.owner, protocol, this.destination, target)
    const mayTakeFree = own < pool.count - (pool.count >>> NAT_PORTS_KEPT_SHIFT)
    const tries = mayTakeFree ? Math.min(pool.count, NAT_PORT_TRIES) : NAT_PORT_TRIES_BEYOND_SHARE
    for (let k = 0; k < tries; k++) {
      const port = pool.candidate(k, preferred, secret)
      // What is published there stays reachable for the one that is asked, too.
      if (!isEcho && this.portMap.lookup(protocol, address, port) !== NONE) continue
      const reply = isEcho ? (port << 16) | port : (target << 16) | port
      const hash = connections.hash(protocol, this.destination, address, reply)
      const holder = connections.lookup(hash, protocol, this.destination, address, reply)
      if (holder === NONE && !mayTakeFree) continue
      if (holder !== NONE && (this.displaced !== NONE || !this.givesWay(holder, own, mayTakeFree))) continue
      this.displaced = holder
      this.ports = isEcho ? reply : (port << 16) | target
      if (holder === NONE || !mayTakeFree) return ADMITTED
    }
    // A free one would have been better. But many short connections to one server need more ports than there are.
    return this.displaced === NONE ? DropReason.natPortsExhausted : ADMITTED
  }

  /**
   * Whether a connection gives up its port to one of `owner`, who has `own` towards this server: it has ended, even though its last
   * packets may still be on their way; or it is one of somebody who has more of them, and nobody has answered. Who has
   * his share takes from himself alone.
   */
  private givesWay(holder: number, own: number, mayTakeFree: boolean): boolean {
    const { connections } = this
    const owner = connections.owner(holder)
    const isEnded = hasEnded(connections.state(holder))
    if (owner === this.owner) return isEnded
    if (!mayTakeFree) return false
    if (isEnded) return true
    if (connections.isConfirmed(holder)) return false
    const { destination } = this
    return (
      connections.crowd(owner, connections.protocol(holder), destination, connections.ports(holder) >>> 16) >
      own
    )
  }

  /** Without translation of the source: its answers must not be those of another connection. */
  private checkReply(rows: Int32Array, row: number): Admission {
    const { connections } = this
    const protocol = rows[row + PROTOCOL]!
    const reply = swapped(this.ports)
    const hash = connections.hash(protocol, this.destination, this.source, reply)
    const taken = connections.lookup(hash, protocol, this.destination, this.source, reply) !== NONE
    return taken ? DropReason.natPortsExhausted : ADMITTED
  }

  /** Ports of an uplink; towards a network's own sandboxes, of its gateway's address, which is ours alone. */
  private natPorts(egress: number): NatPorts {
    const { interfaces } = this
    const isOutside = interfaces.kind[egress] === InterfaceKind.outside
    const first = isOutside ? interfaces.firstPort[egress]! : NAT_FIRST_PORT
    const last = isOutside ? interfaces.lastPort[egress]! : NAT_LAST_PORT
    const key = (first << 16) | last
    let pool = this.portsOf.get(key)
    if (pool === undefined) {
      pool = new NatPorts(first, last)
      this.portsOf.set(key, pool)
    }
    return pool
  }
}

/** A reset ends connections, and begins none. Other segments may belong to one that was there before the router was. */
function mayBegin(rows: Int32Array, row: number): boolean {
  if ((rows[row + TRAITS]! & CAN_BEGIN) === 0) return false
  return rows[row + PROTOCOL] !== TCP || (rows[row + CONTROL]! & tcp.RST) === 0
}

/** Both sides have said that they are done; what is left of the time is for packets that come late. */
const hasEnded = (state: number): boolean => state === FlowState.timeWait || state === FlowState.closed

/** Both ports change sides. */
export const swapped = (ports: number): number => (ports << 16) | (ports >>> 16)
