/** Where the router stands on an interface of the machine: what the machine says of it. */

import type { UplinkPlace, UplinkRoute } from '../../control/fabric/uplink-place.ts'
import { MTU_MAX } from '../../limits.ts'
import type { InterfaceFacts } from './interface-facts.ts'
import type { NatPorts } from './nat-ports.ts'

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

/** The first route to each prefix. */
function preferred(routes: readonly UplinkRoute[]): readonly UplinkRoute[] {
  const byPrefix = new Map<string, UplinkRoute>()
  for (const route of routes) {
    const key = `${route.prefix}/${route.prefixLength}`
    if (!byPrefix.has(key)) byPrefix.set(key, route)
  }
  return [...byPrefix.values()]
}
