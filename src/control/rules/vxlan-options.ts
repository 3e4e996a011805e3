/** The options of the vxlan driver, as typed values, and what is wrong with them. */

import { VXLAN_PEERS_MAX } from '../../limits.ts'
import type { Defaults } from '../defaults.ts'
import { type IpAddress, type IpFamily, normalAddress, parseIpAddress } from '../ip-address.ts'
import { isMapped, isMulticast, isUnspecified } from './address-kinds.ts'
import { BRIDGE_OPTION, bridgeOptions, checkBridgeOptions, type NetworkTraits } from './bridge-options.ts'
import { badOption, checkBoolean, checkInteger, type OptionCheck, parseBoolean } from './option-values.ts'

export interface VxlanOptions {
  readonly vni: number
  /** Addresses of the other tunnel endpoints, in their normal form. */
  readonly remotes: readonly string[]
  /** Undefined: the one that the route to the first remote has. */
  readonly local: string | undefined
  readonly udpPort: number
  readonly ttl: number
  readonly dscp: number | 'inherit'
  /** Where stations are is learned from their frames. */
  readonly learns: boolean
  /** So is who has the network. */
  readonly learnsPeers: boolean
  readonly floods: boolean
  /** Bytes of IP packet; undefined: what the ways to all peers take. */
  readonly mtu: number | undefined
}

export const VXLAN_OPTION = {
  vni: 'vni',
  remote: 'remote',
  local: 'local',
  port: 'port',
  ttl: 'ttl',
  dscp: 'dscp',
  learn: 'learn',
  learnPeers: 'learn-peers',
  flood: 'flood',
  mtu: 'mtu',
} as const

/** RFC 7348, 5: 24 bits. */
export const VNI_MAX = 0xff_ffff
/** RFC 7348, 5. */
export const VXLAN_PORT_DEFAULT = 4789
const TTL_DEFAULT = 64
const TTL_MAX = 255
const DSCP_MAX = 63

/** Typed values of options that checkVxlanOptions finds nothing wrong with. */
export function vxlanOptions(options: Readonly<Record<string, string>>): VxlanOptions {
  const flag = (name: string, otherwise: boolean) => parseBoolean(options[name] ?? '') ?? otherwise
  const local = options[VXLAN_OPTION.local] ?? ''
  return {
    vni: Number(options[VXLAN_OPTION.vni]),
    remotes: [...new Set(splitList(options[VXLAN_OPTION.remote] ?? '').map(normalAddress))],
    local: local === '' ? undefined : normalAddress(local),
    udpPort: Number(options[VXLAN_OPTION.port] ?? VXLAN_PORT_DEFAULT),
    ttl: Number(options[VXLAN_OPTION.ttl] ?? TTL_DEFAULT),
    dscp: dscpOf(options[VXLAN_OPTION.dscp]),
    learns: flag(VXLAN_OPTION.learn, true),
    learnsPeers: flag(VXLAN_OPTION.learnPeers, false),
    floods: flag(VXLAN_OPTION.flood, true),
    mtu: Number(options[BRIDGE_OPTION.mtu] ?? options[VXLAN_OPTION.mtu] ?? 0) || undefined,
  }
}

/** Its networks follow the MTU of the underlay, not the daemon's. */
export function defaultVxlanOptions({ hostBinding }: Defaults): Readonly<Record<string, string>> {
  return hostBinding === undefined ? {} : { [BRIDGE_OPTION.hostBinding]: hostBinding }
}

/** What is wrong, a sentence each. */
export function checkVxlanOptions(
  options: Readonly<Record<string, string>>,
  network: NetworkTraits,
): readonly string[] {
  const problems = [...checkTunnelOptions(options, network), ...checkValues(options, CHECKS)]
  return problems.length > 0 ? problems : checkTogether(options)
}

/** What networks behind a tunnel have in common with those of a bridge: all but the way out, which they cannot be. */
export function checkTunnelOptions(
  options: Readonly<Record<string, string>>,
  network: NetworkTraits,
): readonly string[] {
  const { [VXLAN_OPTION.mtu]: mtu, ...others } = options
  const named = mtu === undefined ? others : { [BRIDGE_OPTION.mtu]: mtu, ...others }
  const isWorld = bridgeOptions(options).uplink
  return [
    ...checkBridgeOptions(named, network),
    ...(isWorld ? [badOption(BRIDGE_OPTION.uplink, 'true', 'the way out is not behind a tunnel')] : []),
  ]
}

