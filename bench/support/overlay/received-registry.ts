/**
 * A registry whose answers have come over a wire: each host has texts of its own. Those of the registry in memory are the same for all hosts in
 * this process, so that none would take any memory for what it keeps of them.
 */

import type {
  Registry,
  RegistryChange,
  RegistryCommit,
  RegistryEntry,
  RegistryHealth,
  RegistryListener,
  RegistryListing,
  RegistryTransaction,
  RegistryWatch,
} from '../../../src/control/registry/registry.ts'

export class ReceivedRegistry implements Registry {
  readonly #registry: Registry

  constructor(registry: Registry) {
    this.#registry = registry
  }

  async list(prefix: string): Promise<RegistryListing> {
    const { entries, revision } = await this.#registry.list(prefix)
    return { entries: entries.map(receivedEntry), revision }
  }

  watch(prefix: string, from: number, listener: RegistryListener): RegistryWatch {
    return this.#registry.watch(prefix, from, {
      changed: (changes, revision) => listener.changed(changes.map(receivedChange), revision),
      lost: (reason) => listener.lost(reason),
    })
  }

  commit(transaction: RegistryTransaction): Promise<RegistryCommit> {
    return this.#registry.commit(transaction)
  }

  grantLease(ttlS: number): Promise<string> {
    return this.#registry.grantLease(ttlS)
  }

  keepLeaseAlive(lease: string): Promise<boolean> {
    return this.#registry.keepLeaseAlive(lease)
  }

  revokeLease(lease: string): Promise<void> {
    return this.#registry.revokeLease(lease)
  }

  get health(): RegistryHealth {
    return this.#registry.health
  }

  onHealth(listener: (health: RegistryHealth) => void): () => void {
    return this.#registry.onHealth(listener)
  }

  close(): void {
    this.#registry.close()
  }
}

const receivedEntry = ({ key, value, lease, ...rest }: RegistryEntry): RegistryEntry => ({
  ...rest,
  key: received(key),
  value: received(value),
  lease: received(lease),
})

const receivedChange = (change: RegistryChange): RegistryChange =>
  change.kind === 'put'
    ? { kind: 'put', entry: receivedEntry(change.entry) }
    : { ...change, key: received(change.key) }

const received = (text: string): string => Buffer.from(text).toString()
