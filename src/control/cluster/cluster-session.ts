/**
 * A host's membership in its cluster.
 *
 *     registry ─► follower ─► view ─────────────► who asks
 *        ▲                     │ what of ours is missing
 *        └── lease ─► own entry of the host ─► own entries of its endpoints
 *
 * The host's entry says who it is and where its tunnel ends; no other host may have its name or its address. Without it the host is no member:
 * it sees the cluster, and has nothing in it.
 */

import { CLUSTER_ECHO_MS, CLUSTER_RETRY_MS_MAX } from '../../limits.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import type { Surroundings } from '../model/machine.ts'
import type { Registry, RegistryEntry, RegistryHealth } from '../registry/registry.ts'
import { printable } from '../rules/names.ts'
import { ClusterFollower } from './cluster-follower.ts'
import { advertisedKey, hostIdKey, hostKey, knownHostKey } from './cluster-keys.ts'
import { ClusterLease } from './cluster-lease.ts'
import { CLUSTER_VERSION, type ClusterEndpoint, type ClusterHost } from './cluster-records.ts'
import { parseClusterValue } from './cluster-schema.ts'
import { clusterText } from './cluster-texts.ts'
import { ClusterView, type ViewChange } from './cluster-view.ts'
import { exactEntry, unchanged } from './exact-entry.ts'
import { OwnEntries, type OwnGround } from './own-entries.ts'

export interface ClusterSettings {
  /** Of the cluster. */
  readonly name: string
  /** The id is the daemon's root's, for ever. */
  readonly host: { readonly id: string; readonly name: string }
  /** Normal form. */
  readonly advertise: string
  readonly udpPort: number
  /** RFC 3339. */
  readonly started: string
}

export interface SessionParts {
  /** Below the cluster's prefix. */
  readonly registry: Registry
  readonly settings: ClusterSettings
  readonly clock: Pick<Surroundings, 'after'>
  readonly news: (news: ClusterNews) => void
}

export type ClusterNews =
  | { readonly kind: 'joined' }
  /** It is no member, and tries again. */
  | { readonly kind: 'refused'; readonly problem: string }
  | { readonly kind: 'registry'; readonly health: RegistryHealth }
  /** The registry has lost some of what it knew. */
  | { readonly kind: 'regressed' }
  /** The view is complete. */
  | { readonly kind: 'synced' }
  /** What the registry holds cannot be followed: there is too much of it, say. */
  | { readonly kind: 'unlisted'; readonly problem: string }
  | { readonly kind: 'unreadable'; readonly key: string; readonly problem: string }
  /** An address of ours is another's. */
  | { readonly kind: 'lost'; readonly endpoint: ClusterEndpoint; readonly address: string }

export type Membership =
  | { readonly state: 'joining' | 'member' }
  | { readonly state: 'refused'; readonly problem: string }

const TRIES_MAX = 4

export class ClusterSession {
  readonly settings: ClusterSettings
  readonly registry: Registry
  readonly view: ClusterView
  readonly own: OwnEntries
  readonly #parts: SessionParts
  readonly #follower: ClusterFollower
  readonly #lease: ClusterLease
  readonly #self: ClusterHost
  #membership: Membership = { state: 'joining' }
  /** The lease that the host's own entry was put under last. */
  #placed: string | undefined
  #placing: Promise<void> | undefined
  /** Why what the registry holds cannot be followed, as it was told. */
  #followProblem = ''
  #again = false
  #cancelRetry: () => void = () => undefined
  readonly #ends: (() => void)[] = []
  #closed = false

