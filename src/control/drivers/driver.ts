/**
 * What a kind of network has to offer. The control plane decides names, ids, addresses and routes, and calls the driver for
 * what differs from one kind to the next: what a network is made of, and how an endpoint's interface gets into a sandbox.
 *
 *     createNetwork ─► createEndpoint ─► join ─► leave ─► deleteEndpoint ─► deleteNetwork
 *
 * The order is the one of Docker's driver interface. Each call has its full effect, or rejects and has none. After a restart
 * of the daemon the same calls are made again for what is there: a driver then takes up what it finds.
 */

import type { FabricImpairment } from '../model/machine.ts'
import type { EndpointSettings, InterfaceAddress, NetworkRecord } from '../model/records.ts'
import type { DriverRules } from '../rules/network-create.ts'

export interface NetworkDriver {
  /** Its name, and what its networks may look like. */
  readonly rules: DriverRules
  /** Whether its networks have pools, and its endpoints addresses and an interface in the sandbox. */
  readonly connects: boolean

  /** What interfaces are called on such a network, but for their number. */
  interfacePrefix(network: NetworkRecord): string
  /**
   * With `again` it was there before: what the machine lacks of what the network needs is no reason to refuse it then, but is
   * waited for.
   */
  createNetwork(network: NetworkRecord, options?: { readonly again?: boolean }): Promise<void>
  /** The network has no endpoints left. */
  deleteNetwork(network: NetworkRecord): Promise<void>
  createEndpoint(endpoint: DriverEndpoint): Promise<CreatedEndpoint>
  deleteEndpoint(endpoint: DriverEndpoint): Promise<void>
  /** Makes the interface in the sandbox, or takes it up again where it is there. */
  join(endpoint: DriverEndpoint, place: EndpointPlace): Promise<JoinedPlace>
  /** The network and the interface part. Its caller deletes the interface, which may have vanished already. */
  leave(endpoint: DriverEndpoint): Promise<void>
  /** Sends a frame to the network as though the endpoint's station had; nothing where a driver cannot. */
  announce(endpoint: DriverEndpoint, frame: Uint8Array): Promise<void>
  /** What the driver knows of an endpoint, for people. */
  operationalInfo(endpoint: DriverEndpoint): Readonly<Record<string, string>>

  /** Of drivers whose networks go on behind a tunnel; undefined while one does not. */
  tunnelOf?(network: NetworkRecord): TunnelStatus | undefined
  /** Calls back when the MTU of a network changes, which `tunnelOf` then tells. */
  onMtu?(listener: (network: NetworkRecord) => void): void
}

export interface TunnelStatus {
  readonly vni: number
  /** The address of ours that is sent from; empty while there is none. */
  readonly local: string
  readonly udpPort: number
  /** Bytes of IP packet that interfaces on the network have. */
  readonly mtu: number
  /** Why nothing passes; empty where it does. */
  readonly problem: string
  readonly peers: readonly TunnelPeer[]
}

export interface DriverEndpoint {
  readonly id: string
  readonly network: NetworkRecord
  /** Id of the sandbox. */
  readonly sandbox: string
  readonly settings: EndpointSettings
  readonly ipv4?: InterfaceAddress | undefined
  readonly ipv6?: InterfaceAddress | undefined
  /** The one that the user wants, or the one that it had before the daemon restarted. */
  readonly mac?: string | undefined
  /** What its link is to do to frames. */
  readonly impairment?: FabricImpairment | undefined
}

export interface CreatedEndpoint {
  /** Lower case with colons; empty where there is no interface. */
  readonly mac: string
}

export interface EndpointPlace {
  /** Path of the sandbox's network namespace. */
  readonly namespace: string
  /** What the interface is called there. */
  readonly interface: string
  readonly mac: string
}

export interface JoinedPlace {
  readonly gateway4?: string | undefined
  readonly gateway6?: string | undefined
}

export interface TunnelPeer {
  readonly address: string
  /** What its host is called. */
  readonly host: string
  /** Stations behind it that somebody has told of. */
  readonly endpoints: number
}
