/** The keys of cluster-records.ts, made and read. All are below the cluster's prefix, which callers put in front. */

export const HOSTS = 'hosts/'
export const ADVERTISED = 'advertised/'
export const HOST_IDS = 'host-ids/'
export const KNOWN_HOSTS = 'known-hosts/'
export const NETWORKS = 'networks/'
export const NETWORK_NAMES = 'network-names/'
export const VNIS = 'vnis/'
export const ADDRESSES = 'addresses/'
export const ENDPOINTS = 'endpoints/'
export const SERVICES = 'services/'
export const SERVICE_PORTS = 'service-ports/'
export const SERVICE_NAMES = 'service-names/'
/** Whoever adds a network puts it, so that of two who choose subnets at the same time one chooses again. */
export const NETWORKS_CHANGED = 'networks-changed'

export const hostKey = (name: string): string => HOSTS + name
export const advertisedKey = (address: string): string => ADVERTISED + address
export const hostIdKey = (id: string): string => HOST_IDS + id
export const knownHostKey = (id: string): string => KNOWN_HOSTS + id
export const networkKey = (id: string): string => NETWORKS + id
export const networkNameKey = (name: string): string => NETWORK_NAMES + name
export const vniKey = (vni: number): string => VNIS + vni
export const addressKey = (network: string, address: string): string => `${ADDRESSES}${network}/${address}`
export const addressesOfKey = (network: string): string => `${ADDRESSES}${network}/`
export const endpointKey = (network: string, id: string): string => `${ENDPOINTS}${network}/${id}`
export const endpointsOfKey = (network: string): string => `${ENDPOINTS}${network}/`
export const serviceKey = (id: string): string => SERVICES + id
export const servicePortKey = (protocol: 'tcp' | 'udp', port: number): string =>
  `${SERVICE_PORTS}${protocol}/${port}`
export const serviceNameKey = (name: string): string => SERVICE_NAMES + name

/** What a key is of; undefined for those that the view does not follow. */
export type ClusterKey =
  | { readonly kind: 'host'; readonly name: string }
  | { readonly kind: 'known-host'; readonly id: string }
  | { readonly kind: 'network'; readonly id: string }
  | { readonly kind: 'claim'; readonly network: string; readonly address: string }
  | { readonly kind: 'endpoint'; readonly network: string; readonly id: string }
  | { readonly kind: 'service'; readonly id: string }

export function parseClusterKey(key: string): ClusterKey | undefined {
  const parts = key.split('/')
  const [kind, first, second] = parts
  if (first === undefined || first === '') return undefined
  if (parts.length === 2) {
    if (kind === 'hosts') return { kind: 'host', name: first }
    if (kind === 'known-hosts') return { kind: 'known-host', id: first }
    if (kind === 'networks') return { kind: 'network', id: first }
    if (kind === 'services') return { kind: 'service', id: first }
    return undefined
  }
  if (parts.length !== 3 || second === undefined || second === '') return undefined
  if (kind === 'addresses') return { kind: 'claim', network: first, address: second }
  if (kind === 'endpoints') return { kind: 'endpoint', network: first, id: second }
  return undefined
}
