/** Where a sandbox's default route goes, and why. */

import type { SandboxInspect } from '../api/sandbox.ts'
import type { EndpointRecord, NetworkRecord, SandboxRecord } from '../model/records.ts'
import { chooseDefaultRoutes, type RouteCandidate, type RouteChoice } from '../rules/default-route.ts'
import type { SandboxSurroundings } from './sandbox-inspect.ts'

export interface EndpointCandidate extends RouteCandidate {
  readonly endpoint: EndpointRecord
}

/** What chooseDefaultRoutes is asked of a running sandbox. `endpoint` tells which one it chose. */
export function routeCandidates(
  sandbox: SandboxRecord,
  surroundings: { network(id: string): NetworkRecord | undefined },
): readonly EndpointCandidate[] {
  return sandbox.endpoints.flatMap((endpoint) => {
    const network = surroundings.network(endpoint.network)
    const { joined, settings } = endpoint
    if (network === undefined || joined === undefined) return []
    return [
      {
        network: network.name,
        internal: network.internal,
        gatewayPriority: settings.gatewayPriority,
        gateway4: joined.gateway4,
        gateway6: joined.gateway6,
        endpoint,
      },
    ]
  })
}

export function inspectDefaultRoute(
  sandbox: SandboxRecord,
  surroundings: SandboxSurroundings,
): SandboxInspect['NetworkSettings']['DefaultRoute'] {
  const reason = reasonWithoutChoice(sandbox, surroundings)
  if (reason !== undefined) {
    const none = { Network: '', Gateway: '', Reason: reason }
    return { IPv4: none, IPv6: none }
  }
  const { ipv4, ipv6 } = chooseDefaultRoutes(routeCandidates(sandbox, surroundings))
  return { IPv4: inspectChoice(ipv4), IPv6: inspectChoice(ipv6) }
}

/** Undefined where there is something to choose. */
function reasonWithoutChoice(sandbox: SandboxRecord, surroundings: SandboxSurroundings): string | undefined {
  if (sandbox.state.status !== 'running') return 'The sandbox does not run.'
  const mode = sandbox.config.networkMode
  switch (mode.kind) {
    case 'none':
      return 'The sandbox has no network.'
    case 'host':
      return "The sandbox has the machine's network, and its routes."
    case 'container':
      return `The sandbox has the network of ${surroundings.sandboxName(mode.sandbox) ?? mode.sandbox}, and its routes.`
    case 'networks':
      return undefined
  }
}

function inspectChoice(choice: RouteChoice<RouteCandidate>): {
  Network: string
  Gateway: string
  Reason: string
} {
  return { Network: choice.endpoint?.network ?? '', Gateway: choice.gateway, Reason: choice.reason }
}
