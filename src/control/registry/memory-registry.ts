/** The registry in memory: for simulations and tests. It behaves as etcd does, with every fault that etcd has at a touch. */

import { ErrorCode, TapwireError } from '../errors.ts'
import { HealthRecord } from './health-record.ts'
import type { RegistryClock } from './manual-clock.ts'
import { MemoryStore, type MemoryStoreCopy } from './memory-store.ts'
import type {
  Registry,
  RegistryCommit,
  RegistryHealth,
  RegistryListener,
  RegistryListing,
  RegistryTransaction,
  RegistryWatch,
} from './registry.ts'
import { revisionOf } from './registry-change.ts'
import { checkKey } from './transaction.ts'

const MS_PER_S = 1000

/**
 * What becomes of calls. `unreachable`: nothing arrives. `answers-lost`: all have their effect, and no answer comes back; to who called, that
 * is the same.
 */
export type RegistryFault = 'none' | 'unreachable' | 'answers-lost'

export interface MemoryRegistryCopy {
  readonly store: MemoryStoreCopy
  readonly leases: readonly { readonly lease: string; readonly ttlS: number }[]
}

interface Lease {
  readonly ttlS: number
  cancel: () => void
}

/** What all clients share. */
export class MemoryRegistryServer {
  readonly clock: RegistryClock
  readonly #store = new MemoryStore()
  readonly #leases = new Map<string, Lease>()
  readonly #clients = new Set<MemoryRegistry>()
  #leasesGranted = 0
  #fault: RegistryFault = 'none'
  /** Revisions of the copies that were restored, one after the other. What watches were told behind them has never been. */
  readonly #restoredTo: number[] = []
  /** Milliseconds of the clock that each call, and each notice of a change, takes. */
  delayMs = 0

  constructor(clock: RegistryClock) {
    this.clock = clock
  }

  connect(): MemoryRegistry {
    const client = new MemoryRegistry(this)
    this.#clients.add(client)
    return client
  }

  /** For all clients. One alone has a `fault` too. */
  get fault(): RegistryFault {
    return this.#fault
  }

  /**
   * Like a registry that has ended where nobody reaches it: no lease runs out. And that has started again where it answers after not having
   * answered: every lease has its whole time once more.
   */
  set fault(fault: RegistryFault) {
    const before = this.#fault
    this.#fault = fault
    for (const [lease, { cancel }] of this.#leases) {
      if (fault === 'unreachable') cancel()
      else if (before !== 'none') this.#startLease(lease)
    }
    this.#faultChanged()
  }

  get revision(): number {
    return this.#store.revision
  }

