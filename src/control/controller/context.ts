import type { Event } from '../api/system.ts'
import type { Cluster, ClusterParts } from '../cluster/cluster.ts'
import type { EventOptions } from '../control-plane.ts'
import type { Defaults } from '../defaults.ts'
import type { DriverRegistry } from '../drivers/registry.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import type { AddressSpace } from '../ipam/address-space.ts'
import type { Fabric, HostPorts, SandboxHost, Surroundings } from '../model/machine.ts'
import type { NetworkRecord, SandboxConfig, SandboxRecord } from '../model/records.ts'
import type { Store } from '../model/store.ts'
import { newId } from '../rules/ids.ts'
import { printable } from '../rules/names.ts'
import { findNetwork, findSandbox } from '../rules/references.ts'
import { KeyedLock } from './keyed-lock.ts'
import { Model } from './model.ts'
import { attempt, type Undo } from './undo.ts'

/** What the controller works with. */
export interface ControllerParts {
  readonly fabric: Fabric
  readonly host: SandboxHost
  readonly hostPorts: HostPorts
  readonly store: Store
  readonly addresses: AddressSpace
  readonly events: EventJournal
  readonly surroundings: Surroundings
  readonly log: ControllerLog
  /** As they are now: a changed configuration changes them. */
  defaults(): Defaults
  /** The uplink in its text form, in place of the one that was set last; undefined leaves that. */
  readonly uplink?: string | undefined
  /** Undefined: this host is in none. */
  readonly cluster?: ClusterParts | undefined
}

/** What has happened, for those who watch. */
export interface EventJournal {
  publish(event: Pick<Event, 'Type' | 'Action' | 'Actor'>): void
  read(options: EventOptions, signal: AbortSignal): AsyncIterable<Event>
}

/** Of the log, what the controller needs: what nobody asked for, and things that went wrong and that no client is told. */
export interface ControllerLog {
  info(details: object, message: string): void
  warn(details: object, message: string): void
}

/** What the operations share: the model, who may change what at the same time, and how a change is kept. */
export class Context {
  readonly parts: ControllerParts
  readonly drivers: DriverRegistry
  readonly model = new Model()
  /** By the id of a sandbox or a network. */
  readonly lock = new KeyedLock()
  /** The daemon is about to end: nothing is started any more. */
  closing = false
  /** This host's part in its cluster; undefined where it is in none. */
  cluster: Cluster | undefined
  /** Networks that sandboxes are about to join, or to leave, so that nobody removes them meanwhile; how many by network. */
  readonly #joining = new Map<string, number>()
  /** Networks that are being made or removed, so that nobody joins them meanwhile. */
  readonly #closed = new Set<string>()
  /** Operations that are under way. */
  readonly #operations = new Set<Promise<unknown>>()
  /** What the events of a sandbox have in common, so that a log full of them has its labels once. */
  readonly #attributes = new WeakMap<SandboxConfig, Readonly<Record<string, string>>>()

  constructor(parts: ControllerParts, drivers: DriverRegistry) {
    this.parts = parts
    this.drivers = drivers
  }

  newId(): string {
    return newId((count) => this.parts.surroundings.randomBytes(count))
  }

  /** RFC 3339 with nanoseconds, as far as the clock has them. */
  timestamp(): string {
    const ms = this.parts.surroundings.now()
    const nanoseconds = Math.floor((ms % 1000) * 1e6)
    return `${new Date(ms).toISOString().slice(0, 19)}.${String(nanoseconds).padStart(9, '0')}Z`
  }

  findNetwork(reference: string): NetworkRecord {
    return findNetwork(this.model.networks.values(), reference)
  }

  /** One that a sandbox can be given a place on. Throws NETWORK_UNKNOWN also where it is not quite there yet, or about to go. */
  findNetworkToJoin(reference: string): NetworkRecord {
    const network = this.findNetwork(reference)
    if (!this.isClosed(network.id)) return network
    throw new TapwireError(ErrorCode.networkUnknown, `network ${printable(reference)} not found`)
  }

