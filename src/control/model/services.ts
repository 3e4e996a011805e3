/** Services as they are kept, and what the machine is told of them. */

/** A name for several sandboxes, one of which gets each connection. */
export interface ServiceRecord {
  readonly id: string
  readonly name: string
  /** RFC 3339 with nanoseconds. */
  readonly created: string
  /** The network's id. */
  readonly network: string
  /** `vip`: one virtual address, and a backend for each connection; `dnsrr`: the name leads to all backends. */
  readonly endpointMode: 'vip' | 'dnsrr'
  /** Empty for dnsrr. */
  readonly virtualIp: string
  /** Backends are the endpoints of the network whose sandbox has one of these labels (`key` or `key=value`), or one of these names. */
  readonly replicasOf: readonly string[]
  readonly endpoints: readonly string[]
  readonly ports: readonly ServicePort[]
  readonly labels: Readonly<Record<string, string>>
}

export interface ServicePort {
  readonly protocol: 'tcp' | 'udp'
  /** Of the machine; 0: not published. */
  readonly published: number
  /** Of the backends. */
  readonly target: number
  /** `ingress`: on every host, to backends on any; `host`: where there is a backend, to those alone. */
  readonly mode: 'ingress' | 'host'
}

/** Part of the Fabric. */
export interface FabricServices {
  /**
   * The service with its backends as they are from here on. Connections to those that have gone end, and their ends are told. What is published
   * to its address (`port` -1 in the target) leads to the backends. Throws LIMIT_REACHED.
   */
  setService(service: FabricService): Promise<void>
  /** With its connections. */
  removeService(id: number): Promise<void>
}

export interface FabricService {
  /** From 1 to SERVICES_MAX. */
  readonly id: number
  readonly domain: number
  /** The virtual address, or one of 0.0.0.0/8: then only published ports lead there. */
  readonly address: string
  /** An int32, the same on all hosts. */
  readonly seed: number
  readonly backends: readonly { readonly address: string; readonly port: number }[]
}
