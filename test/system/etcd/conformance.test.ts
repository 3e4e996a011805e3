import { setTimeout as pause } from 'node:timers/promises'
import { EtcdRegistry } from '../../../src/daemon/etcd/etcd-registry.ts'
import { registryConformance } from '../../control/registry/registry.conformance.ts'
import { insideNamespace } from '../../support/inside-namespace.ts'
import { needsEtcd, startEtcd } from '../support/etcd.ts'

insideNamespace(
  import.meta.url,
  () => {
    registryConformance('etcd', async () => {
      const etcd = await startEtcd()
      return {
        connect: () => new EtcdRegistry({ servers: [etcd] }),
        compact: (revision) => etcd.compact(revision),
        outlive: (ttlS) => pause(ttlS * 1000),
        stop: () => etcd.stop(),
      }
    })
  },
  needsEtcd(),
)
