/** How a host stands in its cluster, for people. */

import type { ClusterStatus } from '../api/cluster.ts'
import type { ClusterNetworks } from './cluster-networks.ts'
import type { ClusterSession } from './cluster-session.ts'

type ClusterHostStatus = ClusterStatus['hosts'][number]
type ClusterNetworkStatus = ClusterStatus['networks'][number]

export function clusterStatus(session: ClusterSession, networks: ClusterNetworks): ClusterStatus {
  const { settings, membership, registry, view, own } = session
  const { name, advertise, udpPort } = settings
  const { reachable, sinceMs, problem } = registry.health
  return {
    cluster: name,
    host: { ...settings.host, advertise, udpPort },
    state: membership.state,
    problem: membership.state === 'refused' ? membership.problem : '',
    registry: { reachable, since: sinceMs === undefined ? '' : new Date(sinceMs).toISOString(), problem },
    revision: view.revision,
    waiting: own.waiting,
    hosts: hostsOf(session),
    networks: networksOf(session, networks),
  }
}

function hostsOf({ view, settings }: ClusterSession): ClusterHostStatus[] {
  const endpoints = new Map<string, number>()
  const addresses = new Map<string, number>()
  for (const id of view.networks.keys()) {
    for (const { host } of view.endpoints(id).values()) endpoints.set(host, (endpoints.get(host) ?? 0) + 1)
    for (const { host } of view.claims(id).values()) addresses.set(host, (addresses.get(host) ?? 0) + 1)
  }
  const known = new Map([...view.knownHosts.values()].map((host) => [host.id, host.name]))
  for (const { id, name } of view.hosts.values()) known.set(id, name)
  const all = [...known].map(([id, name]): ClusterHostStatus => {
    const host = view.hosts.get(name)
    const present = host?.id === id
    return {
      id,
      name,
      isSelf: id === settings.host.id,
      present,
      advertise: present ? host.advertise : '',
      started: present ? host.started : '',
      endpoints: present ? (endpoints.get(name) ?? 0) : 0,
      addresses: addresses.get(id) ?? 0,
    }
  })
  return all.toSorted((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)))
}

function networksOf({ view }: ClusterSession, { failures }: ClusterNetworks): ClusterNetworkStatus[] {
  return [...view.networks.values()].map(({ id, name, vni }) => {
    const endpoints: Record<string, number> = {}
    for (const { host } of view.endpoints(id).values()) endpoints[host] = (endpoints[host] ?? 0) + 1
    const failure = failures.get(id)
    return { id, name, vni, endpoints, problem: failure?.message ?? '' }
  })
}
