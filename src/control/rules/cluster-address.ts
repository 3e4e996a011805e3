/**
 * Where a cluster's registry is, as text:
 *
 *     etcd://10.0.0.1                        port 2379; the cluster is called `default`
 *     etcd://10.0.0.1:2379,10.0.0.2:2379     members of one registry, of which any will do
 *     etcd://[2001:db8::1]:2379/blue         the cluster `blue`
 *     etcds://etcd.example:2379/blue         over TLS
 */

import { REGISTRY_ADDRESSES_MAX } from '../../limits.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import { parseIpAddress } from '../ip-address.ts'
import { printable } from './names.ts'

export interface ClusterAddress {
  /** TLS, in which the registry's name is checked. */
  readonly secure: boolean
  /** At least one. */
  readonly servers: readonly ClusterServer[]
  /** Of the cluster: several can be in one registry. */
  readonly name: string
}

export interface ClusterServer {
  /** A name, or an address without brackets. */
  readonly host: string
  readonly port: number
}

const ETCD_PORT = 2379
const CLUSTER_NAME_DEFAULT = 'default'
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/
/** RFC 1123, 2.1, and the underscore that many have. */
const HOST_NAME = /^(?=.{1,253}$)[a-zA-Z0-9_]([a-zA-Z0-9_-]{0,62})(\.[a-zA-Z0-9_][a-zA-Z0-9_-]{0,62})*\.?$/
const SHOWN_MAX = 200

/** Throws CLUSTER_INVALID. */
export function parseClusterAddress(text: string): ClusterAddress {
  const [, scheme, servers = '', name] = /^([a-z0-9+.-]+):\/\/([^/]*)(?:\/(.*))?$/is.exec(text) ?? []
  if (scheme === undefined) throw invalid(text, 'it does not begin with etcd:// or etcds://')
  if (scheme !== 'etcd' && scheme !== 'etcds') throw invalid(text, `${shown(scheme)} is no registry`)
  return { secure: scheme === 'etcds', servers: parseServers(text, servers), name: parseName(text, name) }
}

/** The text that parses to the same, with nothing left out. */
export const formatClusterAddress = ({ secure, servers, name }: ClusterAddress): string =>
  `${secure ? 'etcds' : 'etcd'}://${servers.map(formatServer).join(',')}/${name}`

export const formatServer = ({ host, port }: ClusterServer): string =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`

function parseServers(text: string, given: string): ClusterServer[] {
  if (given.includes('@'))
    throw invalid(text, 'names and passwords do not belong there; client certificates say who a host is')
  const servers = given.split(',').map((one) => parseServer(text, one))
  if (servers.length > REGISTRY_ADDRESSES_MAX)
    throw invalid(text, `it has more than ${REGISTRY_ADDRESSES_MAX} servers`)
  const twice = servers.map(formatServer).find((server, at, all) => all.indexOf(server) !== at)
  if (twice !== undefined) throw invalid(text, `${shown(twice)} is there twice`)
  return servers
}

function parseServer(text: string, given: string): ClusterServer {
  if (given === '') throw invalid(text, 'a server has no name and no address')
  const [, bracketed, plain = '', port] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/s.exec(given) ?? []
  if (bracketed !== undefined) {
    if (parseIpAddress(bracketed)?.family !== 6) throw invalid(text, `${shown(bracketed)} is no IPv6 address`)
    return { host: bracketed, port: parsePort(text, port) }
  }
  if (parseIpAddress(given)?.family === 6) throw invalid(text, `write [${given}] with brackets around it`)
  if (parseIpAddress(plain) === undefined && !isHostName(plain))
    throw invalid(text, `${shown(given)} is no name or address with a port`)
  return { host: plain, port: parsePort(text, port) }
}

/** What consists of digits and dots alone is meant to be an address. */
const isHostName = (text: string): boolean => HOST_NAME.test(text) && !/^[\d.]+$/.test(text)

function parsePort(text: string, given: string | undefined): number {
  if (given === undefined) return ETCD_PORT
  const port = /^\d{1,5}$/.test(given) ? Number(given) : 0
  if (port < 1 || port > 65_535) throw invalid(text, `${shown(given)} is no port`)
  return port
}

function parseName(text: string, given: string | undefined): string {
  if (given === undefined || given === '') return CLUSTER_NAME_DEFAULT
  if (NAME.test(given)) return given
  throw invalid(text, `${shown(given)} is no name of a cluster: letters, digits, and _ . - behind the first`)
}

const shown = (text: string): string => `'${printable(text.slice(0, SHOWN_MAX))}'`

const invalid = (text: string, why: string): TapwireError =>
  new TapwireError(ErrorCode.clusterInvalid, `invalid address of a cluster ${shown(text)}: ${why}`, {
    hint: 'It is etcd://HOST:PORT[,HOST:PORT…][/NAME], or etcds:// for TLS.',
  })
