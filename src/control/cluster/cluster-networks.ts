/**
 * The networks of the cluster, on this host: each is in the model as long as it is in the view.
 *
 *     create / remove ─► one transaction ─► view ─► adopted / given up here, as on every host
 */

import { KeyedLock } from '../controller/keyed-lock.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import type { NetworkRecord } from '../model/records.ts'
import type { RegistryCommit } from '../registry/registry.ts'
import { networkNameTaken } from '../rules/names.ts'
import type { NetworkPlan } from '../rules/network-create.ts'
import {
  addressesOfKey,
  endpointsOfKey,
  NETWORKS_CHANGED,
  networkKey,
  networkNameKey,
  vniKey,
} from './cluster-keys.ts'
import type { ClusterNetwork } from './cluster-records.ts'
import type { ClusterSession } from './cluster-session.ts'
import { clusterText } from './cluster-texts.ts'
import { exactEntry } from './exact-entry.ts'
import {
  type ClusterNetworkWish,
  clusterNetworkOf,
  planClusterNetwork,
  recordOf,
  vniTaken,
} from './plan-cluster-network.ts'

export interface ClusterNetworksParts {
  readonly session: ClusterSession
  /** Those of the model that are overlay networks. */
  local(): readonly NetworkRecord[]
  adopt(network: NetworkRecord): Promise<void>
  /** With the places that sandboxes have on it. */
  giveUp(network: NetworkRecord): Promise<void>
  readonly warn: (error: unknown, message: string) => void
  later(task: () => Promise<void>): void
}

/** What the wish for a network says beyond its plan. */
export type NetworkIdentity = Omit<ClusterNetworkWish, 'plan' | 'cluster'>

const TRIES_MAX = 16

export class ClusterNetworks {
  readonly #parts: ClusterNetworksParts
  readonly #lock = new KeyedLock()
  /** Why a network of the cluster is not on this host, as it was told. */
  readonly #failures = new Map<string, Error>()
  /** Networks that the registry has lost, and that are yet to be put back, by id. */
  readonly #lost = new Map<string, ClusterNetwork>()
  #retrying = false

  constructor(parts: ClusterNetworksParts) {
    this.#parts = parts
  }

  /** Why networks of the cluster are not on this host, by id. */
  get failures(): ReadonlyMap<string, Error> {
    return this.#failures
  }

  /** It is on this host when this resolves. */
  async create(plan: NetworkPlan, identity: NetworkIdentity): Promise<ClusterNetwork> {
    const { session } = this.#parts
    const network = await this.#put(plan, identity)
    await this.settle()
    const failure = this.#failures.get(network.id)
    if (failure === undefined) return network
    const { revision } = await this.#delete(network)
    await session.echo(revision)
    throw failure
  }

  /** It is on no host when all have heard of it. Throws NETWORK_IN_USE. */
  async remove(network: NetworkRecord): Promise<void> {
    const { session } = this.#parts
    session.requireMember()
    await session.own.settled(IDLE_MS)
    const known = session.view.networks.get(network.id)
    if (known !== undefined) {
      const commit = await this.#delete(known)
      if (!commit.succeeded && (await exactEntry(session.registry, networkKey(network.id))) !== undefined) {
        throw this.#inUse(network)
      }
      await session.echo(commit.revision)
    }
    await this.settle()
  }

  /** Makes model and view agree. What cannot be done is told once, and tried again. */
  settle(): Promise<void> {
    return this.#lock.run('networks', () => this.#settle())
  }

  /** The registry has lost networks that this host remembers: it puts them back before model and view are made to agree. */
  regressed(): void {
    const { view } = this.#parts.session
    for (const network of this.#parts.local()) {
      if (!view.networks.has(network.id)) this.#lost.set(network.id, clusterNetworkOf(network))
    }
    for (const key of view.held) {
      const network = key.kind === 'network' ? view.networks.get(key.id) : undefined
      if (network !== undefined) this.#lost.set(network.id, network)
    }
  }

