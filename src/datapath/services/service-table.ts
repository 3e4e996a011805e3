/**
 * Services by their virtual addresses, and which backend a flow gets: the one with the highest score, which is a hash of the flow and the
 * backend (highest random weight: Thaler and Ravishankar, IEEE/ACM Transactions on Networking 6(1), 1998).
 *
 *     flow ──┬─► score with 10.1.0.2   ─┐
 *            ├─► score with 10.1.0.3   ─┼─► the highest
 *            └─► score with 10.1.0.4   ─┘
 *
 * A backend that comes takes flows for itself alone, and the flows of one that goes are spread over those that stay: no others move. All
 * hosts find the same one, and so does the daemon that comes after a restart. Only the first packet of a connection asks.
 */

import { SERVICE_BACKENDS_MAX, SERVICES_MAX } from '../../limits.ts'
import { scramble } from '../../tables/scramble.ts'
import type { ServiceSettings } from './service-settings.ts'

const NONE = -1
/** Addresses below this are of 0.0.0.0/8, and stand in no packet. */
const NO_ADDRESS_BELOW = 1 << 24

export interface Service {
  readonly id: number
  readonly domain: number
  readonly address: number
  readonly seed: number
  readonly backends: Int32Array
  readonly owners: Int32Array
}

export class ServiceTable {
  private readonly byId = new Map<number, Service>()
  private readonly byAddress = new Map<number, Service>()

  get size(): number {
    return this.byId.size
  }

  /** Puts it in the place of the one with its id. Throws RangeError where there are too many, or the address is another's. */
  set(settings: ServiceSettings): void {
    const { id, domain, address, seed, backends } = settings
    if (!Number.isInteger(id) || id < 1 || id > SERVICES_MAX)
      throw new RangeError(`service ${id} is not in 1..${SERVICES_MAX}`)
    if (backends.length > SERVICE_BACKENDS_MAX)
      throw new RangeError(`a service has at most ${SERVICE_BACKENDS_MAX} backends, not ${backends.length}`)
    const holder = this.byAddress.get(address)
    if (holder !== undefined && holder.id !== id) throw new RangeError(`service ${holder.id} has the address`)
    this.remove(id)
    const service = {
      id,
      domain,
      address,
      seed,
      backends: Int32Array.from(backends, (backend) => backend.address),
      owners: Int32Array.from(backends, ({ owner }) => owner),
    }
    this.byId.set(id, service)
    this.byAddress.set(address, service)
  }

  /** False where there is no such service. */
  remove(id: number): boolean {
    const service = this.byId.get(id)
    if (service === undefined) return false
    this.byId.delete(id)
    this.byAddress.delete(service.address)
    return true
  }

  get(id: number): Service | undefined {
    return this.byId.get(id)
  }

  /** The service whose address this is. */
  find(address: number): Service | undefined {
    return this.byAddress.get(address)
  }

  /** Whether this is an address in the domain that the router answers for. */
  isVirtual(domain: number, address: number): boolean {
    const service = this.byAddress.get(address)
    return service !== undefined && service.domain === domain && address >>> 0 >= NO_ADDRESS_BELOW
  }

  hasDomain(domain: number): boolean {
    for (const service of this.byId.values()) if (service.domain === domain) return true
    return false
  }

  /** Whether connections to this backend may go on. */
  hasBackend(id: number, address: number): boolean {
    return this.byId.get(id)?.backends.includes(address) === true
  }

  list(): readonly Service[] {
    return [...this.byId.values()]
  }
}

/**
 * The place of a flow's backend in `backends`, or NONE. `ports` is source << 16 | the service's own port: which address and port of which host
 * a client has asked makes no difference, so that another host that takes over finds the same one.
 */
export function pickBackend(
  { backends, seed }: Service,
  protocol: number,
  source: number,
  ports: number,
): number {
  const flow = flowOf(seed, protocol, source, ports)
  let best = NONE
  let highest = -1
  for (let i = 0; i < backends.length; i++) {
    const score = scoreOf(flow, backends[i]!)
    // Of two with the same score the lower address, in whatever order they stand.
    if (score < highest || (score === highest && backends[i]! > backends[best]!)) continue
    best = i
    highest = score
  }
  return best
}

/** What `pickBackend` chooses by: all backends, the highest score first, which is the one that it picks. Scores are below 2^32. */
export function rankBackends(
  { backends, seed }: Service,
  protocol: number,
  source: number,
  ports: number,
): readonly { readonly address: number; readonly score: number }[] {
  const flow = flowOf(seed, protocol, source, ports)
  const scored = Array.from(backends, (address) => ({ address, score: scoreOf(flow, address) }))
  return scored.toSorted((one, other) => other.score - one.score || one.address - other.address)
}

const flowOf = (seed: number, protocol: number, source: number, ports: number): number =>
  scramble(scramble(scramble(seed, source), ports), protocol)

const scoreOf = (flow: number, backend: number): number => scramble(flow, backend) >>> 0
