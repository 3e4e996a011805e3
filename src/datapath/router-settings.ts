/**
 * What the router is told: its interfaces, routes, published ports. Addresses are int32, as frames have them (wire/address.ts
 * `parseIpv4`); domains and ports are the engine's numbers.
 */

/** What lies behind a router interface, and so what may pass. */
export const InterfaceKind = {
  /** A network of sandboxes. */
  inside: 0,
  /** An uplink: the world. */
  outside: 1,
  /** The host's own programs, by way of the relay of published ports: they may reach every sandbox, as the gateway's address. */
  relay: 2,
} as const

export type InterfaceKind = (typeof InterfaceKind)[keyof typeof InterfaceKind]

/** How a network's sandboxes and the world see one another (Docker's gateway_mode_ipv4). */
export const GatewayMode = {
  /** Out with the uplink's address, in by published ports only. */
  nat: 0,
  /** Out with the uplink's address, in by published ports and by the sandboxes' own addresses. */
  natUnprotected: 1,
  /** No translation: in by the sandboxes' own addresses, to published ports and ICMP only. */
  routed: 2,
} as const

export type GatewayMode = (typeof GatewayMode)[keyof typeof GatewayMode]

/** The router's place in a bridge domain. */
export interface RouterInterfaceSettings {
  readonly kind: InterfaceKind
  readonly macHigh: number
  readonly macLow: number
  readonly address: number
  readonly prefixLength: number
  /** Bytes of IP packet. */
  readonly mtu: number
  readonly mode: GatewayMode
  /** Nothing crosses the border of the network. */
  readonly internal: boolean
  /** The source of what goes out is translated. */
  readonly masquerade: boolean
  /** The address that it is translated to; 0 is that of the interface by which it leaves. */
  readonly sourceAddress: number
  /** Port of the host's own TAP on this network, which gets what is for the gateway's address; -1 where there is none. */
  readonly hostPort: number
  /** Answers ARP requests for addresses that it would route elsewhere (RFC 1027). */
  readonly proxyArp: boolean
  /** Outside: the kernel has the same address, answers ARP for it, and gets what is none of ours. */
  readonly shared: boolean
  /** Outside: ports that sources are translated to. */
  readonly firstPort: number
  readonly lastPort: number
}

export interface RouteSettings {
  readonly prefix: number
  readonly prefixLength: number
  /** The interface by which it leaves. */
  readonly domain: number
  /** 0: the destination itself is a neighbour. */
  readonly nextHop: number
}

/** A published range of ports, or of a routed network those that may be reached: then `address` is the target's own. */
export interface PortMappingSettings {
  /** Above 0. */
  readonly id: number
  /** 6 TCP, 17 UDP. */
  readonly protocol: number
  /** 0: every address of the router. */
  readonly address: number
  readonly first: number
  readonly last: number
  readonly targetAddress: number
  readonly targetFirst: number
  readonly targetDomain: number
  /** The target's port of the switch: what the mapping's connections are charged to; SERVICE_OWNER where the target is a service's address. */
  readonly owner: number
}

/** Of a published port that leads to a service: its connections are charged to the backend's port. */
export const SERVICE_OWNER = -1

/** The only addresses that a port's frames may come from. */
export interface GuardSettings {
  readonly macHigh: number
  readonly macLow: number
  readonly ipv4: readonly number[]
  /** Four words each. Link-local ones and the unspecified one are always allowed. */
  readonly ipv6: readonly (readonly [number, number, number, number])[]
}

/** On a network whose sandboxes may not talk to one another: what one may ask of another all the same (--link). */
export interface LinkPermitSettings {
  readonly id: number
  readonly domain: number
  /** Address of the sandbox that may ask, and of the one that answers. */
  readonly client: number
  readonly server: number
  readonly protocol: number
  readonly port: number
}

/** Which connections are meant; undefined is any. */
export interface FlowSelection {
  readonly protocol?: number | undefined
  /** Of either end, before or after translation. */
  readonly address?: number | undefined
  readonly port?: number | undefined
  /** Charged to one of these ports of the switch. */
  readonly owners?: readonly number[] | undefined
  /** Packets of either direction come from one of these. */
  readonly domains?: readonly number[] | undefined
}

export interface FlowTupleValue {
  readonly source: number
  readonly destination: number
  readonly sourcePort: number
  readonly destinationPort: number
  readonly domain: number
  readonly packets: number
}

export interface FlowValue {
  /** Of the connection, while it is there; another one may have it afterwards. */
  readonly number: number
  readonly protocol: number
  /** A name of FLOW_STATES. */
  readonly state: string
  readonly original: FlowTupleValue
  readonly reply: FlowTupleValue
  readonly expiresS: number
  readonly owner: number
  readonly mapping: number
  /** Of the service whose backend was chosen; 0: none. */
  readonly service: number
}

export interface FlowListing {
  readonly flows: readonly FlowValue[]
  readonly total: number
}

export interface NatCounts {
  readonly flows: number
  readonly capacity: number
  readonly perOwner: number
  readonly created: number
  readonly expired: number
  readonly evicted: number
  readonly refusedQuota: number
  readonly refusedFull: number
  readonly tcp: number
  readonly udp: number
  readonly icmp: number
  readonly publishedRanges: number
  readonly icmpErrorsSent: number
}

export interface NeighbourValue {
  readonly domain: number
  readonly address: number
  readonly macHigh: number
  readonly macLow: number
  readonly state: string
}

/** One decision on a frame's way. */
export interface ExplainedStep {
  readonly stage: string
  readonly verdict: string
  readonly reason?: string | undefined
  readonly values: Readonly<Record<string, string | number | boolean>>
}
