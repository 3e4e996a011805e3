/** What the router knows, as values for people and programs; and ending connections that somebody has chosen from it. */

import type { ConnectionTable } from '../tables/connection-table.ts'
import { NeighbourState, type NeighbourTable } from '../tables/neighbour-table.ts'
import * as ipProtocol from '../wire/ip-protocol.ts'
import type { Router } from './router.ts'
import type {
  FlowListing,
  FlowSelection,
  FlowTupleValue,
  FlowValue,
  NatCounts,
  NeighbourValue,
} from './router-settings.ts'
import { FLOW_STATES } from './tcp-tracking.ts'

const NONE = -1

/** By NeighbourState. */
const STATE_NAMES = new Map<number, string>(
  Object.entries(NeighbourState).map(([name, state]) => [state, name]),
)

/** At most `limit` of the connections that match, and how many match in all. */
export function listFlows(
  connections: ConnectionTable,
  selection: FlowSelection,
  limit: number,
  nowS: number,
): FlowListing {
  const flows: FlowValue[] = []
  let total = 0
  for (const flow of selected(connections, selection)) {
    total++
    if (flows.length < limit) flows.push(valueOf(connections, flow, nowS))
  }
  return { flows, total }
}

/** Returns how many were removed. */
export function removeFlows(connections: ConnectionTable, selection: FlowSelection): number {
  const before = connections.size
  for (const flow of selected(connections, selection)) connections.remove(flow)
  return before - connections.size
}

/** Removes the owner's connections that a published range has made. Returns how many there were. */
export function removeMapped(connections: ConnectionTable, owner: number, mapping: number): number {
  const before = connections.size
  let flow = connections.firstOf(owner)
  while (flow !== NONE) {
    const next = connections.nextOf(flow)
    if (connections.mapping(flow) === mapping) connections.remove(flow)
    flow = next
  }
  return before - connections.size
}

export function countFlows({ connections, portMap, gateway }: Router): NatCounts {
  const counts = new Map<number, number>()
  for (let flow = connections.next(NONE); flow !== NONE; flow = connections.next(flow)) {
    const protocol = connections.protocol(flow)
    counts.set(protocol, (counts.get(protocol) ?? 0) + 1)
  }
  return {
    flows: connections.size,
    capacity: connections.capacity,
    perOwner: connections.connectionsPerOwner,
    created: connections.created,
    expired: connections.expired,
    evicted: connections.evicted,
    refusedQuota: connections.refusedQuota,
    refusedFull: connections.refusedFull,
    tcp: counts.get(ipProtocol.TCP) ?? 0,
    udp: counts.get(ipProtocol.UDP) ?? 0,
    icmp: counts.get(ipProtocol.ICMP) ?? 0,
    publishedRanges: portMap.size,
    icmpErrorsSent: gateway.errorsSent,
  }
}

export function listNeighbours(neighbours: NeighbourTable): NeighbourValue[] {
  // Those below 0.1.0.0 are no addresses: services/return-hops.ts.
  const real = [...neighbours.entries()].filter(({ address }) => address >>> 16 !== 0)
  return real.map(({ domain, address, high, low, state }) => ({
    domain,
    address,
    macHigh: high,
    macLow: low,
    state: STATE_NAMES.get(state)!,
  }))
}

/** The original references of the connections that match; the present one may be removed. */
function* selected(
  connections: ConnectionTable,
  selection: FlowSelection,
): Generator<number, void, undefined> {
  const owners = selection.owners && new Set(selection.owners)
  const domains = selection.domains && new Set(selection.domains)
  for (let flow = connections.next(NONE); flow !== NONE; flow = connections.next(flow)) {
    if (selection.protocol !== undefined && connections.protocol(flow) !== selection.protocol) continue
    if (owners !== undefined && !owners.has(connections.owner(flow))) continue
    if (
      domains !== undefined &&
      !domains.has(connections.domain(flow)) &&
      !domains.has(connections.domain(flow ^ 1))
    ) {
      continue
    }
    if (selection.address !== undefined && !hasAddress(connections, flow, selection.address)) continue
    if (selection.port !== undefined && !hasPort(connections, flow, selection.port)) continue
    yield flow
  }
}

function hasAddress(connections: ConnectionTable, flow: number, address: number): boolean {
  return [flow, flow ^ 1].some(
    (reference) =>
      connections.source(reference) === address || connections.destination(reference) === address,
  )
}

function hasPort(connections: ConnectionTable, flow: number, port: number): boolean {
  return [flow, flow ^ 1].some((reference) => {
    const ports = connections.ports(reference)
    return ports >>> 16 === port || (ports & 0xffff) === port
  })
}

function valueOf(connections: ConnectionTable, flow: number, nowS: number): FlowValue {
  return {
    number: flow >>> 1,
    protocol: connections.protocol(flow),
    state: FLOW_STATES[connections.state(flow)]!,
    original: tupleOf(connections, flow),
    reply: tupleOf(connections, flow ^ 1),
    expiresS: Math.max(0, connections.deadline(flow) - nowS),
    owner: connections.owner(flow),
    mapping: connections.mapping(flow),
    service: connections.service(flow),
  }
}

const tupleOf = (connections: ConnectionTable, reference: number): FlowTupleValue => ({
  source: connections.source(reference),
  destination: connections.destination(reference),
  sourcePort: connections.ports(reference) >>> 16,
  destinationPort: connections.ports(reference) & 0xffff,
  domain: connections.domain(reference),
  packets: connections.packets(reference),
})
