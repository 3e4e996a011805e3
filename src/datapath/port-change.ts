/**
 * What a port of the switch has, and what goes with it: its stations, its connections, what waits for it or on its link. A tunnel's port
 * has no frames of its own, a peer's is one of the switch like any other.
 */

import type { MacTable } from '../tables/mac-table.ts'
import { UDP } from '../wire/ip-protocol.ts'
import type { Counters } from './counters.ts'
import type { Egress } from './egress.ts'
import { removeFlows } from './flow-listing.ts'
import type { Guard } from './guard.ts'
import type { Icc } from './icc.ts'
import type { Impairments } from './impairment/impairments.ts'
import type { PortSettings, PortTable } from './port-table.ts'
import type { Router } from './router.ts'
import type { PeerSettings, TunnelSettings } from './tunnel/tunnel-settings.ts'
import { MAPPED, wordsOf } from './tunnel/tunnel-tables.ts'
import type { Tunnels } from './tunnel/tunnels.ts'

export interface PortParts {
  readonly ports: PortTable
  readonly guard: Guard
  readonly icc: Icc
  readonly stations: MacTable
  readonly router: Router
  readonly egress: Egress
  readonly impairment: Impairments
  readonly tunnels: Tunnels
  readonly counters: Counters
}

export function addPort(parts: PortParts, port: number, settings: PortSettings): void {
  const { ports, guard, icc, stations, tunnels } = parts
  const { domain, station } = settings
  ports.addPort(port, settings)
  guard.set(port, settings.guard)
  icc.host[port] = settings.host === true ? 1 : 0
  if (station === undefined) return
  tunnels.remotes.release(domain, station)
  stations.addStatic(domain, station.high, station.low, port)
}

/** What waits for transmission to it is dropped here and now, so that it neither counts for the next port of this number nor reaches it. */
export function removePort(parts: PortParts, port: number): void {
  const { ports, guard, stations, router, egress, impairment, tunnels, counters } = parts
  const domain = ports.domain[port]!
  egress.withdraw(port)
  impairment.removePort(port)
  router.removePort(port, domain)
  guard.set(port, undefined)
  tunnels.removePeer(port)
  ports.removePort(port)
  stations.removePort(port)
  counters.remove(port)
  tunnels.remotes.replace(domain)
}

export function addTunnel({ router, tunnels }: PortParts, port: number, settings: TunnelSettings): void {
  tunnels.addTunnel(port, settings)
  endConnections(router, settings.local, settings.udpPort)
}

export function removeTunnel({ tunnels, counters }: PortParts, port: number): void {
  tunnels.removeTunnel(port)
  counters.remove(port)
}

export function addPeer({ router, tunnels }: PortParts, port: number, settings: PeerSettings): void {
  tunnels.addPeer(port, settings)
  endConnections(router, settings.address, tunnels.tables.udpPortOf(port))
}

/** What sandboxes have begun with an address before that was known for a tunnel endpoint's. */
function endConnections({ connections }: Router, endpoint: Uint8Array, port: number): void {
  const [a, b, c, address] = wordsOf(endpoint)
  if (a !== 0 || b !== 0 || c !== MAPPED) return
  removeFlows(connections, { protocol: UDP, address, port })
}