/** The one that an address is of; undefined where it is none, or nobody's. */
export function tunnelFamily(address: string): IpFamily | undefined {
  const parsed = parseIpAddress(address)
  return parsed === undefined || isMapped(parsed) || isMulticast(parsed) || isUnspecified(parsed)
    ? undefined
    : parsed.family
}

const CHECKS: Readonly<Record<string, OptionCheck>> = {
  [VXLAN_OPTION.vni]: (name, value) => checkInteger(name, value, 0, VNI_MAX),
  [VXLAN_OPTION.remote]: checkRemotes,
  [VXLAN_OPTION.local]: (name, value) => (value === '' ? undefined : checkEndpoint(name, value)),
  [VXLAN_OPTION.port]: (name, value) => checkInteger(name, value, 1, 65_535),
  [VXLAN_OPTION.ttl]: (name, value) => checkInteger(name, value, 1, TTL_MAX),
  [VXLAN_OPTION.dscp]: checkDscp,
  [VXLAN_OPTION.learn]: checkBoolean,
  [VXLAN_OPTION.learnPeers]: checkBoolean,
  [VXLAN_OPTION.flood]: checkBoolean,
}

function checkValues(
  options: Readonly<Record<string, string>>,
  checks: Readonly<Record<string, OptionCheck>>,
): string[] {
  return Object.entries(checks).flatMap(([name, check]) => {
    const value = options[name]
    return (value === undefined ? undefined : check(name, value)) ?? []
  })
}

/** What no single value is to blame for. */
function checkTogether(options: Readonly<Record<string, string>>): readonly string[] {
  const { remotes, local, learnsPeers } = vxlanOptions(options)
  const problems: string[] = []
  if (options[VXLAN_OPTION.vni] === undefined) {
    problems.push('a vxlan network has a number that all of its hosts know it by: give it with -o vni=')
  }
  if (remotes.length === 0 && !learnsPeers) {
    problems.push(
      'a vxlan network needs another host: give its address with -o remote=, or say -o learn-peers=true',
    )
  }
  if (remotes.length === 0 && local === undefined && learnsPeers) {
    problems.push(
      'without a remote address there is no telling which address of this host to use: give it with -o local=',
    )
  }
  const families = new Set([...remotes, ...(local === undefined ? [] : [local])].map(tunnelFamily))
  if (families.size > 1) problems.push('the addresses of a tunnel are all IPv4, or all IPv6')
  if (local !== undefined && remotes.includes(local)) {
    problems.push(badOption(VXLAN_OPTION.remote, local, "this host's own address"))
  }
  return problems
}

function checkRemotes(name: string, value: string): string | undefined {
  const addresses = splitList(value)
  if (addresses.length > VXLAN_PEERS_MAX) {
    return badOption(name, `${value.slice(0, 40)}…`, `more than ${VXLAN_PEERS_MAX} addresses`)
  }
  return addresses.map((address) => checkEndpoint(name, address)).find((problem) => problem !== undefined)
}

function checkEndpoint(name: string, value: string): string | undefined {
  const address: IpAddress | undefined = parseIpAddress(value)
  if (address === undefined) return badOption(name, value, 'not an IP address')
  if (isMulticast(address)) {
    return badOption(name, value, 'a multicast address: name the hosts, frames are sent to each of them')
  }
  if (isMapped(address)) return badOption(name, value, 'an address of IPv4: write it as one')
  return isUnspecified(address) ? badOption(name, value, 'the address of no host') : undefined
}

function checkDscp(name: string, value: string): string | undefined {
  return value === 'inherit' ? undefined : checkInteger(name, value, 0, DSCP_MAX)
}

function dscpOf(text: string | undefined): number | 'inherit' {
  return text === undefined || text === 'inherit' ? 'inherit' : Number(text)
}

function splitList(text: string): string[] {
  return text.split(',').flatMap((part) => part.trim() || [])
}
