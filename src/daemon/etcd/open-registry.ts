import type { ClusterOptions } from '../../control/cluster/cluster-options.ts'
import { EtcdRegistry } from './etcd-registry.ts'
import { TlsFiles } from './tls-files.ts'

/** The registry of a cluster, which nothing is asked of yet. Throws CLUSTER_INVALID where its files cannot be used. */
export function openRegistry({ address, files }: ClusterOptions): EtcdRegistry {
  return new EtcdRegistry({
    servers: address.servers,
    tls: address.secure ? new TlsFiles(files) : undefined,
  })
}
