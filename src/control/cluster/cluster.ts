/**
 * A host's part in its cluster, as the controller has it.
 *
 *     model ──► cluster endpoints ──► own entries ──► registry
 *     view ───► cluster networks ───► model
 *          ├──► cluster addresses ──► address space
 *          └──► remote endpoints ───► switch: peers, stations, names
 */

import { CLUSTER_ECHO_MS } from '../../limits.ts'
import type { ClusterStatus, HostForgotten } from '../api/cluster.ts'
import type { Connections } from '../controller/connections.ts'
import type { Context } from '../controller/context.ts'
import type { Names } from '../controller/names.ts'
import type { Networks } from '../controller/networks.ts'
import { Retries } from '../controller/retries.ts'
import type { Undo } from '../controller/undo.ts'
import type { OverlayDriver, OverlayGround } from '../drivers/overlay.ts'
import type { SwitchRegistry } from '../drivers/switch-registry.ts'
import type { EndpointRecord, NetworkRecord, SandboxRecord } from '../model/records.ts'
import type { Registry } from '../registry/registry.ts'
import type { NetworkPlan } from '../rules/network-create.ts'
import { ClusterAddresses } from './cluster-addresses.ts'
import { ClusterEndpoints } from './cluster-endpoints.ts'
import { clusterAway, ofCluster } from './cluster-error.ts'
import { ClusterNetworks } from './cluster-networks.ts'
import type { ClusterEndpoint } from './cluster-records.ts'
import { type ClusterNews, ClusterSession } from './cluster-session.ts'
import { clusterStatus } from './cluster-status.ts'
import { ClusterTelling } from './cluster-telling.ts'
import type { ClusterFacts, ViewChange } from './cluster-view.ts'
import { forgetHost } from './forget-host.ts'
import { RemoteEndpoints } from './remote-endpoints.ts'
import { restoreHeld } from './restore-held.ts'
import { routerMac, shareOfHost } from './router-mac.ts'

/** What a daemon is told of its cluster. */
export interface ClusterParts {
  /** Below the cluster's prefix. */
  readonly registry: Registry
  readonly name: string
  readonly hostName: string
  /** Normal form. */
  readonly advertise: string
  readonly udpPort: number
}

/** Of the controller. */
export interface ClusterMachinery {
  readonly context: Context
  readonly switchRegistry: SwitchRegistry
  readonly driver: OverlayDriver
  readonly names: Names
  readonly networks: Networks
  readonly connections: Connections
}

/** Milliseconds that one waits for a host that is about to join. */
const JOINING_MS = 3000

export class Cluster {
  readonly session: ClusterSession
  readonly #machinery: ClusterMachinery
  readonly #retries: Retries
  readonly #telling: ClusterTelling
  readonly #mirror: ClusterAddresses
  readonly #endpoints: ClusterEndpoints
  readonly #networks: ClusterNetworks
  readonly #remotes: RemoteEndpoints
  /** Those that wait until this host is a member. */
  readonly #waiting = new Set<() => void>()

