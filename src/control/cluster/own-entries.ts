/**
 * What this host has in the registry of its own: its endpoints, under its lease, and the claims of their addresses, which stay. What is to be
 * there is compared with what is, and each endpoint of which that differs is put, or taken back, for as long as it takes.
 *
 *     set / delete ─┐
 *     view changed ─┼─► dirty ─► assert: claims and endpoint, by one transaction   ─► lost: somebody else has the address
 *     new lease    ─┘         └► withdraw: both are given back
 */

import { CLUSTER_PARALLEL, CLUSTER_RETRY_MS, CLUSTER_RETRY_MS_MAX } from '../../limits.ts'
import { KeyedLock } from '../controller/keyed-lock.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import type { Surroundings } from '../model/machine.ts'
import type { Registry, RegistryCondition, RegistryOperation } from '../registry/registry.ts'
import { addressKey, endpointKey, networkKey } from './cluster-keys.ts'
import type { ClusterEndpoint } from './cluster-records.ts'
import { parseClusterValue } from './cluster-schema.ts'
import { addressesOf, claimText, clusterText } from './cluster-texts.ts'
import type { ClusterView, ViewChange } from './cluster-view.ts'
import { exactEntry, unchanged } from './exact-entry.ts'

/** What the entries are under, while there is such a thing: the lease of a host that is a member. */
export interface OwnGround {
  readonly lease: string
  /** That the host's own entry is there, and is ours. */
  readonly condition: RegistryCondition
}

export interface OwnEntriesParts {
  readonly registry: Registry
  readonly view: ClusterView
  readonly clock: Pick<Surroundings, 'after'>
  readonly host: { readonly id: string; readonly name: string }
  /** Undefined while this host is no member. */
  ground(): OwnGround | undefined
  /** A transaction was refused because its lease is no more. */
  leaseLost(lease: string): void
  /** The endpoint's address is another's. It is no own one any more. */
  lost(endpoint: ClusterEndpoint, address: string): void
}

/** What became of an endpoint that was to be put. */
export type Assertion =
  | { readonly outcome: 'done'; readonly revision: number }
  /** Another host, or a service, has the address. */
  | { readonly outcome: 'taken'; readonly address: string }
  | { readonly outcome: 'network-gone' }

interface Own {
  readonly endpoint: ClusterEndpoint
  readonly text: string
  /** It is being added: whether it gets its addresses is for who adds it to say, who may choose others. */
  isNew: boolean
}

interface Leaving {
  readonly network: string
  readonly addresses: readonly string[]
}

/** Transactions for one endpoint, while others change what it depends on. */
const TRIES_MAX = 8

export class OwnEntries {
  readonly #parts: OwnEntriesParts
  readonly #lock = new KeyedLock()
  /** All by endpoint. */
  readonly #own = new Map<string, Own>()
  readonly #leaving = new Map<string, Leaving>()
  readonly #dirty = new Set<string>()
  readonly #idle = new Set<() => void>()
  #working = 0
  #retryMs = CLUSTER_RETRY_MS
  #cancelRetry: (() => void) | undefined
  #open = false
  #closed = false

