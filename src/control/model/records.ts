/**
 * The container network model as it is kept: what the store writes, and what a restarted daemon starts from. A network has
 * endpoints; an endpoint joins one sandbox to one network. Values are as Docker spells them, ids are 64 hexadecimal digits.
 *
 * Records are plain and immutable: a change is a new record in place of the old one, which the store then writes.
 */

import type { IpFamily } from '../ip-address.ts'
import type { ServiceRecord } from './services.ts'

export interface NetworkRecord {
  readonly id: string
  readonly name: string
  /** RFC 3339, UTC, with nanoseconds: `2026-01-02T03:04:05.678901234Z`. */
  readonly created: string
  readonly driver: string
  readonly scope: 'local' | 'global' | 'swarm'
  readonly enableIPv4: boolean
  readonly enableIPv6: boolean
  /** No way out of the network: its sandboxes get no default route by it. */
  readonly internal: boolean
  readonly attachable: boolean
  readonly ingress: boolean
  /** Holds settings for other networks to take; no sandbox can join it. */
  readonly configOnly: boolean
  /** The configOnly network whose settings this one took; empty where none. */
  readonly configFrom: string
  readonly ipam: NetworkIpam
  /** Driver options, `com.docker.network.driver.mtu` for example. */
  readonly options: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
}

export interface NetworkIpam {
  readonly driver: string
  readonly options: Readonly<Record<string, string>>
  /** In the order of asking, IPv4 before IPv6. Those that the default pools gave are here as well. */
  readonly pools: readonly PoolRecord[]
}

export interface PoolRecord {
  readonly family: IpFamily
  /** CIDR notation, host bits 0. */
  readonly subnet: string
  /** Dynamic addresses come out of it; all of the subnet where undefined. */
  readonly range?: string | undefined
  /** Undefined where the driver wants none. */
  readonly gateway?: string | undefined
  /** Whether the user named the gateway, which inspect shows and a saved lab repeats. */
  readonly gatewayGiven: boolean
  /** Whether the user named the subnet. */
  readonly subnetGiven: boolean
  /** Addresses that others have, by name. */
  readonly auxiliary: Readonly<Record<string, string>>
}

/** A sandbox's place on one network: the settings live as long as the sandbox, `joined` as long as it runs. */
export interface EndpointRecord {
  /** The network's id. */
  readonly network: string
  /** Where the network was removed meanwhile, its name: another one that is given this name takes its place. */
  readonly formerName?: string | undefined
  readonly settings: EndpointSettings
  /** What its link does to frames; undefined where it is as good as the switch. */
  readonly impairment?: ImpairmentRecord | undefined
  /** Undefined while the sandbox does not run. */
  readonly joined?: JoinedEndpoint | undefined
}

/** What the user asked for, checked and in normal form. */
export interface EndpointSettings {
  readonly ipv4?: string | undefined
  readonly ipv6?: string | undefined
  readonly linkLocal: readonly string[]
  /** `child:alias`, as in --link. */
  readonly links: readonly string[]
  readonly aliases: readonly string[]
  readonly mac?: string | undefined
  readonly driverOptions: Readonly<Record<string, string>>
  /** The endpoint with the highest one gives the default route. */
  readonly gatewayPriority: number
}

/** Of a link, one direction or both; seen from the endpoint: what it sends, and what it is sent. */
export interface ImpairmentRecord {
  readonly from?: ImpairmentWish | undefined
  readonly to?: ImpairmentWish | undefined
}

/** What one direction of a link does to frames, in text and in normal form (rules/impairment.ts); what is absent it does not do. */
export interface ImpairmentWish {
  /** `50ms` */
  readonly delay?: string | undefined
  readonly jitter?: string | undefined
  /** `1%` */
  readonly loss?: string | undefined
  readonly duplicate?: string | undefined
  readonly reorder?: string | undefined
  readonly corrupt?: string | undefined
  /** `10mbit` */
  readonly rate?: string | undefined
  /** Frames that may wait. */
  readonly queue?: number | undefined
  readonly down?: boolean | undefined
  readonly seed?: number | undefined
}

export interface JoinedEndpoint {
  readonly id: string
  /** The interface's name in the sandbox, `eth0`. Empty for drivers without one (host, none). */
  readonly interface: string
  /** Lower case with colons; empty where there is no interface. */
  readonly mac: string
  readonly ipv4?: InterfaceAddress | undefined
  readonly ipv6?: InterfaceAddress | undefined
  /** The networks' gateways, whether or not the default route goes by them. */
  readonly gateway4?: string | undefined
  readonly gateway6?: string | undefined
}