  /** `host`: id of this one, for ever. */
  constructor(parts: ClusterParts, host: string, machinery: ClusterMachinery) {
    const { context, driver, names, switchRegistry } = machinery
    const { surroundings, addresses: space } = context.parts
    const { registry, name, hostName, advertise, udpPort } = parts
    this.#machinery = machinery
    this.#retries = new Retries(surroundings)
    this.session = new ClusterSession({
      registry,
      settings: {
        name,
        host: { id: host, name: hostName },
        advertise,
        udpPort,
        started: context.timestamp(),
      },
      clock: surroundings,
      news: (news) => this.#news(news),
    })
    const { view } = this.session
    this.#telling = new ClusterTelling(context, this.session.settings)
    this.#mirror = new ClusterAddresses(view, space, host)
    const later = (task: () => Promise<void>): void => this.#later(task)
    this.#remotes = new RemoteEndpoints({
      view,
      host: hostName,
      peers: driver,
      domainOf: (network) => switchRegistry.domainOf(network),
      setName: (endpoint, named) => names.setRemote(endpoint, named),
      failed: (error, network) =>
        context.warn(error, `an endpoint of another host on network ${network.name} could not be told`),
      later,
    })
    this.#endpoints = new ClusterEndpoints({
      session: this.session,
      space,
      mirror: this.#mirror,
      driver,
      network: (id) => context.model.network(id),
      sandbox: (id) => context.model.sandbox(id),
      told: (network) => this.#remotes.told(network),
    })
    this.#networks = new ClusterNetworks({
      session: this.session,
      local: () => this.#localNetworks(),
      adopt: (network) => this.#adopt(network),
      giveUp: (network) => this.#giveUp(network),
      warn: (error, message) => context.warn(error, message),
      later,
    })
    driver.onStranger((network, address) => this.#strangerSeen(network, address))
  }

  get facts(): ClusterFacts {
    return this.session.view
  }

  /** Where this host's tunnel ends. */
  get ground(): OverlayGround {
    const { advertise, udpPort, host } = this.session.settings
    return { local: advertise, udpPort, routerMac: (network) => routerMac(host.id, network) }
  }

  /** At which share of a network's addresses this host begins to look for a free one. */
  get begin(): number {
    return shareOfHost(this.session.settings.host.id)
  }

  /** The model is complete: what of it the cluster is to know is told to it from here on. */
  start(): void {
    const { context } = this.#machinery
    const { model } = context
    this.session.view.onChange((changes) => this.#viewChanged(changes))
    for (const id of model.sandboxes.keys()) this.#endpoints.sandboxChanged(id)
    model.onSandbox((id) => {
      this.#endpoints.sandboxChanged(id)
      this.#remotes.ownChanged()
    })
    for (const network of this.#localNetworks()) this.#came(network)
    this.session.own.open()
    this.session.start(model.cluster?.revision ?? 0)
  }

  /** `leave`: what is ours is taken away at once; else it stays for the next daemon, for as long as a lease lasts. */
  async close({ leave }: { readonly leave: boolean }): Promise<void> {
    this.#retries.cancelAll()
    await this.session.close({ leave })
    for (const wake of this.#waiting) wake()
    this.#telling.left()
  }

  async createNetwork(plan: NetworkPlan): Promise<NetworkRecord> {
    const { context } = this.#machinery
    await this.#ready()
    try {
      const reserved = await context.parts.surroundings.reservedPrefixes()
      const identity = { id: context.newId(), created: context.timestamp(), reserved }
      const { id } = await this.#networks.create(plan, identity)
      return context.model.network(id)!
    } catch (error) {
      throw ofCluster(this.session.settings.name, error)
    }
  }

  async removeNetwork(network: NetworkRecord): Promise<void> {
    await this.#ready()
    try {
      await this.#networks.remove(network)
    } catch (error) {
      throw ofCluster(this.session.settings.name, error)
    }
  }

  /** Before anything of a sandbox's place on networks of the cluster is reserved. Throws REGISTRY_UNAVAILABLE. */
  async prepare(endpoints: readonly EndpointRecord[]): Promise<void> {
    await this.#ready()
    try {
      for (const { network, settings } of endpoints) {
        const wishes = [settings.ipv4, settings.ipv6].filter((address) => address !== undefined)
        await this.#endpoints.catchUp(network, wishes)
      }
    } catch (error) {
      throw ofCluster(this.session.settings.name, error)
    }
  }

  claim(
    undo: Undo,
    sandbox: SandboxRecord,
    reserved: EndpointRecord,
    network: NetworkRecord,
  ): Promise<EndpointRecord> {
    return this.#endpoints.claim(undo, sandbox, reserved, network)
  }

  /** Whether an address that is given back here is another's by now. */
  keeps(network: string, address: string): boolean {
    return this.#mirror.keeps(network, address)
  }

  /** Resolves when the cluster has been told what is to be told, or after a while. */
  told(): Promise<void> {
    return this.session.own.settled(CLUSTER_ECHO_MS)
  }

  /** Endpoints of other hosts, as the switch knows them. */
  remotes(network: string): readonly ClusterEndpoint[] {
    return this.#remotes.known(network)
  }

  status(): ClusterStatus {
    return clusterStatus(this.session, this.#networks)
  }

  async forgetHost(reference: string): Promise<HostForgotten> {
    try {
      return await forgetHost(this.session, reference)
    } catch (error) {
      throw ofCluster(this.session.settings.name, error)
    }
  }

  /** Resolves when this host has joined and has the networks that the cluster has by then. Throws REGISTRY_UNAVAILABLE. */
  async joined(): Promise<void> {
    await this.#ready()
    await this.#networks.settle()
  }

  /** A host that is about to join is waited for, for a while. */
  async #ready(): Promise<void> {
    if (this.session.membership.state === 'joining' || !this.session.isSynced) await this.#joined()
    try {
      this.session.requireMember()
    } catch (error) {
      throw clusterAway((error as Error).message, error)
    }
  }

  #joined(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        cancel()
        this.#waiting.delete(done)
        resolve()
      }
      const cancel = this.#machinery.context.parts.surroundings.after(JOINING_MS, done)
      this.#waiting.add(done)
    })
  }

  #localNetworks(): readonly NetworkRecord[] {
    const { context, driver } = this.#machinery
    return [...context.model.networks.values()].filter((network) => network.driver === driver.rules.name)
  }

  async #adopt(network: NetworkRecord): Promise<void> {
    const { context, networks } = this.#machinery
    this.#noteRevision()
    await context.operation(() => networks.adopt(network, this.begin))
    this.#came(network)
  }

  #came(network: NetworkRecord): void {
    this.#mirror.networkCame(network.id)
    this.#remotes.networkCame(network)
  }

  /** Its sandboxes lose their places on it. */
  async #giveUp(network: NetworkRecord): Promise<void> {
    const { context, networks } = this.#machinery
    await context.operation(async () => {
      for (const { sandbox } of context.model.members(network.id)) await this.#takeOff(network, sandbox.id)
      this.#mirror.networkGone(network.id)
      await this.#remotes.networkGone(network.id)
      this.#noteRevision()
      try {
        await networks.discard(network)
      } catch (error) {
        this.#came(network)
        throw error
      }
    })
  }

  async #takeOff(network: NetworkRecord, sandbox: string): Promise<void> {
    await this.#machinery.connections.disconnect(network.id, { Container: sandbox, Force: true })
  }

  /** Kept with the next change of the model. */
  #noteRevision(): void {
    const { model } = this.#machinery.context
    model.cluster = { host: this.session.settings.host.id, revision: this.session.view.revision }
  }

  #viewChanged(changes: readonly ViewChange[]): void {
    for (const change of changes) {
      if (change.kind === 'claim') this.#mirror.settle(change.network, change.address)
    }
    this.#remotes.viewChanged(changes)
    this.#telling.viewChanged(changes)
    if (changes.some(({ kind }) => kind === 'network') && this.session.isSynced) void this.#networks.settle()
  }

  #news(news: ClusterNews): void {
    this.#telling.news(news)
    if (news.kind === 'joined' || news.kind === 'refused') for (const wake of this.#waiting) wake()
    if (news.kind === 'synced') void this.#networks.settle()
    if (news.kind === 'regressed') void restoreHeld(this.session, this.#networks)
    if (news.kind === 'lost') void this.#lost(news.endpoint)
  }

  /** Somebody else has one of its addresses: it must not go on there. */
  async #lost({ network: id, sandbox }: ClusterEndpoint): Promise<void> {
    const { context } = this.#machinery
    const network = context.model.network(id)
    if (network === undefined || context.model.sandbox(sandbox.id) === undefined) return
    try {
      await context.operation(() => this.#takeOff(network, sandbox.id))
    } catch (error) {
      context.warn(error, `${sandbox.name} could not be taken off network ${network.name}`)
    }
  }

  /** A host of the cluster is none: its frames have come before the word that it has an endpoint there, or before any word. */
  #strangerSeen(network: NetworkRecord, address: string): void {
    const { isSynced, view } = this.session
    if (!isSynced || [...view.hosts.values()].some(({ advertise }) => advertise === address)) return
    this.#telling.stranger(network, address)
  }

  #later(task: () => Promise<void>): void {
    this.#retries.later(task)
  }
}
