/** All services of a lab file, by whose they are: the lab's own daemon's, a host's, or the cluster's. */

import type { LabService } from './lab.ts'
import type { LabDraft, NetworkDraft, SandboxDraft } from './lab-draft.ts'
import type { NetworkPlan } from './lab-network-plan.ts'
import type { Report } from './lab-pool-plan.ts'
import {
  checkServiceNames,
  type PlacedService,
  placeServices,
  type ResolvedService,
  resolveServices,
  type ServiceGround,
} from './lab-service.ts'
import { checkPublishedTwice } from './lab-service-ports.ts'

export interface ServicesPlan {
  readonly all: readonly PlacedService[]
  readonly own: ServiceGround
  readonly cluster: ServiceGround
  /** In the order of the hosts. */
  readonly hosts: readonly ServiceGround[]
}

/** As a lab, a host or a cluster has them: no key where there are none. */
export type SomeServices = { readonly services: LabService[] } | undefined

/** Those of the lab are on its own networks or on the cluster's, those of a host on the host's. `outer` is what the lab's own daemon has. */
export function planServices(
  { services, hosts }: LabDraft,
  outer: { readonly networks: readonly NetworkDraft[]; readonly sandboxes: readonly SandboxDraft[] },
  shared: readonly NetworkDraft[],
  report: Report,
): ServicesPlan {
  const own = { ...outer, isShared: false }
  const guests = hosts.flatMap(({ sandboxes }) => sandboxes)
  const cluster = { networks: shared, sandboxes: guests, isShared: true }
  const placed = placeServices(services, [own, cluster], [], report)
  const ofCluster = placed.filter(({ ground }) => ground === cluster)
  const grounds = hosts.map(({ networks, sandboxes }) => ({ networks, sandboxes, isShared: false }))
  const ofHosts = hosts.flatMap((host, index) => {
    checkServiceNames(host.services, ofCluster, report)
    return placeServices(host.services, [grounds[index]!], shared, report)
  })
  return { all: [...placed, ...ofHosts], own, cluster, hosts: grounds }
}

/** When all sandboxes have their addresses. */
export function resolvePlan(
  { all, own, cluster, hosts }: ServicesPlan,
  plans: ReadonlyMap<NetworkDraft, NetworkPlan>,
  report: Report,
): { readonly own: SomeServices; readonly cluster: SomeServices; readonly hosts: readonly SomeServices[] } {
  const resolved = resolveServices(all, plans, report)
  const on = (ground: ServiceGround) => resolved.filter((one) => one.ground === ground)
  checkPublishedTwice(on(own), report)
  for (const host of hosts) checkPublishedTwice([...on(cluster), ...on(host)], report)
  return {
    own: someOf(on(own)),
    cluster: someOf(on(cluster)),
    hosts: hosts.map((host) => someOf(on(host))),
  }
}

function someOf(resolved: readonly ResolvedService[]): SomeServices {
  return resolved.length === 0 ? undefined : { services: resolved.map(({ service }) => service) }
}
