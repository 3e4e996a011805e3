/** What a daemon is told of the cluster that it is to be in; checked. */

import type { ClusterAddress } from '../rules/cluster-address.ts'

export interface ClusterOptions {
  readonly address: ClusterAddress
  readonly files: ClusterFiles
  /** The address, IPv4 or IPv6, that the other hosts reach this one's tunnel at. */
  readonly advertise: string
  readonly udpPort: number
  /** Of this host, which no other one in the cluster has. */
  readonly hostName: string
}

/** Absolute paths of PEM files; undefined where the address is without TLS, or what the machine trusts will do. */
export interface ClusterFiles {
  readonly ca?: string | undefined
  /** Of this host as a client; both or neither. */
  readonly certificate?: string | undefined
  readonly key?: string | undefined
}

/** What all keys of a cluster begin with. */
export const clusterPrefix = (name: string): string => `/tapwire/${name}/`
