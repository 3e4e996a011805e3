/**
 * What a host knows of its cluster: all that the registry holds and that can be read, as of one revision. It stays as it is while the
 * registry is away.
 *
 *     listing ─► reset ─┐
 *                       ├─► values by kind ─► listeners, with what has changed
 *     watch ──► apply ──┘
 */

import { isDeepStrictEqual } from 'node:util'
import { formatIpAddress, parseIpAddress } from '../ip-address.ts'
import type { RegistryChange, RegistryEntry, RegistryListing } from '../registry/registry.ts'
import {
  addressKey,
  type ClusterKey,
  endpointKey,
  hostKey,
  knownHostKey,
  NETWORKS_CHANGED,
  networkKey,
  parseClusterKey,
  serviceKey,
} from './cluster-keys.ts'
import type {
  AddressClaim,
  ClusterEndpoint,
  ClusterHost,
  ClusterNetwork,
  ClusterService,
  KnownHost,
} from './cluster-records.ts'
import { type ClusterValues, parseClusterValue } from './cluster-schema.ts'
import { CompactValues } from './compact-values.ts'

/** Undefined `before`: it is new; undefined `after`: it is no more. */
export type ViewChange =
  | ChangeOf<'host', ClusterHost, { readonly name: string }>
  | ChangeOf<'known-host', KnownHost, { readonly id: string }>
  | ChangeOf<'network', ClusterNetwork, { readonly id: string }>
  | ChangeOf<'service', ClusterService, { readonly id: string }>
  | ChangeOf<'endpoint', ClusterEndpoint, { readonly network: string; readonly id: string }>
  | ChangeOf<'claim', AddressClaim, { readonly network: string; readonly address: string }>

type ChangeOf<K, V, Key> = Key & {
  readonly kind: K
  readonly before: V | undefined
  readonly after: V | undefined
}

export type ViewListener = (changes: readonly ViewChange[]) => void

/** The read side: what the rest of the control plane sees. */
export interface ClusterFacts {
  /** By name. */
  readonly hosts: ReadonlyMap<string, ClusterHost>
  /** By id; those that are away, too. */
  readonly knownHosts: ReadonlyMap<string, KnownHost>
  /** By id. */
  readonly networks: ReadonlyMap<string, ClusterNetwork>
  readonly services: ReadonlyMap<string, ClusterService>
  /** Of one network, by id; own ones too. */
  endpoints(network: string): ReadonlyMap<string, ClusterEndpoint>
  /** Of one network, by address. */
  claims(network: string): ReadonlyMap<string, AddressClaim>
  /** Calls back behind each change, when all of it is there; the function returned ends that. */
  onChange(listener: ViewListener): () => void
}

/** Keys that are told of, should somebody fill the registry with garbage. */
const PROBLEMS_TOLD_MAX = 1000

export class ClusterView implements ClusterFacts {
  readonly #hosts = new Map<string, ClusterHost>()
  readonly #knownHosts = new Map<string, KnownHost>()
  readonly #networks = new Map<string, ClusterNetwork>()
  readonly #services = new Map<string, ClusterService>()
  /** By network. */
  readonly #endpoints = new Map<string, Map<string, ClusterEndpoint>>()
  readonly #claims = new Map<string, Map<string, AddressClaim>>()
  /** Of networks and services, by key: of their last change. */
  readonly #revisions = new Map<string, number>()
  /** Keys that the registry has lost with its memory, and that their owners are yet to put back. */
  readonly #held = new Map<string, ClusterKey>()
  /** Keys of networks with a value that cannot be read: that of another version, say. */
  readonly #unreadable = new Set<string>()
  readonly #listeners = new Set<ViewListener>()
  readonly #told = new Set<string>()
  readonly #tell: (key: string, problem: string) => void
  readonly #compact = new CompactValues()
  #revision = 0

  /** `tell`: a value cannot be read, and is left alone; called once for a key. */
  constructor(tell: (key: string, problem: string) => void) {
    this.#tell = tell
  }

  get hosts(): ReadonlyMap<string, ClusterHost> {
    return this.#hosts
  }

  get knownHosts(): ReadonlyMap<string, KnownHost> {
    return this.#knownHosts
  }

  get networks(): ReadonlyMap<string, ClusterNetwork> {
    return this.#networks
  }

  get services(): ReadonlyMap<string, ClusterService> {
    return this.#services
  }

