/** Which network gives a sandbox its default route, and why. */

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
  throw new Error('to be written')
}