export interface InterfaceAddress {
  readonly address: string
  readonly prefixLength: number
}

export interface SandboxRecord {
  readonly id: string
  readonly name: string
  readonly created: string
  readonly config: SandboxConfig
  readonly state: SandboxState
  /** In the order of joining. Empty in the modes host, none (one endpoint without interface) and container. */
  readonly endpoints: readonly EndpointRecord[]
  /**
   * Published ports as they are now, by `80/tcp`, and ranges by `3000-3009/tcp` with a host port `8000-8009`. No host IP is every
   * address; no host port is a routed network's. Empty while it does not run.
   */
  readonly ports: Readonly<Record<string, readonly PortBinding[]>>
}

/** What the sandbox was created with, checked and in normal form; all defaults filled in. */
export interface SandboxConfig {
  /** Program and arguments; empty is an idle sandbox. */
  readonly command: readonly string[]
  /** `NAME=value`. */
  readonly environment: readonly string[]
  /** Folder that the command runs in; `/` where empty. */
  readonly workingDirectory: string
  readonly tty: boolean
  /** Keeps the command's standard input open. */
  readonly openStdin: boolean
  readonly hostname: string
  readonly domainname: string
  readonly labels: Readonly<Record<string, string>>
  readonly stopSignal: string
  /** Seconds between the stop signal and SIGKILL. */
  readonly stopTimeoutS: number
  /** Removed when it ends. */
  readonly autoRemove: boolean
  readonly networkMode: NetworkMode
  readonly dns: readonly string[]
  readonly dnsSearch: readonly string[]
  readonly dnsOptions: readonly string[]
  /** `name:address`. */
  readonly extraHosts: readonly string[]
  /** `child:alias`, on the default bridge. */
  readonly links: readonly string[]
  /** `80/tcp`, and neighbours in one: `3000-3009/tcp`. In order. */
  readonly exposedPorts: readonly string[]
  /** By port in the same way, in normal form (rules/port-bindings.ts). */
  readonly portBindings: Readonly<Record<string, readonly PortBinding[]>>
  readonly publishAll: boolean
}

export type NetworkMode =
  /** Joined to networks by endpoints: the built-in bridge, or user-defined ones. `name` is as the user gave it. */
  | { readonly kind: 'networks'; readonly name: string }
  | { readonly kind: 'none' }
  | { readonly kind: 'host' }
  /** Shares the network of another sandbox; its id. */
  | { readonly kind: 'container'; readonly sandbox: string }

export interface PortBinding {
  readonly hostIp: string
  /** A port, a range `8000-8010`, or empty for any. A range of ports has as many host ports, or any. */
  readonly hostPort: string
}

export interface SandboxState {
  readonly status: 'created' | 'running' | 'exited'
  /** Of the command; of the holder of the namespaces where the sandbox is idle. 0 while it does not run. */
  readonly pid: number
  /** Of the last run; 128 and the signal's number where a signal ended it. */
  readonly exitCode: number
  /** Why the last start failed; empty where it did not. */
  readonly error: string
  /** RFC 3339; `0001-01-01T00:00:00Z` where it never did. */
  readonly startedAt: string
  readonly finishedAt: string
}

/** Everything that the store keeps. */
export interface ModelRecord {
  readonly networks: readonly NetworkRecord[]
  readonly sandboxes: readonly SandboxRecord[]
  /** Released addresses that rest before they are given out again. */
  readonly resting: readonly RestingAddress[]
  /** The uplink in its text form (rules/uplink.ts), as somebody has set it; undefined where nobody has. */
  readonly uplink?: string | undefined
  /** What the uplink's link does to frames. */
  readonly uplinkImpairment?: ImpairmentRecord | undefined
  /** Of this daemon alone; those of a cluster are in its registry. Undefined where there is none. */
  readonly services?: readonly ServiceRecord[] | undefined
  readonly cluster?: ClusterMemory | undefined
}

/** What a host remembers of itself in a cluster. */
export interface ClusterMemory {
  /** Its id there, for ever. */
  readonly host: string
  /** Of the registry, when networks last came or went: one that is older has forgotten something. */
  readonly revision: number
}

export interface RestingAddress {
  /** The network's id. */
  readonly network: string
  readonly address: string
  /** Milliseconds since 1970. */
  readonly untilMs: number
  /** Id of the sandbox that had it, which gets it back even while it rests. */
  readonly owner?: string | undefined
}
