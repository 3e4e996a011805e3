/** Services in the lab file of what is there. */

import type { ServiceInspect } from '../api/service.ts'
import type { LabNetwork, LabSandbox, LabService } from '../lab.ts'
import { serviceFile } from '../lab-text.ts'
import { userLabels } from './labels.ts'
import type { Present } from './present.ts'
import { addressOf, labPort } from './services.ts'

/** As one daemon's lab file says them, by name; undefined where there are none. */
export function servicesFile({ services, sandboxes }: Present): {
  readonly file: Readonly<Record<string, unknown>> | undefined
  readonly leftOut: readonly string[]
} {
  const names = new Map(sandboxes.flatMap(({ Id, Name }) => [[Id, Name] as const, [Name, Name] as const]))
  const leftOut: string[] = []
  const entries = services
    .toSorted((a, b) => (a.Name < b.Name ? -1 : 1))
    .map((service) => {
      const { Name, Scope, Endpoints } = service
      // Those of a cluster may be on other hosts.
      const known = Endpoints.map((name) => names.get(name) ?? (Scope === 'swarm' ? name : undefined))
      for (const [index, name] of known.entries()) {
        if (name === undefined) leftOut.push(endpointLeftOut(Name, Endpoints[index]!))
      }
      const endpoints = [...new Set(known.filter((name) => name !== undefined))]
      return [Name, serviceFile(labService(service, endpoints))] as const
    })
  return { file: entries.length === 0 ? undefined : Object.fromEntries(entries), leftOut }
}

function labService(have: ServiceInspect, endpoints: readonly string[]): Omit<LabService, 'name'> {
  return {
    network: have.Network.Name,
    endpointMode: have.EndpointMode,
    ...(have.VirtualIP === '' ? undefined : { address: addressOf(have) }),
    replicasOf: have.ReplicasOf,
    endpoints: [...endpoints],
    ports: have.Ports.map(labPort),
    labels: userLabels(have.Labels),
  }
}

const endpointLeftOut = (service: string, sandbox: string): string =>
  `Service ${service} is saved in part: there is no sandbox ${sandbox}.`

export interface SavedServices {
  readonly networks: readonly LabNetwork[]
  readonly sandboxes: readonly LabSandbox[]
  readonly services?: readonly LabService[] | undefined
}

/** What the hosts of a cluster say of its services, put together; each of them says the same. `own` is the lab's own daemon's. */
export function sharedServices(
  hosts: readonly SavedServices[],
  networks: readonly LabNetwork[],
  own: SavedServices,
): { readonly services: LabService[]; readonly leftOut: readonly string[] } {
  const shared = new Set(networks.map(({ name }) => name))
  const ownNetworks = new Set(own.networks.map(({ name }) => name))
  const ownServices = new Set(own.services?.map(({ name }) => name))
  const sandboxes = new Set(hosts.flatMap((host) => host.sandboxes.map(({ name }) => name)))
  const found = new Map(
    hosts
      .flatMap(({ services = [] }) => services)
      .filter(({ network }) => shared.has(network))
      .map((service) => [service.name, service]),
  )
  const leftOut: string[] = []
  const services = [...found.values()].flatMap((service) => {
    const { name, network, endpoints, replicasOf } = service
    const known = endpoints.filter((endpoint) => sandboxes.has(endpoint))
    const why = ownServices.has(name)
      ? 'the lab has one of that name of its own'
      : ownNetworks.has(network)
        ? `the lab has a network ${network} of its own`
        : known.length + replicasOf.length === 0
          ? 'the sandboxes that serve are not known'
          : undefined
    if (why !== undefined) {
      leftOut.push(`Service ${name} is left out: ${why}.`)
      return []
    }
    leftOut.push(
      ...endpoints
        .filter((endpoint) => !known.includes(endpoint))
        .map((endpoint) => endpointLeftOut(name, endpoint)),
    )
    return [{ ...service, endpoints: known }]
  })
  return { services, leftOut }
}
