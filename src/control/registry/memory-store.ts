/** Keys and values with revisions, as etcd has them, and what has changed since they were compacted. No time, no faults. */

import { ErrorCode, TapwireError } from '../errors.ts'
import type {
  RegistryChange,
  RegistryCommit,
  RegistryCondition,
  RegistryEntry,
  RegistryListing,
  RegistryOperation,
  RegistryTransaction,
} from './registry.ts'
import { keyOfChange } from './registry-change.ts'
import { compareKeys, SortedKeys } from './sorted-keys.ts'
import { checkTransaction } from './transaction.ts'

/** A registry that nobody has written to yet is at revision 1: etcd's is. */
const FIRST_REVISION = 1

interface RevisionChanges {
  readonly revision: number
  readonly changes: readonly RegistryChange[]
}

/** What comes back when it is restored. */
export interface MemoryStoreCopy {
  readonly revision: number
  readonly compacted: number
  readonly entries: ReadonlyMap<string, RegistryEntry>
  readonly history: readonly RevisionChanges[]
}

export class MemoryStore {
  #revision = FIRST_REVISION
  /** Changes of this revision, and of those before, are forgotten. */
  #compacted = 0
  #entries = new Map<string, RegistryEntry>()
  #keys = new SortedKeys()
  /** One for each revision behind #compacted, in order. */
  #history: RevisionChanges[] = []
  /** Keys of each lease that has been granted and is still there. */
  readonly #leases = new Map<string, Set<string>>()

  get revision(): number {
    return this.#revision
  }

  get compacted(): number {
    return this.#compacted
  }

  list(prefix: string): RegistryListing {
    const entries = this.#keys.withPrefix(prefix).map((key) => this.#entries.get(key)!)
    return { revision: this.#revision, entries }
  }

  /** Throws REGISTRY_LEASE_UNKNOWN, and what `checkTransaction` does. */
  commit(transaction: RegistryTransaction): RegistryCommit {
    checkTransaction(transaction)
    if (!transaction.when.every((condition) => this.#holds(condition))) {
      return { succeeded: false, revision: this.#revision }
    }
    for (const operation of transaction.do) this.#checkLease(operation)
    const revision = this.#revision + 1
    this.#record(transaction.do.flatMap((operation) => this.#apply(operation, revision)))
    return { succeeded: true, revision: this.#revision }
  }

  addLease(lease: string): void {
    if (!this.#leases.has(lease)) this.#leases.set(lease, new Set())
  }

  /** With the entries under it, all at one revision. */
  removeLease(lease: string): void {
    const keys = [...(this.#leases.get(lease) ?? [])].toSorted(compareKeys)
    const revision = this.#revision + 1
    this.#record(keys.flatMap((key) => this.#delete(key, revision)))
    this.#leases.delete(lease)
  }

  /** Changes of keys that begin with `prefix`, from revision `from` on, which is behind `compacted`. */
  changesSince(prefix: string, from: number): RegistryChange[] {
    // One revision after the other is in it, so the first one's place is known.
    const first = this.#history[0]?.revision ?? 0
    return this.#history
      .slice(Math.max(0, from - first))
      .flatMap(({ changes }) => changes.filter((change) => keyOfChange(change).startsWith(prefix)))
  }

  compact(revision: number): void {
    this.#compacted = Math.max(this.#compacted, Math.min(revision, this.#revision))
    this.#history = this.#history.filter((one) => one.revision > this.#compacted)
  }

  copy(): MemoryStoreCopy {
    return {
      revision: this.#revision,
      compacted: this.#compacted,
      entries: new Map(this.#entries),
      history: [...this.#history],
    }
  }

  /** Leases are those that entries are under, and what is added then. */
  restore(copy: MemoryStoreCopy): void {
    this.#revision = copy.revision
    this.#compacted = copy.compacted
    this.#entries = new Map(copy.entries)
    this.#keys = new SortedKeys(copy.entries.keys())
    this.#history = [...copy.history]
    this.#leases.clear()
    for (const { key, lease } of this.#entries.values()) if (lease !== '') this.#attach(key, lease)
  }

  #holds(condition: RegistryCondition): boolean {
    if ('prefix' in condition) return !this.#keys.hasPrefix(condition.prefix)
    const entry = this.#entries.get(condition.key)
    if ('is' in condition) return (entry === undefined) === (condition.is === 'absent')
    // What is not there is at revision 0, and equals no value.
    return 'revision' in condition
      ? (entry?.revision ?? 0) === condition.revision
      : entry?.value === condition.value
  }

  #checkLease(operation: RegistryOperation): void {
    if (!('put' in operation) || (operation.lease ?? '') === '' || this.#leases.has(operation.lease!)) return
    throw leaseUnknown()
  }

  #apply(operation: RegistryOperation, revision: number): RegistryChange[] {
    if ('put' in operation)
      return [this.#put(operation.put, operation.value, operation.lease ?? '', revision)]
    if ('delete' in operation) return this.#delete(operation.delete, revision)
    return this.#keys.withPrefix(operation.deletePrefix).flatMap((key) => this.#delete(key, revision))
  }

  #put(key: string, value: string, lease: string, revision: number): RegistryChange {
    const before = this.#entries.get(key)
    if (before !== undefined) this.#leases.get(before.lease)?.delete(key)
    const entry = { key, value, revision, created: before?.created ?? revision, lease }
    this.#entries.set(key, entry)
    if (before === undefined) this.#keys.add(key)
    if (lease !== '') this.#attach(key, lease)
    return { kind: 'put', entry }
  }

  #delete(key: string, revision: number): RegistryChange[] {
    const entry = this.#entries.get(key)
    if (entry === undefined) return []
    this.#entries.delete(key)
    this.#keys.delete(key)
    this.#leases.get(entry.lease)?.delete(key)
    return [{ kind: 'delete', key, revision }]
  }

  #attach(key: string, lease: string): void {
    const keys = this.#leases.get(lease) ?? new Set()
    this.#leases.set(lease, keys.add(key))
  }

  /** Nothing changed: no revision. */
  #record(changes: readonly RegistryChange[]): void {
    if (changes.length === 0) return
    this.#history.push({ revision: ++this.#revision, changes })
  }
}

export const leaseUnknown = (): TapwireError =>
  new TapwireError(
    ErrorCode.registryLeaseUnknown,
    'The lease that an entry of the registry was to be under has ended.',
  )
