/** Which of its networks' servers a sandbox asks, and which names that one finds for it. */

import { DNS_LOOPBACK_ADDRESS } from '../../limits.ts'
import { chooseDefaultRoutes, compareCandidates, type RouteCandidate } from './default-route.ts'
import type { NetworkNames } from './network-names.ts'

/** An endpoint as the choice sees it. */
export interface ResolverCandidate extends RouteCandidate {
  /** Undefined where the network has none. */
  readonly names: NetworkNames | undefined
}

export interface ResolverChoice<T extends ResolverCandidate> {
  readonly address: string
  /** The endpoints whose networks have names, in the order in which those are looked through. */
  readonly scopes: readonly T[]
}

/**
 * The gateway by which the IPv4 default route goes, where it answers questions; else the first gateway that does, in the order in which
 * default routes are chosen; else the server in the sandbox. Undefined where no network has names.
 */
export function chooseResolver<T extends ResolverCandidate>(
  candidates: readonly T[],
): ResolverChoice<T> | undefined {
  const scopes = candidates.filter(({ names }) => names !== undefined).toSorted(compareCandidates)
  if (scopes.length === 0) return undefined
  const route = chooseDefaultRoutes(candidates).ipv4.endpoint
  const gateways = [route, ...scopes].map((candidate) => candidate?.names?.gateway)
  return { address: gateways.find((gateway) => gateway !== undefined) ?? DNS_LOOPBACK_ADDRESS, scopes }
}