  constructor(parts: OwnEntriesParts) {
    this.#parts = parts
    parts.view.onChange((changes) => this.#viewChanged(changes))
  }

  /** All own endpoints are known from here on: what is in the registry beyond them is given back. */
  open(): void {
    this.#open = true
    this.refresh()
  }

  has(endpoint: string): boolean {
    return this.#own.has(endpoint)
  }

  /** Endpoints that are yet to be put or taken back. */
  get waiting(): number {
    return this.#dirty.size + this.#working
  }

  /** A new endpoint, with addresses that nobody has claimed. It is put when this resolves. Throws REGISTRY_UNAVAILABLE. */
  add(endpoint: ClusterEndpoint): Promise<Assertion> {
    const own = { endpoint, text: clusterText(endpoint), isNew: true }
    this.#own.set(endpoint.id, own)
    this.#leaving.delete(endpoint.id)
    return this.#lock.run(endpoint.id, async () => {
      const assertion = await this.#assert(own)
      own.isNew = assertion.outcome !== 'done'
      return assertion
    })
  }

  /** An endpoint as it is from here on; told when that is possible. */
  set(endpoint: ClusterEndpoint): void {
    const text = clusterText(endpoint)
    if (this.#own.get(endpoint.id)?.text === text) return
    this.#own.set(endpoint.id, { endpoint, text, isNew: false })
    this.#leaving.delete(endpoint.id)
    this.#mark(endpoint.id)
  }

  /** It is no more; told when that is possible. */
  delete(id: string): void {
    const own = this.#own.get(id)
    if (own === undefined) return
    this.#own.delete(id)
    this.#leaving.set(id, { network: own.endpoint.network, addresses: addressesOf(own.endpoint) })
    this.#mark(id)
  }

  /** All that is own is put again: the lease is another one, or the registry has lost something. */
  refresh(): void {
    for (const id of this.#own.keys()) this.#dirty.add(id)
    this.#collect()
    this.retry()
  }

  /** What could not be told is tried at once. */
  retry(): void {
    this.#cancelRetry?.()
    this.#cancelRetry = undefined
    this.#retryMs = CLUSTER_RETRY_MS
    this.#work()
  }

  /** Resolves when all has been told, when that has failed, or after `ms`. */
  settled(ms: number): Promise<void> {
    if (this.#isIdle()) return Promise.resolve()
    return new Promise((resolve) => {
      const done = (): void => {
        cancel()
        this.#idle.delete(done)
        resolve()
      }
      const cancel = this.#parts.clock.after(ms, done)
      this.#idle.add(done)
    })
  }

  close(): void {
    this.#closed = true
    this.#cancelRetry?.()
    for (const done of this.#idle) done()
  }

  #isIdle(): boolean {
    return this.#closed || (this.#working === 0 && (this.#dirty.size === 0 || !this.#mayWork()))
  }

  #mayWork(): boolean {
    return !this.#closed && this.#cancelRetry === undefined && this.#parts.ground() !== undefined
  }

  #mark(id: string): void {
    this.#dirty.add(id)
    this.#work()
  }

  #work(): void {
    while (this.#working < CLUSTER_PARALLEL && this.#dirty.size > 0 && this.#mayWork()) {
      const [id] = this.#dirty
      this.#dirty.delete(id!)
      this.#working += 1
      void this.#settle(id!)
    }
    if (this.#isIdle()) for (const done of this.#idle) done()
  }

  async #settle(id: string): Promise<void> {
    try {
      await this.#lock.run(id, () => this.#settleLocked(id))
      this.#retryMs = CLUSTER_RETRY_MS
    } catch {
      // The registry's health says why; until then it waits.
      this.#dirty.add(id)
      this.#later()
    } finally {
      this.#working -= 1
      this.#work()
    }
  }

  async #settleLocked(id: string): Promise<void> {
    const own = this.#own.get(id)
    if (own === undefined) return this.#withdraw(id)
    if (own.isNew) return
    const assertion = await this.#assert(own)
    // It may have been given up, or another one be in its place by now.
    if (assertion.outcome !== 'taken' || this.#own.get(id) !== own) return
    this.delete(id)
    this.#parts.lost(own.endpoint, assertion.address)
  }

  #later(): void {
    if (this.#closed || this.#cancelRetry !== undefined) return
    this.#cancelRetry = this.#parts.clock.after(this.#retryMs, () => {
      this.#cancelRetry = undefined
      this.#work()
    })
    this.#retryMs = Math.min(2 * this.#retryMs, CLUSTER_RETRY_MS_MAX)
  }

  /** By what the view knows; where that is not so any more, by what the registry says. */
  async #assert({ endpoint, text }: Own): Promise<Assertion> {
    const { registry, host } = this.#parts
    const addresses = addressesOf(endpoint)
    let seen = addresses.map((address) => this.#seen(endpoint.network, address))
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const { lease, condition } = this.#ground()
      const takenAt = seen.findIndex((claim) => !this.#mayHave(claim, endpoint.id))
      // What the view says may be over.
      if (takenAt >= 0 && tries > 0) return { outcome: 'taken', address: addresses[takenAt]! }
      if (takenAt < 0) {
        const claims = addresses.map((address) => addressKey(endpoint.network, address))
        const value = claimText({ host: host.id, owner: endpoint.id })
        const commit = await this.#commit(lease, {
          when: [
            condition,
            { key: networkKey(endpoint.network), is: 'present' },
            ...claims.map((key, index) => unchanged(key, seen[index])),
          ],
          do: [
            ...claims.flatMap((key, index) => (seen[index] === value ? [] : [{ put: key, value }])),
            { put: endpointKey(endpoint.network, endpoint.id), value: text, lease },
          ],
        })
        if (commit.succeeded) return { outcome: 'done', revision: commit.revision }
        if ((await exactEntry(registry, networkKey(endpoint.network))) === undefined) {
          return { outcome: 'network-gone' }
        }
      }
      seen = await Promise.all(
        addresses.map(
          async (address) => (await exactEntry(registry, addressKey(endpoint.network, address)))?.value,
        ),
      )
    }
    throw unavailable('the cluster changes faster than its registry answers')
  }

  /** Both are given back by one transaction, so that nobody finds one without the other. */
  async #withdraw(id: string): Promise<void> {
    const leaving = this.#leaving.get(id)
    if (leaving === undefined) return
    const { registry, host } = this.#parts
    const { network, addresses } = leaving
    const value = claimText({ host: host.id, owner: id })
    let own = addresses
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const claims = own.map((address) => addressKey(network, address))
      const commit = await registry.commit({
        when: claims.map((key) => ({ key, value })),
        do: [{ delete: endpointKey(network, id) }, ...claims.map((key) => ({ delete: key }))],
      })
      if (commit.succeeded) {
        if (this.#leaving.get(id) === leaving) this.#leaving.delete(id)
        return
      }
      const entries = await Promise.all(claims.map((key) => exactEntry(registry, key)))
      own = own.filter((_address, index) => entries[index]?.value === value)
    }
    throw unavailable('the cluster changes faster than its registry answers')
  }

  async #commit(
    lease: string,
    transaction: { readonly when: readonly RegistryCondition[]; readonly do: readonly RegistryOperation[] },
  ): Promise<{ readonly succeeded: boolean; readonly revision: number }> {
    try {
      return await this.#parts.registry.commit(transaction)
    } catch (error) {
      if (error instanceof TapwireError && error.code === ErrorCode.registryLeaseUnknown) {
        this.#parts.leaseLost(lease)
        throw unavailable('this host has lost its place in the cluster, and is about to take it again')
      }
      throw error
    }
  }

  #ground(): OwnGround {
    const ground = this.#parts.ground()
    if (ground === undefined) throw unavailable('this host is no member of its cluster now')
    return ground
  }

  #seen(network: string, address: string): string | undefined {
    const { view } = this.#parts
    if (view.isHeld(addressKey(network, address))) return undefined
    const claim = view.claims(network).get(address)
    return claim && claimText(claim)
  }

  /** Nobody's; its own; or one that an endpoint of ours has had and is yet to give back. */
  #mayHave(claim: string | undefined, endpoint: string): boolean {
    if (claim === undefined) return true
    const parsed = parseClusterValue('claim', claim)
    if ('problem' in parsed) return false
    const { host, owner } = parsed.value
    if (host !== this.#parts.host.id) return false
    return owner === endpoint || !(this.#own.has(owner) || this.#parts.view.services.has(owner))
  }

  #viewChanged(changes: readonly ViewChange[]): void {
    for (const change of changes) {
      if (change.kind === 'endpoint') this.#endpointChanged(change)
      else if (change.kind === 'claim') this.#claimChanged(change)
      else if (change.kind === 'network' && change.before === undefined) this.#networkCame(change.id)
    }
    if (this.#dirty.size > 0) this.#work()
  }

  #endpointChanged({ id, network, after }: Extract<ViewChange, { kind: 'endpoint' }>): void {
    const own = this.#own.get(id)
    if (own !== undefined) {
      if (after === undefined || after.host !== this.#parts.host.name) this.#dirty.add(id)
    } else if (this.#open && after?.host === this.#parts.host.name) {
      this.#leave(id, network, addressesOf(after))
    }
  }

  #claimChanged({ network, address, before, after }: Extract<ViewChange, { kind: 'claim' }>): void {
    const { host } = this.#parts
    if (before?.host === host.id && this.#own.has(before.owner) && after?.owner !== before.owner) {
      this.#dirty.add(before.owner)
    }
    if (after?.host === host.id) this.#collectClaim(network, address, after.owner)
  }

  #networkCame(network: string): void {
    for (const [id, { endpoint }] of this.#own) if (endpoint.network === network) this.#dirty.add(id)
  }

  /** What an earlier life of this host, or a call whose answer was lost, has left. */
  #collect(): void {
    const { view, host } = this.#parts
    for (const network of view.claimedNetworks()) {
      for (const [address, claim] of view.claims(network)) {
        if (claim.host === host.id) this.#collectClaim(network, address, claim.owner)
      }
    }
    if (!this.#open) return
    for (const network of view.networks.keys()) {
      for (const [id, endpoint] of view.endpoints(network)) {
        if (endpoint.host === host.name && !this.#own.has(id)) this.#leave(id, network, addressesOf(endpoint))
      }
    }
  }

  #collectClaim(network: string, address: string, owner: string): void {
    if (!this.#open || this.#own.has(owner) || this.#parts.view.services.has(owner)) return
    this.#leave(owner, network, [address])
  }

  #leave(id: string, network: string, addresses: readonly string[]): void {
    const known = this.#leaving.get(id)?.addresses ?? []
    this.#leaving.set(id, { network, addresses: [...new Set([...known, ...addresses])] })
    this.#dirty.add(id)
  }
}

const unavailable = (message: string): TapwireError =>
  new TapwireError(ErrorCode.registryUnavailable, message)
