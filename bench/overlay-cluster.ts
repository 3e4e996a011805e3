/**
 * What a cluster costs its hosts beside the traffic: `node dist/bench/overlay-cluster.js [HOSTS ENDPOINTS]`. Nothing of the machine is touched but,
 * where etcd is there, two ports on loopback.
 */

import { measureCluster, measureConvergence } from './support/overlay/cluster-measures.ts'
import { startEtcd } from './support/overlay/etcd.ts'

const [hosts = 50, endpoints = 100] = process.argv.slice(2).map(Number)

const cluster = await measureCluster(hosts, endpoints, 50)
const { knownMs } = cluster
console.log(`${hosts} hosts × ${endpoints} endpoints, registry in memory`)
console.log(`  all there after             ${cluster.filledS.toFixed(1)} s`)
console.log(
  `  known everywhere            ${knownMs.median.toFixed(1)} ms median, ${knownMs.p99.toFixed(1)} ms p99, ${knownMs.most.toFixed(1)} ms most, behind the commit`,
)
console.log(`  memory of a remote endpoint ${Math.round(cluster.bytesPerRemote)} bytes`)

const etcd = await startEtcd()
if (etcd === undefined) console.log('3 hosts × 300 endpoints: there is no etcd')
else {
  try {
    const seconds = await measureConvergence(3, 300, () => etcd.connect())
    console.log(`3 hosts × 300 endpoints, etcd, from nothing: ${seconds.toFixed(2)} s`)
  } finally {
    await etcd.stop()
  }
}
