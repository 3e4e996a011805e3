/** Networks as the API shows them. */

import type { NetworkInspect } from '../api/network.ts'
import type { TunnelPeer, TunnelStatus } from '../drivers/driver.ts'
import type { PoolUsage } from '../ipam/address-space.ts'
import type { InterfaceAddress, JoinedEndpoint, NetworkRecord, PoolRecord } from '../model/records.ts'
import { isPredefinedNetwork } from '../rules/names.ts'

/** One of a network's endpoints, and whose it is. */
export interface NetworkMember {
  readonly sandbox: { readonly id: string; readonly name: string }
  readonly joined: JoinedEndpoint
}

/** GET /networks/{network} */
export function inspectNetwork(
  network: NetworkRecord,
  members: Iterable<NetworkMember>,
  usage: readonly PoolUsage[],
  tunnel?: TunnelStatus,
): NetworkInspect {
  const Containers = Object.fromEntries(
    Array.from(members, (member) => [member.sandbox.id, inspectMember(member)]),
  )
  const hasStatus = usage.length > 0 || tunnel !== undefined
  const Status = {
    IPAM: { Subnets: subnetsOf(usage) },
    ...(tunnel !== undefined && { Tunnel: inspectTunnel(tunnel) }),
  }
  return {
    ...summarizeNetwork(network),
    Containers,
    ...(tunnel !== undefined && { Peers: tunnel.peers.map(inspectPeer) }),
    ...(hasStatus && { Status }),
  }
}

/** An entry of GET /networks: without members and status, as on Docker's API. */
export function summarizeNetwork(network: NetworkRecord): NetworkInspect {
  const { driver, options, pools } = network.ipam
  // Docker's built-in networks were never asked for, and so have no options rather than empty ones.
  const none = isPredefinedNetwork(network.name) && Object.keys(options).length === 0
  return {
    Name: network.name,
    Id: network.id,
    Created: network.created,
    Scope: network.scope,
    Driver: network.driver,
    EnableIPv4: network.enableIPv4,
    EnableIPv6: network.enableIPv6,
    IPAM: {
      Driver: driver,
      Options: none ? null : { ...options },
      Config: none && pools.length === 0 ? null : inOrder(pools).map(inspectPool),
    },
    Internal: network.internal,
    Attachable: network.attachable,
    Ingress: network.ingress,
    ConfigFrom: { Network: network.configFrom },
    ConfigOnly: network.configOnly,
    Containers: {},
    Options: { ...network.options },
    Labels: { ...network.labels },
  }
}

/** `172.18.0.2/16`; empty for undefined. */
export function formatAddress(address: InterfaceAddress | undefined): string {
  return address === undefined ? '' : `${address.address}/${address.prefixLength}`
}

function inspectTunnel({ vni, local, udpPort, mtu, problem }: TunnelStatus): InspectedTunnel {
  return { VNI: vni, Local: local, Port: udpPort, MTU: mtu, Up: problem === '', Reason: problem }
}

function inspectPeer({ host, address }: TunnelPeer): NonNullable<NetworkInspect['Peers']>[number] {
  return { Name: host, IP: address }
}

function inspectMember({ sandbox, joined }: NetworkMember): NetworkInspect['Containers'][string] {
  return {
    Name: sandbox.name,
    EndpointID: joined.id,
    MacAddress: joined.mac,
    IPv4Address: formatAddress(joined.ipv4),
    IPv6Address: formatAddress(joined.ipv6),
  }
}

/** Docker shows what the user asked for before what it chose itself. */
function inOrder(pools: readonly PoolRecord[]): readonly PoolRecord[] {
  return pools.toSorted((a, b) => Number(b.subnetGiven) - Number(a.subnetGiven))
}

type InspectedTunnel = NonNullable<NonNullable<NetworkInspect['Status']>['Tunnel']>
type InspectedPool = NonNullable<NetworkInspect['IPAM']['Config']>[number]

function inspectPool(pool: PoolRecord): InspectedPool {
  // Docker shows the gateway that it chose only where it chose the subnet, too.
  const gateway = pool.gatewayGiven || !pool.subnetGiven ? pool.gateway : undefined
  return {
    Subnet: pool.subnet,
    ...(pool.range === undefined ? {} : { IPRange: pool.range }),
    ...(gateway === undefined ? {} : { Gateway: gateway }),
    ...(Object.keys(pool.auxiliary).length === 0 ? {} : { AuxiliaryAddresses: { ...pool.auxiliary } }),
  }
}

function subnetsOf(
  usage: readonly PoolUsage[],
): Record<string, { IPsInUse: number; DynamicIPsAvailable: number }> {
  return Object.fromEntries(
    usage.map((pool) => [pool.subnet, { IPsInUse: pool.inUse, DynamicIPsAvailable: pool.available }]),
  )
}
