/** Whether the registry of the cluster is there, and lets this host write. */

import type { DoctorCheck } from '../control/api/doctor.ts'
import type { ClusterOptions } from '../control/cluster/cluster-options.ts'
import { clusterPrefix } from '../control/cluster/cluster-options.ts'
import { TapwireError } from '../control/errors.ts'
import type { Registry } from '../control/registry/registry.ts'
import { formatClusterAddress } from '../control/rules/cluster-address.ts'
import { DOCTOR_LEASE_S } from '../limits.ts'
import { UNAVAILABLE_HINT } from './etcd/etcd-failure.ts'
import type { EtcdStatus } from './etcd/etcd-registry.ts'
import { openRegistry } from './etcd/open-registry.ts'

const NAME = 'registry'
const BYTES_PER_MB = 1e6

export async function checkRegistry(options: ClusterOptions): Promise<DoctorCheck> {
  try {
    const registry = openRegistry(options)
    try {
      const status = await registry.status()
      const { entries } = await registry.list(clusterPrefix(options.address.name))
      return { name: NAME, state: 'ok', detail: described(status, entries.length, await leaseMs(registry)) }
    } finally {
      registry.close()
    }
  } catch (error) {
    if (!(error instanceof TapwireError)) throw error
    const hint =
      error.hint === undefined || error.hint === UNAVAILABLE_HINT
        ? `Look whether ${formatClusterAddress(options.address)} is right, and etcd runs there. What is there goes on working; changes wait for it.`
        : error.hint
    return { name: NAME, state: 'fail', detail: error.message, hint }
  }
}

/** Milliseconds that a lease takes which is given back: a write that all members agree on, and nobody sees. */
async function leaseMs(registry: Registry): Promise<number> {
  const started = performance.now()
  const lease = await registry.grantLease(DOCTOR_LEASE_S)
  const latencyMs = performance.now() - started
  await registry.revokeLease(lease)
  return latencyMs
}

const described = (
  { server, version, revision, size, latencyMs }: EtcdStatus,
  entries: number,
  writeMs: number,
) =>
  [
    `${server}: etcd ${version}`,
    `revision ${revision}`,
    `${entries} entries of this cluster`,
    `${(size / BYTES_PER_MB).toFixed(1)} MB in all`,
    `answers in ${latencyMs.toFixed(1)} ms`,
    `grants a lease in ${writeMs.toFixed(1)} ms`,
  ].join(', ')
