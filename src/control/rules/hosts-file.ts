/** The sandbox's /etc/hosts, and the extra hosts that go into it. */

import { ErrorCode, TapwireError } from '../errors.ts'
import { parseIpAddress } from '../ip-address.ts'

/** Stands for the addresses by which a sandbox reaches the machine. */
export const HOST_GATEWAY = 'host-gateway'

export interface HostsFile {
  readonly hostname: string
  readonly domainname: string
  /** Whether the sandbox has IPv6 on its loopback interface: always, unless the kernel has no IPv6. */
  readonly ipv6: boolean
  /** `name:address`, checked; the address may be `host-gateway`. */
  readonly extraHosts: readonly string[]
  readonly hostGateway: readonly string[]
  /** The sandbox's own addresses, in the order of its endpoints. */
  readonly addresses: readonly string[]
  /** Sandboxes that it is linked to and that run. */
  readonly links: readonly LinkedHost[]
}

export interface LinkedHost {
  readonly address: string
  readonly alias: string
  readonly hostname: string
  readonly name: string
}

const LOCALHOST = [['127.0.0.1', 'localhost']] as const

const LOCALHOST_WITH_IPV6 = [
  ...LOCALHOST,
  ['::1', 'localhost ip6-localhost ip6-loopback'],
  ['fe00::', 'ip6-localnet'],
  ['ff00::', 'ip6-mcastprefix'],
  ['ff02::1', 'ip6-allnodes'],
  ['ff02::2', 'ip6-allrouters'],
] as const

/** The whole text. */
export function hostsFile(file: HostsFile): string {
  const own = file.domainname === '' ? file.hostname : `${file.hostname}.${file.domainname} ${file.hostname}`
  return lines([
    ...(file.ipv6 ? LOCALHOST_WITH_IPV6 : LOCALHOST),
    ...extraHostLines(file.extraHosts, file.hostGateway),
    ...file.links.map((link): Line => [link.address, linkedNames(link)]),
    ...file.addresses.map((address): Line => [address, own]),
  ])
}

/** For the mode host: the machine's own file, with the extra hosts behind it. */
export function hostsFileOfHost(
  hostHosts: string,
  extraHosts: readonly string[],
  hostGateway: readonly string[],
): string {
  const separator = hostHosts === '' || hostHosts.endsWith('\n') ? '' : '\n'
  return hostHosts + separator + lines(extraHostLines(extraHosts, hostGateway))
}

/**
 * `name:address` or `name=address`, an IPv6 address with brackets or without, in the normal form `name:address`.
 * Throws SANDBOX_INVALID.
 */
export function parseExtraHost(text: string): string {
  const [, name = '', rest = ''] = /^([^:=\s\p{Cc}#]+)[:=](.*)$/su.exec(text) ?? []
  if (name === '') throw invalid(`bad format for add-host: ${JSON.stringify(text)}`)
  const address = /^\[(.+)\]$/s.exec(rest)?.[1] ?? rest
  if (address !== HOST_GATEWAY && parseIpAddress(address) === undefined) {
    throw invalid(`invalid IP address in add-host: ${JSON.stringify(address)}`)
  }
  return `${name}:${address}`
}

type Line = readonly [address: string, names: string]

function extraHostLines(extraHosts: readonly string[], hostGateway: readonly string[]): Line[] {
  return extraHosts.flatMap((extraHost) => {
    const colon = extraHost.indexOf(':')
    const [name, address] = [extraHost.slice(0, colon), extraHost.slice(colon + 1)]
    return (address === HOST_GATEWAY ? hostGateway : [address]).map((one): Line => [one, name])
  })
}

/** Each name once, alias first. */
function linkedNames(link: LinkedHost): string {
  return [...new Set([link.alias, link.hostname, link.name])].join(' ')
}

function lines(entries: readonly Line[]): string {
  return entries.map(([address, names]) => `${address}\t${names}\n`).join('')
}

function invalid(message: string): TapwireError {
  return new TapwireError(ErrorCode.sandboxInvalid, message)
}
