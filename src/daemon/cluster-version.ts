import type { ClusterVersion } from '../control/api/system.ts'
import type { ClusterOptions } from '../control/cluster/cluster-options.ts'
import type { RegistryHealth } from '../control/registry/registry.ts'
import { formatClusterAddress } from '../control/rules/cluster-address.ts'

/** What a daemon says of the cluster that it is in. */
export function clusterVersion(
  { address, hostName, advertise, udpPort, files }: ClusterOptions,
  health: RegistryHealth | undefined,
): ClusterVersion {
  return {
    Address: formatClusterAddress(address),
    HostName: hostName,
    Advertise: advertise,
    DataPathPort: udpPort,
    ...(files.ca === undefined ? {} : { Ca: files.ca }),
    ...(files.certificate === undefined ? {} : { Certificate: files.certificate }),
    ...(files.key === undefined ? {} : { Key: files.key }),
    ...registryOf(health),
  }
}

function registryOf(health: RegistryHealth | undefined): Pick<ClusterVersion, 'Registry'> {
  if (health?.sinceMs === undefined) return {}
  const { reachable, sinceMs, problem } = health
  return { Registry: { Reachable: reachable, Since: new Date(sinceMs).toISOString(), Problem: problem } }
}
