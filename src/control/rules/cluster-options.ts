/** What a daemon is told of its cluster, by its command line and its configuration file together: whether it is enough, and fits together. */

import { DATA_PATH_PORT_MAX, DATA_PATH_PORT_MIN } from '../../limits.ts'
import type { ClusterOptions } from '../cluster/cluster-options.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import { type IpAddress, parseIpAddress } from '../ip-address.ts'
import { isMapped } from './address-kinds.ts'
import { parseClusterAddress } from './cluster-address.ts'
import { printable } from './names.ts'

/** RFC 7348, 5. */
const VXLAN_PORT = 4789
/** It is part of keys, and a DNS label (RFC 1035, 2.3.4) or several of them. */
const HOST_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,252}$/
const SHOWN_MAX = 200

/** As they are written; paths are absolute. */
export interface ClusterSettings {
  readonly cluster?: string | undefined
  readonly advertise?: string | undefined
  readonly hostName?: string | undefined
  readonly dataPathPort?: number | undefined
  readonly ca?: string | undefined
  readonly certificate?: string | undefined
  readonly key?: string | undefined
}

/**
 * Undefined where there is no cluster. `machineName` is for a host that is not given one. Throws CLUSTER_INVALID. Words are those of the
 * command line, and but for the dashes of the file.
 */
export function clusterOptions(settings: ClusterSettings, machineName: string): ClusterOptions | undefined {
  const { cluster, advertise, hostName = machineName, dataPathPort = VXLAN_PORT } = settings
  if (cluster === undefined) {
    refuseWithoutCluster(settings)
    return undefined
  }
  const address = parseClusterAddress(cluster)
  const { ca, certificate, key } = settings
  if (!address.secure && (ca ?? certificate ?? key) !== undefined)
    throw invalid('certificates are for a registry over TLS, and the address does not begin with etcds://')
  if ((certificate === undefined) !== (key === undefined))
    throw invalid('cluster-cert takes cluster-key, and the other way round')
  return {
    address,
    files: { ca, certificate, key },
    advertise: advertised(advertise),
    udpPort: portOf(dataPathPort),
    hostName: nameOf(hostName),
  }
}

const ONLY_WITH_CLUSTER = {
  advertise: 'advertise',
  hostName: 'host-name',
  dataPathPort: 'data-path-port',
  ca: 'cluster-ca',
  certificate: 'cluster-cert',
  key: 'cluster-key',
} as const

function refuseWithoutCluster(settings: ClusterSettings): void {
  for (const [key, word] of Object.entries(ONLY_WITH_CLUSTER)) {
    if (settings[key as keyof typeof ONLY_WITH_CLUSTER] !== undefined)
      throw invalid(`${word} is said, and no cluster`, CLUSTER_HINT)
  }
}

const CLUSTER_HINT = 'Say where its registry is: --cluster etcd://HOST:PORT'
const ADVERTISE_HINT = 'Say by which address the other hosts reach this one: --advertise 192.0.2.1'

function advertised(text: string | undefined): string {
  if (text === undefined) throw invalid('a host of a cluster takes advertise', ADVERTISE_HINT)
  const address = parseIpAddress(text)
  if (address === undefined) throw invalid(`advertise is an address, not ${shown(text)}`, ADVERTISE_HINT)
  if (!isUnicast(address)) throw invalid(`${text} is no address that others reach a host at`, ADVERTISE_HINT)
  return text
}

/** RFC 6890: nobody has the unspecified ones, those of groups, or the broadcast; a link-local one says nothing without its interface. */
function isUnicast(address: IpAddress): boolean {
  const { family, value } = address
  if (isMapped(address)) return false
  if (family === 6) return value !== 0n && value >> 120n !== 0xffn && value >> 118n !== 0x3fan
  const first = Number(value >> 24n)
  return first !== 0 && first < 224
}

function portOf(port: number): number {
  if (Number.isInteger(port) && port >= DATA_PATH_PORT_MIN && port <= DATA_PATH_PORT_MAX) return port
  throw invalid(`data-path-port is from ${DATA_PATH_PORT_MIN} to ${DATA_PATH_PORT_MAX}, not ${port}`)
}

function nameOf(name: string): string {
  if (HOST_NAME.test(name)) return name
  throw invalid(
    `${shown(name)} is no name of a host: letters, digits, and _ . - behind the first`,
    'Give this host a name of its own in the cluster: --host-name NAME',
  )
}

const shown = (text: string): string => `'${printable(text.slice(0, SHOWN_MAX))}'`

const invalid = (why: string, hint?: string): TapwireError =>
  new TapwireError(ErrorCode.clusterInvalid, `invalid settings of a cluster: ${why}`, { hint })
