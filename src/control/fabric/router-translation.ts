/** The router's settings and answers, between the model's words and the data path's numbers. */

import {
  type FlowSelection,
  type FlowTupleValue,
  type FlowValue,
  GatewayMode,
  type GuardSettings,
  InterfaceKind,
  type LinkPermitSettings,
  type NatCounts,
  type NeighbourValue,
  type PortMappingSettings,
  type RouterInterfaceSettings,
} from '../../datapath/router-settings.ts'
import type { ServiceSettings } from '../../datapath/services/service-settings.ts'
import { NAT_FIRST_PORT, NAT_LAST_PORT } from '../../limits.ts'
import { formatIpv4, formatMac, type MacAddress, parseIpv4, parseIpv6, parseMac } from '../../wire/address.ts'
import { ICMP, TCP, UDP } from '../../wire/ip-protocol.ts'
import type {
  FabricFlow,
  FabricGateway,
  FabricNatStats,
  FabricNeighbour,
  FabricPort,
  FlowFilter,
  FlowTuple,
  LinkPermit,
  PublishedRange,
} from '../model/machine.ts'
import type { FabricService } from '../model/services.ts'

const PROTOCOL_NUMBERS = { tcp: TCP, udp: UDP, icmp: ICMP } as const
const MODES = {
  nat: GatewayMode.nat,
  'nat-unprotected': GatewayMode.natUnprotected,
  routed: GatewayMode.routed,
} as const

const NO_PORT = -1

/** The text has been checked by the model. */
export function ipv4Number(text: string): number {
  const address = parseIpv4(text)
  if (address === undefined) throw new RangeError(`${text} is no IPv4 address`)
  return address
}

export function macNumbers(text: string): MacAddress {
  const mac = parseMac(text)
  if (mac === undefined) throw new RangeError(`${text} is no MAC address`)
  return mac
}

/** Who is on the port, as far as the switch is told. */
export const sourceSettings = (
  port: FabricPort,
): { readonly guard: GuardSettings | undefined; readonly station: MacAddress | undefined } => ({
  guard: guardSettings(port),
  station: port.fixed === true ? macNumbers(port.mac) : undefined,
})

function guardSettings({ mac, guard }: FabricPort): GuardSettings | undefined {
  if (guard === undefined) return undefined
  const { high, low } = macNumbers(mac)
  return { macHigh: high, macLow: low, ipv4: guard.ipv4.map(ipv4Number), ipv6: guard.ipv6.map(ipv6Words) }
}

/** The text has been checked by the model. */
export function ipv6Words(text: string): [number, number, number, number] {
  const bytes = parseIpv6(text)
  if (bytes === undefined) throw new RangeError(`${text} is no IPv6 address`)
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  return [view.getInt32(0), view.getInt32(4), view.getInt32(8), view.getInt32(12)]
}

export function interfaceSettings(gateway: FabricGateway): RouterInterfaceSettings {
  const { high, low } = macNumbers(gateway.mac)
  return {
    kind: gateway.uplink ? InterfaceKind.outside : InterfaceKind.inside,
    macHigh: high,
    macLow: low,
    address: ipv4Number(gateway.address),
    prefixLength: gateway.prefixLength,
    mtu: gateway.mtu,
    mode: MODES[gateway.mode],
    internal: gateway.internal,
    masquerade: gateway.masquerade,
    sourceAddress: gateway.hostIpv4 === '' ? 0 : ipv4Number(gateway.hostIpv4),
    hostPort: gateway.hostPort ?? NO_PORT,
    proxyArp: gateway.proxyArp,
    shared: false,
    firstPort: NAT_FIRST_PORT,
    lastPort: NAT_LAST_PORT,
  }
}

export function mappingSettings(range: PublishedRange): PortMappingSettings {
  return {
    id: range.id,
    protocol: PROTOCOL_NUMBERS[range.protocol],
    address: range.address === '' ? 0 : ipv4Number(range.address),
    first: range.first,
    last: range.last,
    targetAddress: ipv4Number(range.target.address),
    targetFirst: range.target.first,
    targetDomain: range.target.domain,
    owner: range.target.port,
  }
}

export const serviceSettings = ({ id, domain, address, seed, backends }: FabricService): ServiceSettings => ({
  id,
  domain,
  address: ipv4Number(address),
  seed,
  backends: backends.map((backend) => ({ address: ipv4Number(backend.address), owner: backend.port })),
})

export function permitSettings({
  id,
  domain,
  client,
  server,
  protocol,
  port,
}: LinkPermit): LinkPermitSettings {
  return {
    id,
    domain,
    client: ipv4Number(client),
    server: ipv4Number(server),
    protocol: PROTOCOL_NUMBERS[protocol],
    port,
  }
}

export function flowSelection({ protocol, address, port, ports, domains }: FlowFilter): FlowSelection {
  return {
    protocol: protocol && PROTOCOL_NUMBERS[protocol],
    address: address === undefined ? undefined : ipv4Number(address),
    port,
    owners: ports,
    domains,
  }
}

export function fabricFlow(flow: FlowValue): FabricFlow {
  return {
    number: flow.number,
    protocol: protocolName(flow.protocol),
    state: flow.state,
    original: flowTuple(flow.original),
    reply: flowTuple(flow.reply),
    expiresS: flow.expiresS,
    owner: flow.owner,
    mapping: flow.mapping,
    service: flow.service,
  }
}

const flowTuple = (tuple: FlowTupleValue): FlowTuple => ({
  ...tuple,
  source: formatIpv4(tuple.source),
  destination: formatIpv4(tuple.destination),
})

const protocolName = (number: number): 'tcp' | 'udp' | 'icmp' =>
  number === TCP ? 'tcp' : number === UDP ? 'udp' : 'icmp'

export const fabricNatStats = ({ tcp, udp, icmp, ...counts }: NatCounts): FabricNatStats => ({
  ...counts,
  byProtocol: { tcp, udp, icmp },
})

export const fabricNeighbour = (neighbour: NeighbourValue): FabricNeighbour => ({
  domain: neighbour.domain,
  address: formatIpv4(neighbour.address),
  mac:
    neighbour.state === 'incomplete' || neighbour.state === 'failed'
      ? ''
      : formatMac(neighbour.macHigh, neighbour.macLow),
  state: neighbour.state,
})
