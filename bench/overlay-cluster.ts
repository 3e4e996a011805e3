/**
 * `npm run bench -- overlay-cluster`: what a cluster costs its hosts beside the traffic. Nothing of the machine is touched but, where etcd is
 * there, two ports on loopback.
 */

import { readCommandLine, runBenchmark, wholeNumber } from './support/command-line.ts'
import {
  type ClusterMeasures,
  measureCluster,
  measureConvergence,
} from './support/overlay/cluster-measures.ts'
import { startEtcd } from './support/overlay/etcd.ts'
import { Progress } from './support/progress.ts'

const HOSTS = 50
const ENDPOINTS = 100
const BIRTHS = 50
/** Hosts and endpoints of each that agree by way of etcd. */
const ETCD = { hosts: 3, endpoints: 300 }
const KNOWN_MS_MAX = 100
const BYTES_MAX = 1024
/** Addresses of the network that they are on, and of the range that the hosts' own are from. */
const ALL_ENDPOINTS_MAX = 12_000
const HOSTS_MAX = 200

const USAGE = `npm run bench -- overlay-cluster [OPTION…]

  --hosts N       hosts of the cluster in memory, ${HOSTS} unless told
  --endpoints N   endpoints of each host, ${ENDPOINTS} unless told
  --json          prints the result as JSON

The cluster in memory takes the time of all its hosts, one after the other: where nothing else is told, half a minute of a processor that nobody
else uses. Then ${ETCD.hosts} hosts with ${ETCD.endpoints} endpoints each agree by way of an etcd, where there is one.`

interface Options {
  readonly hosts: number
  readonly endpoints: number
  readonly json: boolean
}

async function main(): Promise<void> {
  const options = readOptions()
  if (options === undefined) return
  const progress = new Progress()
  const { hosts, endpoints } = options
  const cluster = await measureCluster(hosts, endpoints, BIRTHS, (text) =>
    progress.now(`${hosts} hosts × ${endpoints} endpoints: ${text}`),
  )
  const convergedS = await converge(progress)
  progress.clear()
  if (options.json) console.log(JSON.stringify({ ...cluster, convergedS }))
  else console.log([...clusterLines(cluster), convergenceLine(convergedS)].join('\n'))
}

/** Undefined where the usage was asked for, which is then printed. Throws where a number is none. */
function readOptions(): Options | undefined {
  const values = readCommandLine(USAGE, {
    hosts: { type: 'string', default: String(HOSTS) },
    endpoints: { type: 'string', default: String(ENDPOINTS) },
  })
  if (values === undefined) return undefined
  const hosts = wholeNumber('--hosts', values.hosts, 2, HOSTS_MAX)
  const endpoints = wholeNumber('--endpoints', values.endpoints, 1, Math.floor(ALL_ENDPOINTS_MAX / hosts))
  return { hosts, endpoints, json: values.json }
}

/** Seconds; undefined where there is no etcd. */
async function converge(progress: Progress): Promise<number | undefined> {
  const etcd = await startEtcd()
  if (etcd === undefined) return undefined
  const { hosts, endpoints } = ETCD
  const title = `${hosts} hosts × ${endpoints} endpoints, etcd`
  progress.now(title)
  try {
    return await measureConvergence(
      hosts,
      endpoints,
      () => etcd.connect(),
      (text) => progress.now(`${title}: ${text}`),
    )
  } finally {
    await etcd.stop()
  }
}

const clusterLines = ({ hosts, endpoints, filledS, knownMs, bytesPerRemote }: ClusterMeasures): string[] => [
  `${hosts} hosts × ${endpoints / hosts} endpoints, registry in memory`,
  `  all there after             ${filledS.toFixed(1)} s`,
  `  known everywhere            ${knownMs.median.toFixed(1)} ms median, ${knownMs.p99.toFixed(1)} ms p99, ${knownMs.most.toFixed(1)} ms most, behind the commit  (want <= ${KNOWN_MS_MAX})`,
  `  memory of a remote endpoint ${Math.round(bytesPerRemote)} bytes  (want <= ${BYTES_MAX})`,
]

function convergenceLine(seconds: number | undefined): string {
  const { hosts, endpoints } = ETCD
  if (seconds === undefined) return `${hosts} hosts × ${endpoints} endpoints: there is no etcd`
  return `${hosts} hosts × ${endpoints} endpoints, etcd, from nothing: ${seconds.toFixed(2)} s`
}

await runBenchmark(main)
