/**
 * Which network gives a sandbox its default route, and why. The endpoints are put in order; of those that have a gateway of the family,
 * the first one gives the route:
 *
 *     1  the higher gateway priority
 *     2  a gateway for IPv4 and one for IPv6, before a gateway for one of them
 *     3  the network's name, by its bytes
 *
 * An internal network has no way out, and so never gives a route, whatever its priority.
 */

export type RouteFamily = 4 | 6

/** An endpoint as the choice sees it. */
export interface RouteCandidate {
  /** The network's name. */
  readonly network: string
  readonly internal: boolean
  readonly gatewayPriority: number
  readonly gateway4?: string | undefined
  readonly gateway6?: string | undefined
}

export interface RouteChoice<T extends RouteCandidate> {
  /** Undefined where no endpoint gives a default route. */
  readonly endpoint: T | undefined
  /** Empty where there is none. */
  readonly gateway: string
  /** A sentence that says which rule decided, and against whom. */
  readonly reason: string
}

/** The choices for IPv4 and IPv6, which may fall on different endpoints. The order of `candidates` has no say. */
export function chooseDefaultRoutes<T extends RouteCandidate>(
  candidates: readonly T[],
): { readonly ipv4: RouteChoice<T>; readonly ipv6: RouteChoice<T> } {
  const sorted = candidates.toSorted(compareCandidates)
  return { ipv4: choose(sorted, 4), ipv6: choose(sorted, 6) }
}

/** The order above; negative where `a` comes first. */
export function compareCandidates(a: RouteCandidate, b: RouteCandidate): number {
  return (
    b.gatewayPriority - a.gatewayPriority ||
    Number(a.internal) - Number(b.internal) ||
    gatewayCount(b) - gatewayCount(a) ||
    compareBytes(a.network, b.network)
  )
}

function choose<T extends RouteCandidate>(sorted: readonly T[], family: RouteFamily): RouteChoice<T> {
  const [first, second] = sorted.filter((candidate) => gatewayOf(candidate, family) !== undefined)
  if (first === undefined) return { endpoint: undefined, gateway: '', reason: reasonForNone(sorted, family) }
  const reason = second === undefined ? reasonForOnly(first, sorted, family) : reasonAgainst(first, second)
  return { endpoint: first, gateway: gatewayOf(first, family)!, reason }
}

function reasonForNone(sorted: readonly RouteCandidate[], family: RouteFamily): string {
  if (sorted.length === 0) return 'The sandbox is on no network.'
  const internal = sorted.filter((candidate) => candidate.internal)
  if (internal.length === 0) return `No network of the sandbox has an IPv${family} gateway.`
  const verb = internal.length === 1 ? 'is' : 'are'
  const others = internal.length === sorted.length ? '' : `, and no other network has an IPv${family} gateway`
  return `${namesOf(internal)} ${verb} internal${others}.`
}

function reasonForOnly(only: RouteCandidate, sorted: readonly RouteCandidate[], family: RouteFamily): string {
  if (sorted.length === 1) return `${only.network} is the only network.`
  const internal = sorted.filter((candidate) => candidate.internal)
  const verb = internal.length === 1 ? 'is' : 'are'
  const aside = internal.length === 0 ? '' : `; ${namesOf(internal)} ${verb} internal`
  return `${only.network} is the only network with an IPv${family} gateway${aside}.`
}

function reasonAgainst(first: RouteCandidate, second: RouteCandidate): string {
  const [winner, loser] = [first.network, second.network]
  if (first.gatewayPriority !== second.gatewayPriority) {
    return `${winner} has the gateway priority ${first.gatewayPriority}, ${loser} has ${second.gatewayPriority}.`
  }
  if (gatewayCount(first) !== gatewayCount(second)) {
    const family = second.gateway4 === undefined ? 'IPv6' : 'IPv4'
    return `${winner} has an IPv4 and an IPv6 gateway, ${loser} has only an ${family} one.`
  }
  return `${winner} comes before ${loser} by name; both have the gateway priority ${first.gatewayPriority}.`
}

function gatewayOf(candidate: RouteCandidate, family: RouteFamily): string | undefined {
  if (candidate.internal) return undefined
  return family === 4 ? candidate.gateway4 : candidate.gateway6
}

function gatewayCount(candidate: RouteCandidate): number {
  return Number(candidate.gateway4 !== undefined) + Number(candidate.gateway6 !== undefined)
}

function namesOf(candidates: readonly RouteCandidate[]): string {
  const names = candidates.map((candidate) => candidate.network)
  return names.length === 1 ? names[0]! : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}

/** Names are ASCII, of which a comparison of UTF-16 units is one of bytes. */
function compareBytes(a: string, b: string): number {
  return a < b ? -1 : Number(a !== b)
}
