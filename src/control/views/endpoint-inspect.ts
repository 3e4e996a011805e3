/** A sandbox's place on a network as inspect shows it. */

import type { Impairment } from '../api/link.ts'
import type { EndpointInspect } from '../api/sandbox.ts'
import type {
  EndpointRecord,
  EndpointSettings,
  ImpairmentRecord,
  NetworkRecord,
  SandboxRecord,
} from '../model/records.ts'
import { endpointNames } from '../rules/endpoint-names.ts'
import { networkNames } from '../rules/network-names.ts'

export function inspectEndpoint(
  sandbox: SandboxRecord,
  endpoint: EndpointRecord,
  network: NetworkRecord | undefined,
): EndpointInspect {
  const { settings, joined } = endpoint
  // An internal network's gateway is no way out, and Docker does not show it.
  const gateways = network?.internal === true ? undefined : joined
  return {
    IPAMConfig: inspectIpamConfig(settings),
    Links: orNull(settings.links),
    Aliases: orNull(settings.aliases),
    MacAddress: joined?.mac ?? settings.mac ?? '',
    DriverOpts: Object.keys(settings.driverOptions).length === 0 ? null : { ...settings.driverOptions },
    GwPriority: settings.gatewayPriority,
    NetworkID: endpoint.network,
    EndpointID: joined?.id ?? '',
    Gateway: gateways?.gateway4 ?? '',
    IPAddress: joined?.ipv4?.address ?? '',
    IPPrefixLen: joined?.ipv4?.prefixLength ?? 0,
    IPv6Gateway: gateways?.gateway6 ?? '',
    GlobalIPv6Address: joined?.ipv6?.address ?? '',
    GlobalIPv6PrefixLen: joined?.ipv6?.prefixLength ?? 0,
    DNSNames: network === undefined ? null : orNull(dnsNames(sandbox, settings, network)),
    InterfaceName: joined?.interface ?? '',
    ...inspectImpairment(endpoint.impairment),
  }
}

/** Docker has none, and one that asks for nothing is not shown. */
export function inspectImpairment(record: ImpairmentRecord | undefined): { Impairment?: Impairment } {
  if (record === undefined) return {}
  const { from, to } = record
  return { Impairment: { ...(from && { from: { ...from } }), ...(to && { to: { ...to } }) } }
}

/** The names by which the others on the network find the sandbox, each once, the one that its address leads back to first. */
function dnsNames(
  sandbox: SandboxRecord,
  settings: EndpointSettings,
  network: NetworkRecord,
): readonly string[] {
  if (networkNames(network) === undefined) return []
  return endpointNames(sandbox, settings).map(({ text }) => text)
}

function inspectIpamConfig(settings: EndpointSettings): EndpointInspect['IPAMConfig'] {
  const { ipv4, ipv6, linkLocal } = settings
  if (ipv4 === undefined && ipv6 === undefined && linkLocal.length === 0) return null
  return {
    ...(ipv4 === undefined ? {} : { IPv4Address: ipv4 }),
    ...(ipv6 === undefined ? {} : { IPv6Address: ipv6 }),
    ...(linkLocal.length === 0 ? {} : { LinkLocalIPs: [...linkLocal] }),
  }
}

function orNull(texts: readonly string[]): string[] | null {
  return texts.length === 0 ? null : [...texts]
}
