/** A sandbox's wishes for its place on a network, checked against that network. */

import type { EndpointConfig } from '../api/network.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import {
  contains,
  formatIpAddress,
  type IpAddress,
  type IpFamily,
  parseCidr,
  parseIpAddress,
  subnetOf,
} from '../ip-address.ts'
import { isMulticastMac, isZeroMac, normalMac } from '../mac-address.ts'
import type { EndpointSettings, NetworkRecord } from '../model/records.ts'
import { checkMap } from './bounds.ts'
import { checkEndpointOptions, ENDPOINT_OPTION } from './endpoint-options.ts'
import { parseLink } from './link-environment.ts'
import { isPredefinedNetwork, printable } from './names.ts'
import { problemList } from './problem-list.ts'

/** The settings of an endpoint that its user said nothing of. */
export const NO_WISHES: EndpointSettings = {
  linkLocal: [],
  links: [],
  aliases: [],
  driverOptions: {},
  gatewayPriority: 0,
}

/** Throws ENDPOINT_INVALID with all that is wrong, under `invalid endpoint settings:`. */
export function planEndpoint(
  network: NetworkRecord,
  config: EndpointConfig | null | undefined,
): EndpointSettings {
  if (network.configOnly) {
    throw new TapwireError(ErrorCode.endpointInvalid, 'cannot create endpoint on configuration-only network')
  }
  const wishes = config ?? {}
  checkMap(ErrorCode.endpointInvalid, 'driver options', wishes.DriverOpts)
  const problems = new Set<string>()
  const settings: EndpointSettings = {
    ipv4: staticAddress(4, wishes.IPAMConfig?.IPv4Address, network, problems),
    ipv6: staticAddress(6, wishes.IPAMConfig?.IPv6Address, network, problems),
    linkLocal: (wishes.IPAMConfig?.LinkLocalIPs ?? []).flatMap((text) => linkLocalAddress(text, problems)),
    links: (wishes.Links ?? []).flatMap((text) => link(text, problems)),
    aliases: aliases(wishes.Aliases ?? [], network, problems),
    mac: mac(wishes.MacAddress || wishes.DriverOpts?.[ENDPOINT_OPTION.mac], problems),
    driverOptions: wishes.DriverOpts ?? {},
    gatewayPriority: wishes.GwPriority ?? 0,
  }
  for (const problem of checkEndpointOptions(settings.driverOptions)) problems.add(problem)
  if (problems.size > 0) throw invalid(problems)
  return settings
}

/** As planEndpoint, for a sandbox that is about to be made: what is wrong is told with the network, as there may be several. */
export function planFirstEndpoint(
  network: NetworkRecord,
  config: EndpointConfig | null | undefined,
): EndpointSettings {
  try {
    return planEndpoint(network, config)
  } catch (error) {
    if (!(error instanceof TapwireError) || network.configOnly) throw error
    throw new TapwireError(error.code, `invalid config for network ${network.name}: ${error.message}`)
  }
}

/** An address of its own is for networks that a user made; in the others it would not be there again after a restart. */
function staticAddress(
  family: IpFamily,
  text: string | undefined,
  network: NetworkRecord,
  problems: Set<string>,
): string | undefined {
  if (text === undefined || text === '') return undefined
  const predefined = isPredefinedNetwork(network.name)
  if (predefined) problems.add('user-specified IP address is supported on user-defined networks only')
  const address = specificAddress(text)
  if (address?.family !== family) problems.add(`invalid IPv${family} address: ${printable(text)}`)
  const { pools } = network.ipam
  if (predefined || !pools.some((pool) => poolContains(pool.subnet, address))) {
    problems.add(
      !predefined && pools.some((pool) => pool.family === family && pool.subnetGiven)
        ? `no configured subnet contains IP address ${printable(text)}`
        : 'user-specified IP address is supported only when connecting to networks with user configured subnets',
    )
  }
  return address && formatIpAddress(address)
}

function poolContains(text: string, address: IpAddress | undefined): boolean {
  const cidr = parseCidr(text)
  return (
    address !== undefined &&
    cidr !== undefined &&
    contains(subnetOf(cidr.address, cidr.prefixLength), address)
  )
}

function linkLocalAddress(text: string, problems: Set<string>): string[] {
  const address = specificAddress(text)
  if (address !== undefined) return [formatIpAddress(address)]
  problems.add(`invalid link-local IP address: ${printable(text)}`)
  return []
}

/** Neither 0.0.0.0 nor ::, which mean any address. */
function specificAddress(text: string): IpAddress | undefined {
  const address = parseIpAddress(text)
  return address?.value === 0n ? undefined : address
}

function link(text: string, problems: Set<string>): string[] {
  try {
    const { child, alias } = parseLink(text)
    return [`${child}:${alias}`]
  } catch (error) {
    if (!(error instanceof TapwireError)) throw error
    problems.add(error.message)
    return []
  }
}

/** Only networks that a user made have a DNS of their own, in which aliases stand. */
function aliases(texts: readonly string[], network: NetworkRecord, problems: Set<string>): readonly string[] {
  if (texts.length > 0 && isPredefinedNetwork(network.name)) {
    problems.add('network-scoped aliases are only supported for user-defined networks')
  }
  for (const text of texts) {
    if (!/^[a-zA-Z0-9_.-]{1,253}$/.test(text))
      problems.add(`invalid network-scoped alias: ${printable(text)}`)
  }
  return [...new Set(texts)]
}

function mac(text: string | undefined, problems: Set<string>): string | undefined {
  if (text === undefined || text === '') return undefined
  const normal = normalMac(text.includes(':') ? text : text.replaceAll('-', ':'))
  if (normal === undefined) problems.add(`${printable(text)} is not a valid mac address`)
  else if (isMulticastMac(normal))
    problems.add(`${normal} is not a valid mac address: it is a multicast address`)
  else if (isZeroMac(normal)) problems.add(`${normal} is not a valid mac address: no station has it`)
  return normal
}

function invalid(problems: Iterable<string>): TapwireError {
  return new TapwireError(ErrorCode.endpointInvalid, problemList('invalid endpoint settings:', problems))
}
