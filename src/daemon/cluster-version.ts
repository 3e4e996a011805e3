import type { ClusterStatus } from '../control/api/cluster.ts'
import type { ClusterVersion } from '../control/api/system.ts'
import type { ClusterOptions } from '../control/cluster/cluster-options.ts'
import { formatClusterAddress } from '../control/rules/cluster-address.ts'

/** What a daemon says of the cluster that it is in. */
export function clusterVersion(
  { address, hostName, advertise, udpPort, files }: ClusterOptions,
  status: ClusterStatus | undefined,
): ClusterVersion {
  return {
    Address: formatClusterAddress(address),
    HostName: hostName,
    Advertise: advertise,
    DataPathPort: udpPort,
    ...(files.ca === undefined ? {} : { Ca: files.ca }),
    ...(files.certificate === undefined ? {} : { Certificate: files.certificate }),
    ...(files.key === undefined ? {} : { Key: files.key }),
    ...registryOf(status),
  }
}

function registryOf(status: ClusterStatus | undefined): Pick<ClusterVersion, 'Registry'> {
  if (status === undefined || status.registry.since === '') return {}
  const { reachable, since, problem } = status.registry
  return { Registry: { Reachable: reachable, Since: since, Problem: problem } }
}
