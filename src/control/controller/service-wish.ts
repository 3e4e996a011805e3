/** What of a service is to be there on this host. */

import type { FabricNamedHost } from '../model/names.ts'
import type { FabricService, ServiceRecord } from '../model/services.ts'
import { type ServiceMember, seedOf } from '../rules/service-members.ts'

/** A service as this host sees it. */
export interface SeenService {
  readonly service: ServiceRecord
  /** Of its network; undefined where that is not here (any more). */
  readonly domain: number | undefined
  readonly backends: readonly ServiceMember[]
  /** Why nothing of it can be here; undefined where it can. */
  readonly problem?: Error | undefined
}

export interface ServiceWish {
  readonly groups: ReadonlyMap<string, WishedGroup>
  readonly ports: ReadonlyMap<string, WishedPort>
  readonly names: ReadonlyMap<string, FabricNamedHost>
}

/** Backends under one address; empty where nobody asks for it. */
export type WishedGroup = Omit<FabricService, 'id'>

export interface WishedPort {
  readonly protocol: 'tcp' | 'udp'
  readonly published: number
  readonly target: number
  /** Where it leads. */
  readonly group: string
  /** Where programs of the machine are led by its relay. */
  readonly relay: string
}

const NOTHING: ServiceWish = { groups: new Map(), ports: new Map(), names: new Map() }

/** All backends, and those of this host alone. */
const ALL = 'all'
const LOCAL = 'local'

export function wishOf(seen: SeenService | undefined): ServiceWish {
  if (seen === undefined || seen.domain === undefined || seen.problem !== undefined) return NOTHING
  const { service, domain, backends } = seen
  const local = backends.filter(({ isLocal }) => isLocal)
  const group = (address: string, members: readonly ServiceMember[]): WishedGroup => ({
    domain,
    address,
    seed: seedOf(service),
    backends: members.flatMap((member) =>
      member.port === undefined ? [] : [{ address: member.address, port: member.port }],
    ),
  })
  const groups = new Map<string, WishedGroup>()
  const ports = new Map<string, WishedPort>()
  if (service.virtualIp !== '') groups.set(ALL, group(service.virtualIp, backends))
  const isHost = service.ports.some(({ mode }) => mode === 'host')
  if (isHost && local.length > 0) groups.set(LOCAL, group('', local))
  for (const { protocol, published, target, mode } of service.ports) {
    const key = `${published}/${protocol} ${target} ${mode}`
    const port = { protocol, published, target }
    if (mode === 'ingress') ports.set(key, { ...port, group: ALL, relay: service.virtualIp })
    else if (local.length > 0) ports.set(key, { ...port, group: LOCAL, relay: local[0]!.address })
  }
  return { groups, ports, names: namesOf(seen, domain) }
}

/** `web` is the virtual address, or each backend; `tasks.web` always each. */
function namesOf({ service, backends }: SeenService, domain: number): Map<string, FabricNamedHost> {
  const names = new Map<string, FabricNamedHost>()
  const { name, virtualIp } = service
  const named = (ipv4: string, ...texts: string[]): FabricNamedHost => ({
    domain,
    ipv4,
    names: texts.map((text) => ({ text, kind: 'alias' })),
    services: service.ports.map(({ protocol, target }) => ({ protocol, first: target, last: target })),
  })
  if (virtualIp !== '') names.set('virtual', named(virtualIp, name))
  for (const { endpoint, address } of backends) {
    const texts = virtualIp === '' ? [name, `tasks.${name}`] : [`tasks.${name}`]
    names.set(endpoint, { ...named(address, ...texts), services: [], aside: true })
  }
  return names
}
