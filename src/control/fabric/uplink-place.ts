/** Where the router stands on an uplink, as settings of the router. */

import {
  GatewayMode,
  InterfaceKind,
  type RouterInterfaceSettings,
  type RouteSettings,
} from '../../datapath/router-settings.ts'
import { NAT_FIRST_PORT, NAT_LAST_PORT, UPLINK_DOMAIN } from '../../limits.ts'
import { parseIpAddress } from '../ip-address.ts'
import { macOfAddress } from '../mac-address.ts'
import type { UplinkSpec } from '../model/machine.ts'
import { ipv4Number, macNumbers } from './router-translation.ts'

export interface UplinkRoute {
  readonly prefix: string
  readonly prefixLength: number
  /** Empty where the destination is on the link. */
  readonly gateway: string
}

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
  readonly routes: readonly UplinkRoute[]
  /** Whether the machine's kernel has the address too. */
  readonly shared: boolean
  readonly ports: readonly [number, number]
}

const DEFAULT_PREFIX = '0.0.0.0'

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
