import type {
  ClusterMemory,
  ImpairmentRecord,
  ModelRecord,
  NetworkRecord,
  RestingAddress,
  SandboxRecord,
} from '../model/records.ts'
import type { ServiceRecord } from '../model/services.ts'

/** A network's record, and one sandbox that is joined to it. */
export interface NetworkMember {
  readonly sandbox: SandboxRecord
  readonly endpoint: SandboxRecord['endpoints'][number]
}

/**
 * The model as acknowledged: what is here is in the store, or is on its way there before anybody is told. What an operation
 * has only reserved (names, and the networks that are being joined or removed) stands beside it and is never stored.
 */
export class Model {
  readonly #networks = new Map<string, NetworkRecord>()
  readonly #sandboxes = new Map<string, SandboxRecord>()
  /** Ids of the sandboxes that are joined, by network. */
  readonly #members = new Map<string, Set<string>>()
  readonly #services = new Map<string, ServiceRecord>()
  readonly #anyListeners = new Set<() => void>()
  /** In its text form; undefined where nobody has set one. */
  uplink: string | undefined
  uplinkImpairment: ImpairmentRecord | undefined
  /** Undefined where this host has never been in a cluster. */
  cluster: ClusterMemory | undefined
  readonly #listeners = new Set<(sandbox: string) => void>()
  readonly networkNames = new Names()
  readonly sandboxNames = new Names()

  get networks(): ReadonlyMap<string, NetworkRecord> {
    return this.#networks
  }

  get sandboxes(): ReadonlyMap<string, SandboxRecord> {
    return this.#sandboxes
  }

  /** Of this daemon alone. */
  get services(): ReadonlyMap<string, ServiceRecord> {
    return this.#services
  }

  /** Calls back at once when a network, a sandbox or a service changes; the function returned ends that. */
  onChange(listener: () => void): () => void {
    this.#anyListeners.add(listener)
    return () => void this.#anyListeners.delete(listener)
  }

  putService(service: ServiceRecord): void {
    this.#services.set(service.id, service)
    this.#tellAll()
  }

  deleteService(id: string): void {
    this.#services.delete(id)
    this.#tellAll()
  }

  network(id: string): NetworkRecord | undefined {
    return this.#networks.get(id)
  }

  sandbox(id: string): SandboxRecord | undefined {
    return this.#sandboxes.get(id)
  }

  /** Puts it in the place of the one with its id. */
  putNetwork(network: NetworkRecord): void {
    this.#networks.set(network.id, network)
    this.#tellAll()
  }

  deleteNetwork(id: string): void {
    this.#networks.delete(id)
    this.#tellAll()
  }

  putSandbox(sandbox: SandboxRecord): void {
    this.#forgetMember(sandbox.id)
    this.#sandboxes.set(sandbox.id, sandbox)
    for (const { network, joined } of sandbox.endpoints) {
      if (joined === undefined) continue
      const members = this.#members.get(network)
      if (members === undefined) this.#members.set(network, new Set([sandbox.id]))
      else members.add(sandbox.id)
    }
    this.#tell(sandbox.id)
  }

  deleteSandbox(id: string): void {
    this.#forgetMember(id)
    this.#sandboxes.delete(id)
    this.#tell(id)
  }

  /** Calls back at once when a sandbox has come, gone or changed. */
  onSandbox(listener: (id: string) => void): void {
    this.#listeners.add(listener)
  }

  /** Those that are joined to a network, in the order of joining. */
  members(network: string): NetworkMember[] {
    return [...(this.#members.get(network) ?? [])].map((id) => {
      const sandbox = this.#sandboxes.get(id)!
      return { sandbox, endpoint: sandbox.endpoints.find((endpoint) => endpoint.network === network)! }
    })
  }

  /** Addresses of a network that is about to go need no rest any more. */
  record(resting: readonly RestingAddress[]): ModelRecord {
    return {
      networks: [...this.#networks.values()],
      sandboxes: [...this.#sandboxes.values()],
      resting: resting.filter(({ network }) => this.#networks.has(network)),
      ...(this.uplink !== undefined && { uplink: this.uplink }),
      ...(this.uplinkImpairment !== undefined && { uplinkImpairment: this.uplinkImpairment }),
      ...(this.cluster !== undefined && { cluster: this.cluster }),
      ...(this.#services.size > 0 && { services: [...this.#services.values()] }),
    }
  }

  #tell(sandbox: string): void {
    for (const listener of this.#listeners) listener(sandbox)
    this.#tellAll()
  }

  #tellAll(): void {
    for (const listener of this.#anyListeners) listener()
  }

  #forgetMember(id: string): void {
    for (const { network, joined } of this.#sandboxes.get(id)?.endpoints ?? []) {
      if (joined !== undefined) this.#members.get(network)?.delete(id)
    }
  }
}

/** Who has a name, from the moment of asking: of two who race for one, the first one gets it. */
export class Names {
  readonly #owners = new Map<string, string>()

  get size(): number {
    return this.#owners.size
  }

  /** The id of who has it. */
  owner(name: string): string | undefined {
    return this.#owners.get(name)
  }

  take(name: string, id: string): void {
    this.#owners.set(name, id)
  }

  giveBack(name: string): void {
    this.#owners.delete(name)
  }
}
