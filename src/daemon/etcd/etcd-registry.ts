/** etcd, 3.4 and newer, by its JSON gateway (https://etcd.io/docs/v3.4/dev-guide/api_grpc_gateway). */

import { ErrorCode, TapwireError } from '../../control/errors.ts'
import { leaseUnknown } from '../../control/registry/memory-store.ts'
import type {
  Registry,
  RegistryCommit,
  RegistryEntry,
  RegistryHealth,
  RegistryListener,
  RegistryListing,
  RegistryTransaction,
  RegistryWatch,
} from '../../control/registry/registry.ts'
import { checkKey, checkTransaction } from '../../control/registry/transaction.ts'
import type { ClusterServer } from '../../control/rules/cluster-address.ts'
import { REGISTRY_ENTRIES_MAX, REGISTRY_PAGE_ENTRIES } from '../../limits.ts'
import { type CallOptions, ETCD_TIMES, EtcdClient, type EtcdTimes, READ } from './etcd-client.ts'
import { resultOf } from './etcd-connection.ts'
import { EtcdFailure, GrpcCode, garbage, unavailable } from './etcd-failure.ts'
import { entriesOf, headerOf, txnRequest } from './etcd-messages.ts'
import { EtcdGarbage, encodeText, idOf, type Json, numberOf, prefixRange } from './etcd-text.ts'
import { EtcdWatch } from './etcd-watch.ts'
import type { TlsFiles } from './tls-files.ts'

export interface EtcdOptions {
  readonly servers: readonly ClusterServer[]
  /** Undefined without TLS. */
  readonly tls?: TlsFiles | undefined
  readonly times?: EtcdTimes
}

/** What a server says of itself. */
export interface EtcdStatus {
  readonly server: string
  readonly version: string
  readonly revision: number
  /** Bytes on its disk. */
  readonly size: number
  /** Milliseconds that it took to answer. */
  readonly latencyMs: number
}

/** A lease of a hundred years means that somebody has mixed up units. */
const LEASE_MAX_S = 86_400
/** Times that a list begins anew where its revision was compacted meanwhile. */
const LIST_ATTEMPTS = 4
const KEEP: CallOptions = { repeatable: true, linearizable: false }
const COMMIT: CallOptions = { repeatable: false, linearizable: true }

export class EtcdRegistry implements Registry {
  readonly #client: EtcdClient
  readonly #watches = new Set<EtcdWatch>()
  #pulse: NodeJS.Timeout | undefined

  constructor({ servers, tls, times = ETCD_TIMES }: EtcdOptions) {
    this.#client = new EtcdClient(servers, tls, times, Date.now)
  }