  endpoints(network: string): ReadonlyMap<string, ClusterEndpoint> {
    return this.#endpoints.get(network) ?? NONE
  }

  claims(network: string): ReadonlyMap<string, AddressClaim> {
    return this.#claims.get(network) ?? NONE
  }

  /** Ids of the networks that have claims. */
  claimedNetworks(): Iterable<string> {
    return this.#claims.keys()
  }

  /** Of all that is here. */
  get revision(): number {
    return this.#revision
  }

  /** Of the last change of a network, a service, or the counter of networks; undefined where there is none. */
  revisionOf(key: string): number | undefined {
    return this.#revisions.get(key)
  }

  /** Whether a value is only here because the registry has lost it. */
  isHeld(key: string): boolean {
    return this.#held.has(key)
  }

  /** Whether there is a network of which this host cannot read what it is. */
  isUnreadable(network: string): boolean {
    return this.#unreadable.has(networkKey(network))
  }

  get held(): Iterable<ClusterKey> {
    return this.#held.values()
  }

  onChange(listener: ViewListener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** All that there is, in place of what was. `hold`: what is not in it stays until `dropHeld`, or until it is put or deleted. */
  reset({ entries, revision }: RegistryListing, { hold = false } = {}): void {
    const present = new Set(entries.map(({ key }) => key))
    for (const key of this.#unreadable) if (!present.has(key)) this.#unreadable.delete(key)
    for (const key of this.#told) if (!present.has(key)) this.#told.delete(key)
    const changes: ViewChange[] = []
    for (const [text, key] of this.#all()) {
      if (present.has(text)) continue
      if (hold) this.#held.set(text, key)
      else this.#remove(text, key, changes)
    }
    if (!present.has(NETWORKS_CHANGED)) this.#revisions.delete(NETWORKS_CHANGED)
    for (const entry of entries) this.#put(entry, changes)
    this.#publish(changes, revision)
  }

  apply(registryChanges: readonly RegistryChange[], revision: number): void {
    const changes: ViewChange[] = []
    for (const change of registryChanges) {
      if (change.kind === 'put') this.#put(change.entry, changes)
      else this.#delete(change.key, changes)
    }
    this.#publish(changes, revision)
  }

  /** What nobody has put back is gone. */
  dropHeld(): void {
    const changes: ViewChange[] = []
    for (const [text, key] of this.#held) this.#remove(text, key, changes)
    this.#publish(changes, this.#revision)
  }

  #publish(changes: readonly ViewChange[], revision: number): void {
    this.#revision = revision
    if (changes.length === 0) return
    for (const listener of this.#listeners) listener(changes)
  }

  #put({ key: text, value, revision }: RegistryEntry, changes: ViewChange[]): void {
    if (text === NETWORKS_CHANGED) this.#revisions.set(text, revision)
    const key = parseClusterKey(text)
    if (key === undefined) return
    const parsed = this.#parse(key, value)
    if ('problem' in parsed) {
      this.#tellOnce(text, parsed.problem)
      this.#remove(text, key, changes)
      if (key.kind === 'network') this.#unreadable.add(text)
      return
    }
    this.#told.delete(text)
    this.#unreadable.delete(text)
    this.#held.delete(text)
    if (key.kind === 'network' || key.kind === 'service') this.#revisions.set(text, revision)
    const change = this.#store(key, parsed.value)
    if (change !== undefined) changes.push(change)
  }

  #delete(text: string, changes: ViewChange[]): void {
    this.#told.delete(text)
    if (text === NETWORKS_CHANGED) this.#revisions.delete(text)
    const key = parseClusterKey(text)
    if (key !== undefined) this.#remove(text, key, changes)
  }

  #remove(text: string, key: ClusterKey, changes: ViewChange[]): void {
    this.#held.delete(text)
    // Those who follow networks have to hear of it also where there was none that could be read.
    if (this.#unreadable.delete(text) && key.kind === 'network' && !this.#networks.has(key.id)) {
      changes.push({ ...key, before: undefined, after: undefined })
    }
    this.#revisions.delete(text)
    const change = this.#store(key, undefined)
    if (change !== undefined) changes.push(change)
  }

  /** The value, which says the same as its key. */
  #parse(key: ClusterKey, text: string): { readonly value: object } | { readonly problem: string } {
    const parsed = parseClusterValue<keyof ClusterValues>(key.kind, text)
    if ('problem' in parsed) return parsed
    const said = parsed.value as Partial<ClusterEndpoint & ClusterHost>
    const same =
      key.kind === 'claim'
        ? normalAddress(key.address) !== undefined
        : key.kind === 'host'
          ? said.name === key.name
          : said.id === key.id && (key.kind !== 'endpoint' || said.network === key.network)
    return same ? parsed : { problem: 'it is of something else than its key' }
  }