  findSandbox(reference: string): SandboxRecord {
    return findSandbox(this.model.sandboxes.values(), reference)
  }

  isJoined(network: string): boolean {
    return this.#joining.has(network) || this.model.members(network).length > 0
  }

  isClosed(network: string): boolean {
    return this.#closed.has(network)
  }

  /** Holds a network against its removal; the function returned lets go. */
  holdNetwork(network: string): () => void {
    this.#joining.set(network, (this.#joining.get(network) ?? 0) + 1)
    return () => {
      const others = this.#joining.get(network)! - 1
      if (others === 0) this.#joining.delete(network)
      else this.#joining.set(network, others)
    }
  }

  /** Keeps everybody from joining a network; the function returned lets them again. */
  closeNetwork(network: string): () => void {
    this.#closed.add(network)
    return () => {
      this.#closed.delete(network)
    }
  }

  /** Throws DAEMON_STOPPING. */
  refuseWhileClosing(): void {
    if (this.closing) throw new TapwireError(ErrorCode.daemonStopping, 'the daemon is about to end')
  }

  /** Runs what changes something, and what the daemon's end waits for. Throws DAEMON_STOPPING where that has begun. */
  async operation<T>(change: () => Promise<T>): Promise<T> {
    this.refuseWhileClosing()
    const under = change()
    this.#operations.add(under)
    try {
      return await under
    } finally {
      this.#operations.delete(under)
    }
  }

  /** Lets no operation begin any more, and waits for those that have. */
  async close(): Promise<void> {
    this.closing = true
    await Promise.allSettled(this.#operations)
  }

  /** Runs an operation of several steps that leaves nothing where it fails. */
  attempt<T>(operation: (undo: Undo) => Promise<T>): Promise<T> {
    return attempt(
      (error) => this.warn(error, 'a step of a failed operation could not be taken back'),
      operation,
    )
  }

  /**
   * Makes a change to the model and keeps it. Where it cannot be kept, or the operation fails later on, `revert` takes it back,
   * and that is kept as well: another operation may have had the change written with its own.
   */
  async commit(undo: Undo, change: () => void, revert: () => void): Promise<void> {
    change()
    undo.add(() => {
      revert()
      return this.save()
    })
    await this.save()
  }

  /** Puts a sandbox's record in the place of the one that it has. */
  commitSandbox(undo: Undo, sandbox: SandboxRecord): Promise<void> {
    const before = this.model.sandbox(sandbox.id)
    return this.commit(
      undo,
      () => this.model.putSandbox(sandbox),
      () => {
        if (before === undefined) this.model.deleteSandbox(sandbox.id)
        else this.model.putSandbox(before)
      },
    )
  }

  /** Resolves when the model as it is now is safe. */
  save(): Promise<void> {
    const { store, addresses } = this.parts
    return store.save(() => this.model.record(addresses.resting()))
  }

  warn(error: unknown, message: string): void {
    this.parts.log.warn({ err: error }, message)
  }

  /** A network's event, as Docker words it. */
  networkEvent(action: string, network: NetworkRecord, more: Readonly<Record<string, string>> = {}): void {
    this.parts.events.publish({
      Type: 'network',
      Action: action,
      Actor: { ID: network.id, Attributes: { ...more, name: network.name, type: network.driver } },
    })
  }

  /** A sandbox's event. Labels are among its attributes, as in Docker. */
  sandboxEvent(action: string, sandbox: SandboxRecord, more: Readonly<Record<string, string>> = {}): void {
    const common = this.#attributesOf(sandbox)
    const isMore = Object.keys(more).length > 0
    this.parts.events.publish({
      Type: 'container',
      Action: action,
      Actor: { ID: sandbox.id, Attributes: isMore ? { ...common, ...more, name: sandbox.name } : common },
    })
  }

  #attributesOf({ name, config }: SandboxRecord): Readonly<Record<string, string>> {
    const known = this.#attributes.get(config)
    if (known?.['name'] === name) return known
    const attributes = { ...config.labels, name }
    this.#attributes.set(config, attributes)
    return attributes
  }
}