  async list(prefix: string): Promise<RegistryListing> {
    checkKey(prefix)
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#list(prefix)
      } catch (error) {
        const compacted = error instanceof EtcdFailure && error.grpcCode === GrpcCode.outOfRange
        if (!compacted || attempt === LIST_ATTEMPTS) throw tapwireError(error)
      }
    }
  }

  async commit(transaction: RegistryTransaction): Promise<RegistryCommit> {
    checkTransaction(transaction)
    const answer = await this.#call('/v3/kv/txn', txnRequest(transaction), COMMIT)
    return { succeeded: answer['succeeded'] === true, revision: parsed(() => headerOf(answer)).revision }
  }

  async grantLease(ttlS: number): Promise<string> {
    const ttl = Math.min(LEASE_MAX_S, Math.max(1, Math.ceil(ttlS)))
    const answer = await this.#call('/v3/lease/grant', { TTL: String(ttl) }, KEEP)
    return parsed(() => {
      const lease = idOf(answer['ID'], 'the lease')
      if (lease === '') throw new EtcdGarbage('a lease has no id')
      return lease
    })
  }

  async keepLeaseAlive(lease: string): Promise<boolean> {
    if (!isLease(lease)) return false
    const answer = await this.#call('/v3/lease/keepalive', { ID: lease }, KEEP)
    return parsed(() => numberOf(resultOf(answer)['TTL'], 'TTL')) > 0
  }

  async revokeLease(lease: string): Promise<void> {
    if (!isLease(lease)) return
    try {
      await this.#client.call('/v3/lease/revoke', { ID: lease }, KEEP)
    } catch (error) {
      if (!(error instanceof EtcdFailure && error.grpcCode === GrpcCode.notFound)) throw tapwireError(error)
    }
  }

  watch(prefix: string, from: number, listener: RegistryListener): RegistryWatch {
    checkKey(prefix)
    if (this.#client.closed) return { close: () => {} }
    const watch = new EtcdWatch(this.#client, prefix, from, listener, () => {
      this.#watches.delete(watch)
      if (this.#watches.size === 0) clearTimeout(this.#pulse)
    })
    this.#watches.add(watch)
    if (this.#watches.size === 1) this.#schedulePulse()
    return watch
  }

  get health(): RegistryHealth {
    return this.#client.health.health
  }

  onHealth(listener: (health: RegistryHealth) => void): () => void {
    return this.#client.health.listen(listener)
  }

  /** Of the server that calls go to. */
  async status(): Promise<EtcdStatus> {
    const started = performance.now()
    const answer = await this.#call('/v3/maintenance/status', {}, KEEP)
    const latencyMs = performance.now() - started
    return parsed(() => ({
      server: this.#client.server,
      version: String(answer['version']),
      revision: headerOf(answer).revision,
      size: numberOf(answer['dbSize'], 'dbSize'),
      latencyMs,
    }))
  }

  close(): void {
    for (const watch of this.#watches) watch.close()
    this.#client.close()
  }

  /** In pages, all of the revision of the first one. */
  async #list(prefix: string): Promise<RegistryListing> {
    const { key: first, range_end } = prefixRange(prefix)
    const { past } = this.#client.history.mark
    const entries: RegistryEntry[] = []
    let request: Json = { key: first, range_end }
    let revision = 0
    for (let limit = REGISTRY_PAGE_ENTRIES; ; ) {
      const page = await this.#page({ ...request, limit: String(limit) })
      if (page === undefined) {
        limit = Math.ceil(limit / 8)
        continue
      }
      if (revision === 0) revision = page.revision
      for (const entry of page.entries) entries.push(entry)
      if (entries.length > REGISTRY_ENTRIES_MAX) throw tooMany(prefix)
      if (!page.more) break
      const last = page.entries.at(-1)!
      request = { key: encodeText(`${last.key}\0`), range_end, revision: String(revision) }
    }
    this.#bearWitness(past, entries, revision)
    return { revision, entries }
  }

  /** Undefined where it is too long, and a shorter one may not be. */
  async #page(
    request: Json & { readonly limit: string },
  ): Promise<{ revision: number; entries: RegistryEntry[]; more: boolean } | undefined> {
    let answer: Json
    try {
      answer = await this.#client.call('/v3/kv/range', request, READ)
    } catch (error) {
      if (error instanceof EtcdFailure && error.tooLong && Number(request.limit) > 1) return undefined
      throw error
    }
    return parsed(() => {
      const entries = entriesOf(answer)
      const more = answer['more'] === true
      if (more && entries.length === 0) throw new EtcdGarbage('a page is empty')
      return { revision: headerOf(answer).revision, entries, more }
    })
  }

  #bearWitness(past: number, entries: readonly RegistryEntry[], revision: number): void {
    let latest: RegistryEntry | undefined
    for (const entry of entries) if (entry.revision > (latest?.revision ?? 0)) latest = entry
    this.#client.history.saw(past, latest, revision)
  }

  /** A watch that says nothing may be one of a server that is cut off. Calls tell, and move on to another server. */
  #schedulePulse(): void {
    clearTimeout(this.#pulse)
    if (this.#watches.size === 0) return
    const again = (): void => this.#schedulePulse()
    this.#pulse = setTimeout(
      () => void this.#client.refreshWitness().then(again, again),
      this.#client.times.pulseMs,
    )
  }

  async #call(path: string, body: Json, options: CallOptions): Promise<Json> {
    try {
      return await this.#client.call(path, body, options)
    } catch (error) {
      throw tapwireError(error)
    }
  }
}

const isLease = (lease: string): boolean => /^\d{1,19}$/.test(lease)

function parsed<Result>(parse: () => Result): Result {
  try {
    return parse()
  } catch (error) {
    throw tapwireError(error instanceof EtcdGarbage ? garbage(error) : error)
  }
}

function tapwireError(error: unknown): Error {
  if (!(error instanceof EtcdFailure)) return error as Error
  if (error.grpcCode === GrpcCode.notFound && /lease not found/.test(error.message)) return leaseUnknown()
  return unavailable(error.message, error.hint)
}

const tooMany = (prefix: string): TapwireError =>
  new TapwireError(
    ErrorCode.limitReached,
    `The registry has more than ${REGISTRY_ENTRIES_MAX} entries below ${prefix}.`,
  )
