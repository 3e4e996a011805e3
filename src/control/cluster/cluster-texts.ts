/** The values of cluster-records.ts as text: members always in one order, so that conditions may compare texts. */

import {
  type AddressClaim,
  CLUSTER_VERSION,
  type ClusterEndpoint,
  type ClusterHost,
  type ClusterNetwork,
  type ClusterService,
  type KnownHost,
} from './cluster-records.ts'

export const claimText = ({ host, owner }: Pick<AddressClaim, 'host' | 'owner'>): string =>
  JSON.stringify({ version: CLUSTER_VERSION, host, owner })

export const clusterText = (
  value: ClusterEndpoint | ClusterHost | ClusterNetwork | ClusterService | KnownHost,
): string => JSON.stringify(value)

/** All addresses that an endpoint has. */
export function addressesOf({ ipv4, ipv6 }: Pick<ClusterEndpoint, 'ipv4' | 'ipv6'>): readonly string[] {
  return [ipv4, ipv6].filter((address) => address !== undefined)
}
