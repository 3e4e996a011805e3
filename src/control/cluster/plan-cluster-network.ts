/** What a network of the cluster gets beyond what its creator asked for: a VNI and subnets that no other one of the cluster has. */

import { CLUSTER_VNI_FIRST } from '../../limits.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import { Ipam } from '../ipam/ipam.ts'
import type { DefaultPool } from '../ipam/pool-chooser.ts'
import type { NetworkRecord } from '../model/records.ts'
import type { NetworkPlan } from '../rules/network-create.ts'
import { overlayOptions, withVni } from '../rules/overlay-options.ts'
import { VNI_MAX } from '../rules/vxlan-options.ts'
import { CLUSTER_VERSION, type ClusterNetwork } from './cluster-records.ts'
import type { ClusterFacts } from './cluster-view.ts'

/** As Docker's swarm has them. The first block is the ingress network's there, and so stays free here. */
const CLUSTER_POOLS: readonly DefaultPool[] = [{ base: '10.0.0.0/8', size: 24 }]
const INGRESS_SUBNET = '10.0.0.0/24'

export interface ClusterNetworkWish {
  readonly id: string
  readonly created: string
  readonly plan: NetworkPlan
  /** Of the cluster: its IPv6 subnets follow from it. */
  readonly cluster: string
  /** Prefixes that chosen subnets stay clear of, beyond those of the cluster's own. */
  readonly reserved: readonly string[]
}

/** Throws VNI_IN_USE, POOL_OVERLAP, POOLS_EXHAUSTED, NETWORK_CONFIG_INVALID, and what is wrong with a gateway. */
export function planClusterNetwork(
  { id, created, plan, cluster, reserved }: ClusterNetworkWish,
  facts: Pick<ClusterFacts, 'networks' | 'hosts'>,
): ClusterNetwork {
  const { record, wanted } = plan
  const vni = chooseVni(overlayOptions(record.options).vni, facts)
  const space = new Ipam({ hostId: cluster, now: () => 0, defaultPools: CLUSTER_POOLS })
  const overlapping = [...facts.networks.values()].flatMap((other) => takenBy(space, other))
  const underlay = [...facts.hosts.values()].map(({ advertise }) => advertise)
  const pools = space.addNetwork(id, wanted!, [INGRESS_SUBNET, ...reserved, ...underlay, ...overlapping])
  return {
    version: CLUSTER_VERSION,
    id,
    name: record.name,
    created,
    internal: record.internal,
    attachable: record.attachable,
    enableIPv4: record.enableIPv4,
    enableIPv6: record.enableIPv6,
    vni,
    pools,
    options: withVni(record.options, vni),
    labels: record.labels,
  }
}

/** Two that have overlapping subnets, or nonsense, are no reason to make no third one: of those the subnets are told, to stay clear of. */
function takenBy(space: Ipam, { id, pools }: ClusterNetwork): readonly string[] {
  try {
    space.restoreNetwork(id, pools, {})
    return []
  } catch (error) {
    if (!(error instanceof TapwireError)) throw error
    return pools.map(({ subnet }) => subnet)
  }
}

/** As every host of the cluster has it. */
export function recordOf({ pools, vni: _vni, version: _version, ...network }: ClusterNetwork): NetworkRecord {
  return {
    ...network,
    driver: 'overlay',
    scope: 'swarm',
    ingress: false,
    configOnly: false,
    configFrom: '',
    ipam: { driver: 'default', options: {}, pools },
  }
}

/** What another host has to know of one that this one has. */
export function clusterNetworkOf(network: NetworkRecord): ClusterNetwork {
  const { id, name, created, internal, attachable, enableIPv4, enableIPv6, options, labels, ipam } = network
  const vni = overlayOptions(options).vni ?? 0
  const version = CLUSTER_VERSION
  const { pools } = ipam
  return {
    version,
    id,
    name,
    created,
    internal,
    attachable,
    enableIPv4,
    enableIPv6,
    vni,
    pools,
    options,
    labels,
  }
}

function chooseVni(given: number | undefined, { networks }: Pick<ClusterFacts, 'networks'>): number {
  const taken = new Map([...networks.values()].map(({ vni, name }) => [vni, name]))
  if (given !== undefined) {
    const owner = taken.get(given)
    if (owner !== undefined) throw vniTaken(given, owner)
    return given
  }
  for (let vni = CLUSTER_VNI_FIRST; vni <= VNI_MAX; vni++) if (!taken.has(vni)) return vni
  throw new TapwireError(ErrorCode.limitReached, 'all VNIs of the cluster are taken')
}

export const vniTaken = (vni: number, owner: string): TapwireError =>
  new TapwireError(ErrorCode.vniInUse, `network ${owner} of the cluster has the VNI ${vni}`, {
    hint: 'Choose another one, or none.',
  })
