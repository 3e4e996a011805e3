/**
 * What the hosts of a cluster share: keys and values, in the words of etcd. Nothing but this interface knows which registry it is; the one in
 * memory and etcd's pass the same suite (test/control/registry/registry.conformance.ts).
 *
 * Keys are text, of which `/` parts the levels; values are text. Every change has a revision, which counts up by one, over all keys.
 */

export interface Registry {
  /** All entries whose keys begin with `prefix`, in the order of their keys, as they were at one revision. */
  list(prefix: string): Promise<RegistryListing>
  /**
   * All of `do`, at one revision, if all of `when` holds; otherwise nothing. `do` names no key twice, nor one below a prefix that it
   * deletes. Rejects with REGISTRY_LEASE_UNKNOWN, without an effect, where a lease in it has ended, and LIMIT_REACHED where it is too large.
   */
  commit(transaction: RegistryTransaction): Promise<RegistryCommit>
  /** Entries that are put under it vanish when it has not been kept alive for `ttlS` seconds, or some more. Its id. */
  grantLease(ttlS: number): Promise<string>
  /** False where the lease is no more, and what was under it. */
  keepLeaseAlive(lease: string): Promise<boolean>
  /** With what is under it. One that is gone is no error. */
  revokeLease(lease: string): Promise<void>
  /**
   * Tells of every change of keys that begin with `prefix`, from revision `from` on, each once and in order, until closed. It outlives lost
   * connections; where it cannot go on without a gap it ends, and says so once.
   */
  watch(prefix: string, from: number, listener: RegistryListener): RegistryWatch
  /** Whether it answers, as far as is known. */
  readonly health: RegistryHealth
  /** Calls back when that changes; the function returned ends that. */
  onHealth(listener: (health: RegistryHealth) => void): () => void
  /** Ends all watches and calls. Leases stay. */
  close(): void
}

/** All methods reject with TapwireError REGISTRY_UNAVAILABLE where it does not answer in time, and may then have had their effect. */

export interface RegistryEntry {
  readonly key: string
  readonly value: string
  /** Of its last change, and of the one that made it. */
  readonly revision: number
  readonly created: number
  /** Empty where it lives for ever. */
  readonly lease: string
}

export interface RegistryListing {
  readonly revision: number
  readonly entries: readonly RegistryEntry[]
}

export interface RegistryTransaction {
  readonly when: readonly RegistryCondition[]
  readonly do: readonly RegistryOperation[]
}

export type RegistryCondition =
  | { readonly key: string; readonly is: 'absent' | 'present' }
  | { readonly key: string; readonly revision: number }
  | { readonly key: string; readonly value: string }
  /** No key begins with it. */
  | { readonly prefix: string; readonly is: 'absent' }

export type RegistryOperation =
  | { readonly put: string; readonly value: string; readonly lease?: string | undefined }
  | { readonly delete: string }
  | { readonly deletePrefix: string }

export interface RegistryCommit {
  readonly succeeded: boolean
  /** Of the registry, behind it. */
  readonly revision: number
}

export type RegistryChange =
  | { readonly kind: 'put'; readonly entry: RegistryEntry }
  | { readonly kind: 'delete'; readonly key: string; readonly revision: number }

export interface RegistryListener {
  /** All changes of one revision, or of several, whole ones; `revision` is that of the last. */
  changed(changes: readonly RegistryChange[], revision: number): void
  /**
   * It has ended. `compacted`: revisions that were to be told of are forgotten; `regressed`: the registry is older than what was told already
   * (restored from a backup, or another one in its place). In both cases: list, and watch anew.
   */
  lost(reason: 'compacted' | 'regressed'): void
}

export interface RegistryWatch {
  close(): void
}

export interface RegistryHealth {
  readonly reachable: boolean
  /** Milliseconds since 1970 at which that began; undefined before the first call. */
  readonly sinceMs?: number | undefined
  /** What the last failed call said; empty where it is reachable. */
  readonly problem: string
}