  /** Puts a value in its place, or takes it away; undefined where nothing has changed by that. */
  #store(key: ClusterKey, value: object | undefined): ViewChange | undefined {
    switch (key.kind) {
      case 'host':
        return stored(this.#hosts, key.name, value as ClusterHost | undefined, { ...key })
      case 'known-host':
        return stored(this.#knownHosts, key.id, value as KnownHost | undefined, { ...key })
      case 'network':
        return stored(this.#networks, key.id, value as ClusterNetwork | undefined, { ...key })
      case 'service':
        return stored(this.#services, key.id, value as ClusterService | undefined, { ...key })
      case 'endpoint':
        return this.#storeEndpoint(key, value as ClusterEndpoint | undefined)
      case 'claim':
        return this.#storeClaim(key, value as AddressClaim | undefined)
    }
  }

  #storeEndpoint(
    key: Extract<ClusterKey, { kind: 'endpoint' }>,
    value: ClusterEndpoint | undefined,
  ): ViewChange | undefined {
    const all = mapOf(this.#endpoints, this.#compact.share(key.network))
    const owner = value && this.claims(key.network).get(value.ipv4 ?? value.ipv6 ?? '')?.owner
    const compact = value && this.#compact.endpoint(value, owner)
    const change = stored(all, compact?.id ?? key.id, compact, { ...key })
    if (all.size === 0) this.#endpoints.delete(key.network)
    return change
  }

  #storeClaim(
    key: Extract<ClusterKey, { kind: 'claim' }>,
    value: AddressClaim | undefined,
  ): ViewChange | undefined {
    const all = mapOf(this.#claims, this.#compact.share(key.network))
    const endpoint = value && this.endpoints(key.network).get(value.owner)
    const compact = value && this.#compact.claim(value, endpoint?.id)
    const address = normalAddress(key.address)
    if (address === undefined) return undefined
    const change = stored(all, address, compact, { ...key, address })
    if (all.size === 0) this.#claims.delete(key.network)
    return change
  }

  /** Every key that has a value. */
  *#all(): Iterable<readonly [string, ClusterKey]> {
    for (const name of this.#hosts.keys()) yield [hostKey(name), { kind: 'host', name }]
    for (const id of this.#knownHosts.keys()) yield [knownHostKey(id), { kind: 'known-host', id }]
    for (const id of this.#networks.keys()) yield [networkKey(id), { kind: 'network', id }]
    for (const id of this.#services.keys()) yield [serviceKey(id), { kind: 'service', id }]
    for (const [network, all] of this.#endpoints) {
      for (const id of all.keys()) yield [endpointKey(network, id), { kind: 'endpoint', network, id }]
    }
    for (const [network, all] of this.#claims) {
      for (const address of all.keys())
        yield [addressKey(network, address), { kind: 'claim', network, address }]
    }
  }

  #tellOnce(key: string, problem: string): void {
    if (this.#told.has(key) || this.#told.size >= PROBLEMS_TOLD_MAX) return
    this.#told.add(key)
    this.#tell(key, problem)
  }
}

const NONE = new Map<string, never>()

function mapOf<T>(maps: Map<string, Map<string, T>>, key: string): Map<string, T> {
  const known = maps.get(key)
  if (known !== undefined) return known
  const made = new Map<string, T>()
  maps.set(key, made)
  return made
}

function stored<T>(
  map: Map<string, T>,
  id: string,
  after: T | undefined,
  key: ClusterKey,
): ViewChange | undefined {
  const before = map.get(id)
  if (after === undefined) {
    map.delete(id)
    if (before === undefined) return undefined
  } else {
    if (before !== undefined && isDeepStrictEqual(before, after)) return undefined
    map.set(id, after)
  }
  return { ...key, before, after } as unknown as ViewChange
}

/** Its own copy: a piece of a key would keep all of the key. */
function normalAddress(text: string): string | undefined {
  const parsed = parseIpAddress(text)
  if (parsed === undefined) return undefined
  const normal = formatIpAddress(parsed)
  return normal === text ? normal : undefined
}