  constructor(parts: SessionParts) {
    const { registry, settings, clock, news } = parts
    this.#parts = parts
    this.settings = settings
    this.registry = registry
    this.#self = {
      version: CLUSTER_VERSION,
      ...settings.host,
      advertise: settings.advertise,
      udpPort: settings.udpPort,
      started: settings.started,
    }
    this.view = new ClusterView((key, problem) => news({ kind: 'unreadable', key, problem }))
    this.#lease = new ClusterLease(registry, clock, () => this.#place())
    this.own = new OwnEntries({
      registry,
      view: this.view,
      clock,
      host: settings.host,
      ground: () => this.#ground(),
      leaseLost: (lease) => this.#lease.lost(lease),
      lost: (endpoint, address) => news({ kind: 'lost', endpoint, address }),
    })
    this.#follower = new ClusterFollower(registry, this.view, clock, {
      synced: (regressed) => this.#synced(regressed),
      failed: (error) => this.#followFailed(error),
    })
  }

  /** `revision`: the last one that an earlier daemon of this host has seen, 0 where there was none. */
  start(revision: number): void {
    this.#ends.push(
      this.view.onChange((changes) => this.#viewChanged(changes)),
      this.registry.onHealth((health) => this.#healthChanged(health)),
    )
    this.#follower.start(revision)
    this.#lease.start()
  }

  get membership(): Membership {
    return this.#membership
  }

  /** Whether the view has been complete at any time. */
  get isSynced(): boolean {
    return this.#follower.isSynced
  }

  /** Throws REGISTRY_UNAVAILABLE where nothing can be changed in the cluster now. */
  requireMember(): void {
    if (this.#membership.state === 'member' && this.isSynced) return
    throw new TapwireError(ErrorCode.registryUnavailable, this.#problem(), { hint: RETRY_HINT })
  }

  /** Resolves when the view has what `revision` did; or goes on without where that takes long. */
  echo(revision: number): Promise<void> {
    return this.#follower.reached(revision, CLUSTER_ECHO_MS)
  }

  /** `leave`: what is ours is taken away at once; else it stays for the next daemon, as long as the lease does. */
  async close({ leave }: { readonly leave: boolean }): Promise<void> {
    this.#closed = true
    this.#cancelRetry()
    for (const end of this.#ends.splice(0)) end()
    if (leave) await this.own.settled(CLUSTER_ECHO_MS)
    this.own.close()
    this.#follower.close()
    await this.#lease.close({ revoke: leave })
    this.registry.close()
  }

  #problem(): string {
    const { health } = this.registry
    if (this.#membership.state === 'refused') return this.#membership.problem
    if (!health.reachable && health.problem !== '') {
      return `the registry of cluster ${this.settings.name} does not answer: ${health.problem}`
    }
    return `this host is about to join cluster ${this.settings.name}`
  }

  #ground(): OwnGround | undefined {
    const lease = this.#lease.id
    if (this.#closed || lease === undefined || this.#placed !== lease) return undefined
    if (this.#membership.state !== 'member' || !this.isSynced) return undefined
    const { name } = this.settings.host
    return { lease, condition: { key: hostKey(name), value: clusterText(this.#self) } }
  }

  #followFailed(error: unknown): void {
    const problem = error instanceof Error ? error.message : String(error)
    if (problem !== this.#followProblem) this.#parts.news({ kind: 'unlisted', problem })
    this.#followProblem = problem
  }

  #synced(regressed: boolean): void {
    this.#followProblem = ''
    if (regressed) this.#parts.news({ kind: 'regressed' })
    this.#parts.news({ kind: 'synced' })
    const isThere = this.view.hosts.get(this.#self.name)?.id === this.#self.id
    if (regressed || !isThere || this.#placed !== this.#lease.id) this.#place()
    this.own.refresh()
  }

  #viewChanged(changes: readonly ViewChange[]): void {
    for (const change of changes) {
      if (change.kind !== 'host') continue
      const { name, before, after } = change
      if (name === this.#self.name && after?.id === this.#self.id) this.#ownEntryChanged(before, after)
      else if (name === this.#self.name || before?.advertise === this.#self.advertise) this.#place()
    }
  }

  /** In the place of our entry there may be that of another daemon with this host's id. Were this one dead, it would not hear of it. */
  #ownEntryChanged(before: ClusterHost | undefined, after: ClusterHost): void {
    if (before?.started !== this.#self.started || after.started === this.#self.started) return
    this.#membership = {
      state: 'refused',
      problem: 'another daemon has the id of this host: its root is a copy',
    }
    this.#placed = undefined
    this.#parts.news({ kind: 'refused', problem: this.#problem() })
  }

  #healthChanged(health: RegistryHealth): void {
    this.#parts.news({ kind: 'registry', health })
    if (health.reachable) this.own.retry()
  }

  /** Puts the host's own entry, under the lease that there is now. One at a time. */
  #place(): void {
    if (this.#closed) return
    if (this.#placing !== undefined) {
      this.#again = true
      return
    }
    this.#cancelRetry()
    this.#again = false
    this.#placing = this.#placeNow().finally(() => {
      this.#placing = undefined
      if (this.#again) this.#place()
    })
  }

  async #placeNow(): Promise<void> {
    const lease = this.#lease.id
    // Who is there already is known first.
    if (lease === undefined || !this.isSynced) return
    try {
      const problem = await this.#put(lease)
      if (this.#closed || lease !== this.#lease.id) return
      if (problem === undefined) this.#becomeMember(lease)
      else this.#refuse(problem)
    } catch (error) {
      if (error instanceof TapwireError && error.code === ErrorCode.registryLeaseUnknown) {
        this.#lease.lost(lease)
      } else this.#later()
    }
  }

  #becomeMember(lease: string): void {
    const joins = this.#membership.state !== 'member'
    this.#membership = { state: 'member' }
    this.#placed = lease
    if (joins) this.#parts.news({ kind: 'joined' })
    this.own.refresh()
  }

  #refuse(problem: string): void {
    const known = this.#membership.state === 'refused' && this.#membership.problem === problem
    this.#membership = { state: 'refused', problem }
    this.#placed = undefined
    if (!known) this.#parts.news({ kind: 'refused', problem })
    this.#later()
  }

  #later(): void {
    if (!this.#closed) this.#cancelRetry = this.#parts.clock.after(CLUSTER_RETRY_MS_MAX, () => this.#place())
  }

  /** Undefined where it is there now; else why it must not be. Throws REGISTRY_UNAVAILABLE. */
  async #put(lease: string): Promise<string | undefined> {
    const { id, name, advertise } = this.#self
    let host: RegistryEntry | undefined
    let advertised: string | undefined
    let named: string | undefined
    const twin = this.#conflict(undefined, undefined, undefined)
    if (twin !== undefined) return twin
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const { succeeded } = await this.registry.commit({
        when: [
          unchanged(hostKey(name), host?.value),
          unchanged(advertisedKey(advertise), advertised),
          unchanged(hostIdKey(id), named),
        ],
        do: [
          { put: hostKey(name), value: clusterText(this.#self), lease },
          { put: advertisedKey(advertise), value: id, lease },
          { put: hostIdKey(id), value: name, lease },
          { put: knownHostKey(id), value: clusterText({ version: CLUSTER_VERSION, id, name }) },
        ],
      })
      if (succeeded) return undefined
      host = await exactEntry(this.registry, hostKey(name))
      advertised = (await exactEntry(this.registry, advertisedKey(advertise)))?.value
      named = (await exactEntry(this.registry, hostIdKey(id)))?.value
      const problem = this.#conflict(host, advertised, named)
      if (problem !== undefined) return problem
    }
    throw new TapwireError(ErrorCode.registryUnavailable, 'the entry of this host changes all the time')
  }

  /** By what the registry has of the host, its address and its id; and by what the view says. */
  #conflict(
    host: RegistryEntry | undefined,
    advertised: string | undefined,
    named: string | undefined,
  ): string | undefined {
    const { id, name, advertise, udpPort } = this.#self
    const cluster = this.settings.name
    if (host !== undefined) {
      const parsed = parseClusterValue('host', host.value)
      if ('problem' in parsed) {
        // A host lives by its lease. What has none was put by hand; left alone, it would keep this host out for ever.
        if (host.lease !== '' && host.lease !== this.#lease.id) {
          return `in cluster ${cluster}, what is known of a host ${name} cannot be read: ${parsed.problem}`
        }
      } else if (parsed.value.id !== id) {
        return `another host of cluster ${cluster} is called ${name}, and advertises ${parsed.value.advertise}`
      }
    }
    const twin = [...this.view.hosts.values()].find((known) => known.id === id && known.name !== name)?.name
    // The view is yet to hear of one that joins in this moment.
    const other = twin ?? (named === name ? undefined : named)
    if (other !== undefined) {
      return `host ${printable(other)} of cluster ${cluster} has the id of this host: its root is a copy`
    }
    const elsewhere = [...this.view.hosts.values()].find(
      (known) => known.id !== id && known.udpPort !== udpPort,
    )
    if (elsewhere !== undefined) {
      return `the tunnels of cluster ${cluster} are at UDP port ${elsewhere.udpPort}, this host's at ${udpPort}`
    }
    if (advertised === undefined || advertised === id) return undefined
    const owner = [...this.view.hosts.values()].find((known) => known.id === advertised)
    return `another host of cluster ${cluster}${owner === undefined ? '' : `, ${owner.name},`} advertises the address ${advertise}`
  }
}

const RETRY_HINT =
  "Sandboxes that are on the cluster's networks stay on them. It is tried again all the time; 'tapwire doctor' shows how it stands."
