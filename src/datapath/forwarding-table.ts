/**
 * Where a packet goes by its destination: to the router itself, to a neighbour, or to a neighbour by way of another (RFC 1812,
 * 5.2.4). The longest prefix counts, and of two routes to the same prefix the one that came first.
 */

import { ROUTES_MAX } from '../limits.ts'
import { maskOf, PrefixTable } from '../tables/prefix-table.ts'
import type { RouteSettings } from './router-settings.ts'

/** An address of the router's own. */
export const ROUTE_LOCAL = 0
/** The destination is on the link. */
export const ROUTE_CONNECTED = 1
/** The destination is behind the next hop. */
export const ROUTE_VIA = 2
/** The network's or the broadcast address of a subnet: nothing is routed there (RFC 2644). */
export const ROUTE_BROADCAST = 3

export const NO_ROUTE = -1

export interface ConnectedSubnet {
  readonly domain: number
  readonly address: number
  readonly prefixLength: number
}

/** RFC 3021: on such a link both addresses are hosts'. */
const POINT_TO_POINT_PREFIX = 31
const HOST_PREFIX = 32
/** An address, its subnet, and the subnet's two addresses for all. */
const SUBNET_ROUTES = 4

export class ForwardingTable {
  private readonly prefixes = new PrefixTable(ROUTES_MAX)
  private readonly kinds = new Uint8Array(ROUTES_MAX)
  private readonly domains = new Int32Array(ROUTES_MAX)
  private readonly nextHops = new Int32Array(ROUTES_MAX)
  private readonly networks = new Int32Array(ROUTES_MAX)
  private readonly lengths = new Uint8Array(ROUTES_MAX)
  private readonly free: number[] = []
  private used = 0
  /** By prefix and length: the routes to it, in the order in which they came. Only changes look here. */
  private readonly candidates = new Map<number, readonly number[]>()
  /** By domain: the routes of its subnet. */
  private readonly subnets = new Map<number, readonly number[]>()
  private others: readonly number[] = []

  /** The route's number, or NO_ROUTE. */
  lookup(destination: number): number {
    return this.prefixes.lookup(destination)
  }

  kind(route: number): number {
    return this.kinds[route]!
  }

  /** The domain by which it leaves, or whose interface has the address. */
  domain(route: number): number {
    return this.domains[route]!
  }

  /** 0 where the destination itself is the neighbour. */
  nextHop(route: number): number {
    return this.nextHops[route]!
  }

  network(route: number): number {
    return this.networks[route]!
  }

  prefixLength(route: number): number {
    return this.lengths[route]!
  }

  /** Routes of an interface's own subnet and address. Throws RangeError where there is no room. */
  addSubnet({ domain, address, prefixLength }: ConnectedSubnet): void {
    this.requireRoom(SUBNET_ROUTES)
    const mask = maskOf(prefixLength)
    const routes = [
      this.add(address, HOST_PREFIX, ROUTE_LOCAL, domain, 0),
      this.add(address & mask, prefixLength, ROUTE_CONNECTED, domain, 0),
    ]
    if (prefixLength < POINT_TO_POINT_PREFIX) {
      routes.push(
        this.add(address & mask, HOST_PREFIX, ROUTE_BROADCAST, domain, 0),
        this.add(address | ~mask, HOST_PREFIX, ROUTE_BROADCAST, domain, 0),
      )
    }
    this.subnets.set(domain, routes)
  }

  removeSubnet(domain: number): void {
    for (const route of this.subnets.get(domain) ?? []) this.remove(route)
    this.subnets.delete(domain)
  }

  /** All other routes, in place of those that were. Throws RangeError where there is no room; then those stay. */
  setRoutes(routes: readonly RouteSettings[]): void {
    this.requireRoom(routes.length - this.others.length)
    for (const route of this.others) this.remove(route)
    this.others = routes.map(({ prefix, prefixLength, domain, nextHop }) =>
      this.add(
        prefix & maskOf(prefixLength),
        prefixLength,
        nextHop === 0 ? ROUTE_CONNECTED : ROUTE_VIA,
        domain,
        nextHop,
      ),
    )
  }

  /** Before the first of several is entered: all of them, or none. */
  private requireRoom(routes: number): void {
    const left = ROUTES_MAX - this.used + this.free.length
    if (routes > left) throw new RangeError(`the router has no room for more than ${ROUTES_MAX} routes`)
  }

  private add(network: number, length: number, kind: number, domain: number, nextHop: number): number {
    const route = this.free.pop() ?? this.used++
    this.kinds[route] = kind
    this.domains[route] = domain
    this.nextHops[route] = nextHop
    this.networks[route] = network
    this.lengths[route] = length
    const key = keyOf(network, length)
    const known = this.candidates.get(key) ?? []
    this.candidates.set(key, [...known, route])
    // It cannot be full: it has at most as many prefixes as there are routes.
    if (known.length === 0) this.prefixes.add(network, length, route)
    return route
  }

  private remove(route: number): void {
    const network = this.networks[route]!
    const length = this.lengths[route]!
    const key = keyOf(network, length)
    const left = (this.candidates.get(key) ?? []).filter((other) => other !== route)
    this.free.push(route)
    if (left.length === 0) {
      this.candidates.delete(key)
      this.prefixes.remove(network, length)
    } else {
      this.candidates.set(key, left)
      this.prefixes.add(network, length, left[0]!)
    }
  }
}

const keyOf = (network: number, length: number): number => (network >>> 0) * 64 + length
