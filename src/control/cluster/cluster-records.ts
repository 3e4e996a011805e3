/**
 * What a cluster keeps in its registry, below the cluster's prefix (`/tapwire/NAME/`): a key for each thing, with a value of JSON that says its
 * version. What cannot be read is left alone, and told of once.
 *
 *     hosts/NAME                         ClusterHost        leased      who is there, and where its tunnel ends
 *     advertised/ADDRESS                 host id            leased      so that no two hosts have one address
 *     host-ids/ID                        name of the host   leased      so that of two with a copy of one root only one is there
 *     known-hosts/ID                     KnownHost                         so that one that is away can be forgotten by its name
 *     networks/ID                        ClusterNetwork
 *     network-names/NAME                 network id
 *     vnis/NUMBER                        network id
 *     networks-changed                   (nothing)                      changes with each network that comes, so that subnets are chosen one after the other
 *     addresses/NETWORK/ADDRESS          AddressClaim       stays       until its owner gives it back, also while its host is away
 *     endpoints/NETWORK/ID               ClusterEndpoint    leased
 *     services/ID                        ClusterService
 *     service-names/NAME                 service id
 *     service-ports/PROTOCOL/PORT        service id                    whose ingress port it is, on all hosts
 */

import type { ServiceRecord } from '../model/services.ts'

export const CLUSTER_VERSION = 1

interface Versioned {
  readonly version: typeof CLUSTER_VERSION
}

export interface ClusterHost extends Versioned {
  /** Of the daemon's root, for ever: the same host under another name is another one, and the other way round. */
  readonly id: string
  readonly name: string
  /** Where its tunnel ends. */
  readonly advertise: string
  readonly udpPort: number
  /** RFC 3339. */
  readonly started: string
}

/** A host that has been there; it may have claims. Stays until it is forgotten. */
export interface KnownHost extends Versioned {
  readonly id: string
  readonly name: string
}

export interface ClusterNetwork extends Versioned {
  readonly id: string
  readonly name: string
  readonly created: string
  readonly internal: boolean
  readonly attachable: boolean
  readonly enableIPv4: boolean
  readonly enableIPv6: boolean
  readonly vni: number
  readonly pools: readonly ClusterPool[]
  readonly options: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
}

export interface ClusterPool {
  readonly family: 4 | 6
  readonly subnet: string
  readonly range?: string | undefined
  readonly gateway?: string | undefined
  readonly gatewayGiven: boolean
  readonly subnetGiven: boolean
  readonly auxiliary: Readonly<Record<string, string>>
}

export interface AddressClaim extends Versioned {
  /** Id of the host that may use it. */
  readonly host: string
  /** Id of the endpoint, or of the service whose virtual address it is. */
  readonly owner: string
}

export interface ClusterEndpoint extends Versioned {
  readonly id: string
  readonly network: string
  /** Name of its host, under `hosts/`. */
  readonly host: string
  readonly sandbox: {
    readonly id: string
    readonly name: string
    readonly labels: Readonly<Record<string, string>>
  }
  readonly mac: string
  readonly ipv4?: string | undefined
  readonly ipv6?: string | undefined
  /** By which others on the network find it; kinds as FabricNamedHost has them. */
  readonly names: readonly {
    readonly text: string
    readonly kind: 'sandbox' | 'alias' | 'short-id' | 'hostname'
  }[]
  readonly ports: readonly {
    readonly protocol: 'tcp' | 'udp' | 'sctp'
    readonly first: number
    readonly last: number
  }[]
  /** The router of its host, towards the tunnel. */
  readonly routerMac: string
}

/** The same as without a cluster, but for its version. */
export type ClusterService = Versioned & ServiceRecord