  /** Leases that are alive. */
  get leases(): readonly string[] {
    return [...this.#leases.keys()]
  }

  /** Forgets the changes up to this revision. */
  compact(revision = this.#store.revision): void {
    this.#store.compact(revision)
  }

  copy(): MemoryRegistryCopy {
    const leases = [...this.#leases].map(([lease, { ttlS }]) => ({ lease, ttlS }))
    return { store: this.#store.copy(), leases }
  }

  /** An older copy comes back in place of what there is. Its leases have their whole time. */
  restore(copy: MemoryRegistryCopy): void {
    for (const { cancel } of this.#leases.values()) cancel()
    this.#leases.clear()
    this.#store.restore(copy.store)
    for (const { lease, ttlS } of copy.leases) this.#addLease(lease, ttlS)
    this.#restoredTo.push(copy.store.revision)
    this.#faultChanged()
  }

  /** As if it had not been kept alive. */
  expireLease(lease: string): void {
    this.#leases.get(lease)?.cancel()
    this.#leases.delete(lease)
    this.#store.removeLease(lease)
    this.#changed()
  }

  /** For its clients. */

  get restored(): number {
    return this.#restoredTo.length
  }

  /** The oldest revision that was come back to since so many copies had been restored; undefined where there was none. */
  restoredTo(since: number): number | undefined {
    const revisions = this.#restoredTo.slice(since)
    return revisions.length === 0 ? undefined : Math.min(...revisions)
  }

  get store(): MemoryStore {
    return this.#store
  }

  commit(transaction: RegistryTransaction): RegistryCommit {
    const { revision } = this.#store
    const answer = this.#store.commit(transaction)
    if (answer.revision !== revision) this.#changed()
    return answer
  }

  grantLease(ttlS: number): string {
    const lease = (++this.#leasesGranted).toString(16)
    this.#addLease(lease, Math.max(1, Math.ceil(ttlS)))
    return lease
  }

  keepLeaseAlive(lease: string): boolean {
    if (!this.#leases.has(lease)) return false
    this.#startLease(lease)
    return true
  }

  forget(client: MemoryRegistry): void {
    this.#clients.delete(client)
  }

  #addLease(lease: string, ttlS: number): void {
    this.#leases.set(lease, { ttlS, cancel: () => {} })
    this.#store.addLease(lease)
    this.#startLease(lease)
  }

  #startLease(lease: string): void {
    const state = this.#leases.get(lease)!
    state.cancel()
    state.cancel = this.clock.after(state.ttlS * MS_PER_S, () => this.expireLease(lease))
  }

  #changed(): void {
    for (const client of this.#clients) client.wakeWatches()
  }

  #faultChanged(): void {
    for (const client of this.#clients) client.connectionChanged()
  }
}

/** One host's connection. */
export class MemoryRegistry implements Registry {
  readonly #server: MemoryRegistryServer
  readonly #watches = new Set<MemoryWatch>()
  readonly #health: HealthRecord
  #fault: RegistryFault = 'none'
  #closed = false

  constructor(server: MemoryRegistryServer) {
    this.#server = server
    this.#health = new HealthRecord(() => server.clock.now())
  }

  /** Of this client alone: its leases end, where it lasts. */
  get fault(): RegistryFault {
    return this.#fault
  }

  set fault(fault: RegistryFault) {
    this.#fault = fault
    this.connectionChanged()
  }

  list(prefix: string): Promise<RegistryListing> {
    return this.#call(() => {
      checkKey(prefix)
      return this.#server.store.list(prefix)
    })
  }

  commit(transaction: RegistryTransaction): Promise<RegistryCommit> {
    return this.#call(() => this.#server.commit(transaction))
  }

  grantLease(ttlS: number): Promise<string> {
    return this.#call(() => this.#server.grantLease(ttlS))
  }

  keepLeaseAlive(lease: string): Promise<boolean> {
    return this.#call(() => this.#server.keepLeaseAlive(lease))
  }

  revokeLease(lease: string): Promise<void> {
    return this.#call(() => this.#server.expireLease(lease))
  }

  watch(prefix: string, from: number, listener: RegistryListener): RegistryWatch {
    checkKey(prefix)
    const watch = new MemoryWatch(this.#server, prefix, from, listener, {
      connected: () => this.#problem() === '',
      ended: () => void this.#watches.delete(watch),
    })
    if (this.#closed) return watch
    this.#watches.add(watch)
    watch.wake()
    return watch
  }

  get health(): RegistryHealth {
    return this.#health.health
  }

  onHealth(listener: (health: RegistryHealth) => void): () => void {
    return this.#health.listen(listener)
  }

  close(): void {
    this.#closed = true
    for (const watch of this.#watches) watch.close()
    this.#server.forget(this)
  }

  /** For the server. */

  wakeWatches(): void {
    for (const watch of this.#watches) watch.wake()
  }

  /** A connection that is open notices; where nothing is open, the next call does. */
  connectionChanged(): void {
    if (this.#watches.size === 0) return
    const problem = this.#problem()
    if (problem === '') {
      this.#health.answered()
      this.wakeWatches()
    } else this.#health.failed(problem)
  }

  async #call<Answer>(effect: () => Answer): Promise<Answer> {
    await this.#pass()
    this.#requireReachable('unreachable')
    const answer = effect()
    await Promise.resolve()
    this.#requireReachable('answers-lost')
    this.#health.answered()
    return answer
  }

  async #pass(): Promise<void> {
    const { delayMs, clock } = this.#server
    if (delayMs > 0) await new Promise<void>((resolve) => void clock.after(delayMs, resolve))
    else await Promise.resolve()
  }

  /** `answers-lost` is unreachable to who waits for an answer. */
  #requireReachable(fault: RegistryFault): void {
    if (this.#closed) throw unavailable('it was closed')
    const faults = new Set([this.#fault, this.#server.fault])
    if (!faults.has(fault) && !faults.has('unreachable')) return
    const problem = this.#problem()
    this.#health.failed(problem)
    throw unavailable(problem)
  }

  #problem(): string {
    const reached = this.#fault === 'none' && this.#server.fault === 'none'
    return reached ? '' : 'it does not answer'
  }
}

const unavailable = (why: string): TapwireError =>
  new TapwireError(ErrorCode.registryUnavailable, `The registry of the cluster is not available: ${why}.`)

interface Connection {
  connected(): boolean
  ended(): void
}

class MemoryWatch implements RegistryWatch {
  readonly #server: MemoryRegistryServer
  readonly #prefix: string
  readonly #listener: RegistryListener
  readonly #connection: Connection
  /** The first revision that was not told of. */
  #next: number
  /** Copies that had been restored when #next was right. */
  #restored: number
  #woken = false
  #ended = false

  constructor(
    server: MemoryRegistryServer,
    prefix: string,
    from: number,
    listener: RegistryListener,
    connection: Connection,
  ) {
    this.#server = server
    this.#prefix = prefix
    this.#next = Math.max(1, from)
    this.#restored = server.restored
    this.#listener = listener
    this.#connection = connection
  }

  close(): void {
    this.#ended = true
    this.#connection.ended()
  }

  /** Listeners are never called from within a call of the registry. Changes that come meanwhile are told of together. */
  wake(): void {
    if (this.#woken || this.#ended) return
    this.#woken = true
    const { delayMs, clock } = this.#server
    const tell = (): void => {
      this.#woken = false
      this.#tell()
    }
    if (delayMs > 0) clock.after(delayMs, tell)
    else queueMicrotask(tell)
  }

  #tell(): void {
    if (this.#ended || !this.#connection.connected()) return
    if (this.#hasRegressed()) return this.#lose('regressed')
    const { store } = this.#server
    if (this.#next <= store.compacted) return this.#lose('compacted')
    const changes = store.changesSince(this.#prefix, this.#next)
    this.#next = store.revision + 1
    const last = changes.at(-1)
    if (last !== undefined) this.#listener.changed(changes, revisionOf(last))
  }

  #hasRegressed(): boolean {
    const to = this.#server.restoredTo(this.#restored)
    this.#restored = this.#server.restored
    const told = this.#next - 1
    return told > this.#server.revision || (to !== undefined && told > to)
  }

  #lose(reason: 'compacted' | 'regressed'): void {
    this.close()
    this.#listener.lost(reason)
  }
}
