/** Where the router stands on an uplink: what the machine says of it, as settings of the router. */

import { parseIpAddress } from '../../control/ip-address.ts'
import { macOfAddress } from '../../control/mac-address.ts'
import type { UplinkSpec } from '../../control/model/machine.ts'
import {
  GatewayMode,
  InterfaceKind,
  type RouterInterfaceSettings,
  type RouteSettings,
} from '../../datapath/router-settings.ts'
import { MTU_MAX, NAT_FIRST_PORT, NAT_LAST_PORT, UPLINK_DOMAIN } from '../../limits.ts'
import { ipv4Number, macNumbers } from '../router-translation.ts'
import type { InterfaceFacts, InterfaceRoute } from './interface-facts.ts'
import type { NatPorts } from './nat-ports.ts'

export interface UplinkPlace {
  readonly interface: string
  /** The kernel's number for it; 0 where the interface is our own. */
  readonly index: number
  readonly mac: string
  readonly address: string
  readonly prefixLength: number
  /** Next hop of the default route; empty where there is none. */
  readonly gateway: string
  readonly mtu: number
  readonly routes: readonly InterfaceRoute[]
  /** Whether the machine's kernel has the address too. */
  readonly shared: boolean
  readonly ports: readonly [number, number]
}

const DEFAULT_PREFIX = '0.0.0.0'

/** Why there is no way out by this interface now; undefined where there is one. `name` is as the user gave it. */
export function nicProblem(name: string, facts: InterfaceFacts | undefined): string | undefined {
  if (facts === undefined) {
    return name === '' ? 'the machine has no default route' : `there is no interface ${name}`
  }
  if (!facts.ethernet) return `${facts.name} is no Ethernet interface`
  if (!facts.up) return `${facts.name} is down`
  if (facts.address === '') return `${facts.name} has no IPv4 address`
  return undefined
}

export function nicPlace(facts: InterfaceFacts, ports: Pick<NatPorts, 'first' | 'last'>): UplinkPlace {
  return {
    interface: facts.name,
    index: facts.index,
    mac: facts.mac,
    address: facts.address,
    prefixLength: facts.prefixLength,
    gateway: facts.routes.find(({ prefixLength }) => prefixLength === 0)?.gateway ?? '',
    mtu: Math.min(facts.mtu, MTU_MAX),
    routes: preferred(facts.routes),
    shared: true,
    ports: [ports.first, ports.last],
  }
}

/** The MAC address is the router's; the TAP's own is that of whoever has the other end. */
export function tapPlace(spec: Extract<UplinkSpec, { kind: 'tap' }>): UplinkPlace {
  const { name, address, prefixLength, gateway, mtu } = spec
  return {
    interface: name,
    index: 0,
    mac: macOfAddress(parseIpAddress(address)!),
    address,
    prefixLength,
    gateway,
    mtu,
    routes: [{ prefix: DEFAULT_PREFIX, prefixLength: 0, gateway }],
    shared: false,
    ports: [NAT_FIRST_PORT, NAT_LAST_PORT],
  }
}

export function placeInterface(place: UplinkPlace): RouterInterfaceSettings {
  const { high, low } = macNumbers(place.mac)
  return {
    kind: InterfaceKind.outside,
    macHigh: high,
    macLow: low,
    address: ipv4Number(place.address),
    prefixLength: place.prefixLength,
    mtu: place.mtu,
    mode: GatewayMode.nat,
    internal: false,
    masquerade: false,
    sourceAddress: 0,
    hostPort: -1,
    proxyArp: false,
    shared: place.shared,
    firstPort: place.ports[0],
    lastPort: place.ports[1],
  }
}

export const placeRoutes = ({ routes }: UplinkPlace): readonly RouteSettings[] =>
  routes.map(({ prefix, prefixLength, gateway }) => ({
    prefix: ipv4Number(prefix),
    prefixLength,
    domain: UPLINK_DOMAIN,
    nextHop: gateway === '' ? 0 : ipv4Number(gateway),
  }))

/** The way out by a network that plays the world: everybody is on it. */
export const worldRoutes = (domain: number): readonly RouteSettings[] => [
  { prefix: 0, prefixLength: 0, domain, nextHop: 0 },
]

/** The first route to each prefix. */
function preferred(routes: readonly InterfaceRoute[]): readonly InterfaceRoute[] {
  const byPrefix = new Map<string, InterfaceRoute>()
  for (const route of routes) {
    const key = `${route.prefix}/${route.prefixLength}`
    if (!byPrefix.has(key)) byPrefix.set(key, route)
  }
  return [...byPrefix.values()]
}