  /** What cannot be put back now stays here until it can. */
  async #restore(): Promise<void> {
    for (const network of this.#lost.values()) {
      try {
        await this.#restoreOne(network)
        this.#lost.delete(network.id)
      } catch (error) {
        this.#parts.warn(error, `network ${network.name} is not yet put back into the cluster`)
        this.#retry()
        return
      }
    }
  }

  async #restoreOne(network: ClusterNetwork): Promise<void> {
    const { session } = this.#parts
    const { view } = session
    const key = networkKey(network.id)
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      if (view.networks.has(network.id) && !view.isHeld(key)) return
      const commit = await this.#commitNew(network, view.revisionOf(NETWORKS_CHANGED))
      await session.echo(commit.revision)
    }
  }

  async #settle(): Promise<void> {
    const { session } = this.#parts
    if (!session.isSynced) return
    await this.#restore()
    const local = new Map(this.#parts.local().map((network) => [network.id, network]))
    for (const network of local.values()) {
      if (session.view.networks.has(network.id) || this.#lost.has(network.id)) continue
      // It is there, in words that this host does not understand: nothing follows from them.
      if (session.view.isUnreadable(network.id)) continue
      await this.#try(
        network.id,
        () => this.#parts.giveUp(network),
        (error) =>
          this.#parts.warn(
            error,
            `network ${network.name} is no more in the cluster, and could not be removed here`,
          ),
      )
    }
    for (const network of session.view.networks.values()) {
      if (local.has(network.id)) continue
      await this.#try(
        network.id,
        () => this.#parts.adopt(recordOf(network)),
        (error) =>
          this.#parts.warn(error, `network ${network.name} of the cluster could not be made on this host`),
      )
    }
    for (const id of this.#failures.keys()) {
      if (!local.has(id) && !session.view.networks.has(id)) this.#failures.delete(id)
    }
    if (this.#failures.size > 0) this.#retry()
  }

  async #try(id: string, task: () => Promise<void>, tell: (error: unknown) => void): Promise<void> {
    try {
      await task()
      this.#failures.delete(id)
    } catch (error) {
      const told = this.#failures.get(id)
      if (String(told) !== String(error)) tell(error)
      this.#failures.set(id, error as Error)
    }
  }

  #retry(): void {
    if (this.#retrying) return
    this.#retrying = true
    this.#parts.later(() => {
      this.#retrying = false
      return this.settle()
    })
  }

  /** Of those who choose at the same time, one is first, and the others choose again. */
  async #put(plan: NetworkPlan, identity: NetworkIdentity): Promise<ClusterNetwork> {
    const { session } = this.#parts
    const { name } = plan.record
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      session.requireMember()
      const { view } = session
      if ([...view.networks.values()].some((other) => other.name === name)) throw networkNameTaken(name)
      const network = planClusterNetwork({ ...identity, plan, cluster: session.settings.name }, view)
      const commit = await this.#commitNew(network, view.revisionOf(NETWORKS_CHANGED))
      await session.echo(commit.revision)
      if (commit.succeeded) return network
      await this.#refuseTaken(network)
    }
    throw new TapwireError(
      ErrorCode.registryUnavailable,
      `network ${name} could not be made: others are made all the time`,
    )
  }

  /** `changed`: revision of the counter as it was when the subnets were chosen. */
  #commitNew(network: ClusterNetwork, changed: number | undefined): Promise<RegistryCommit> {
    const { id, name, vni } = network
    const counter = { key: NETWORKS_CHANGED }
    return this.#parts.session.registry.commit({
      when: [
        changed === undefined ? { ...counter, is: 'absent' } : { ...counter, revision: changed },
        { key: networkKey(id), is: 'absent' },
        { key: networkNameKey(name), is: 'absent' },
        { key: vniKey(vni), is: 'absent' },
      ],
      do: [
        { put: NETWORKS_CHANGED, value: id },
        { put: networkKey(id), value: clusterText(network) },
        { put: networkNameKey(name), value: id },
        { put: vniKey(vni), value: id },
      ],
    })
  }

  /** Name or VNI may be that of a network which the view does not know, or cannot read. */
  async #refuseTaken({ name, vni }: ClusterNetwork): Promise<void> {
    const { registry, view } = this.#parts.session
    const nameOwner = (await exactEntry(registry, networkNameKey(name)))?.value
    if (nameOwner !== undefined) throw networkNameTaken(name)
    const vniOwner = (await exactEntry(registry, vniKey(vni)))?.value
    if (vniOwner !== undefined && view.networks.get(vniOwner) === undefined) throw vniTaken(vni, vniOwner)
  }

  #delete({ id, name, vni }: ClusterNetwork): Promise<RegistryCommit> {
    return this.#parts.session.registry.commit({
      when: [
        { key: networkKey(id), is: 'present' },
        { prefix: addressesOfKey(id), is: 'absent' },
        { prefix: endpointsOfKey(id), is: 'absent' },
      ],
      do: [{ delete: networkKey(id) }, { delete: networkNameKey(name) }, { delete: vniKey(vni) }],
    })
  }

  #inUse({ id, name }: NetworkRecord): TapwireError {
    const { view } = this.#parts.session
    const endpoints = [...view.endpoints(id).values()]
    const named = endpoints.map(({ sandbox, host }) => `name:"${sandbox.name}" host:"${host}"`)
    const away = new Set(
      [...view.claims(id).values()].flatMap(({ host }) => {
        const known = view.knownHosts.get(host)
        return known === undefined || view.hosts.get(known.name)?.id === host ? [] : [known.name]
      }),
    )
    return new TapwireError(
      ErrorCode.networkInUse,
      `error while removing network: network ${name} has active endpoints${named.length === 0 ? '' : ` (${named.join(', ')})`}`,
      {
        hint:
          away.size === 0
            ? "Disconnect or stop them first; 'tapwire overlay peers' shows the hosts."
            : `Addresses on it are those of hosts that are away (${[...away].join(', ')}): should they never come back, 'tapwire overlay forget HOST'.`,
      },
    )
  }
}

/** Milliseconds that own endpoints which have just left may take to be taken back. */
const IDLE_MS = 1000
