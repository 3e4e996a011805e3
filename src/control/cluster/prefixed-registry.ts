import type {
  Registry,
  RegistryChange,
  RegistryCommit,
  RegistryCondition,
  RegistryEntry,
  RegistryHealth,
  RegistryListener,
  RegistryListing,
  RegistryOperation,
  RegistryTransaction,
  RegistryWatch,
} from '../registry/registry.ts'

/** Of a registry, what is below a prefix, as though it were all that there is. */
export class PrefixedRegistry implements Registry {
  readonly #registry: Registry
  readonly #prefix: string

  constructor(registry: Registry, prefix: string) {
    this.#registry = registry
    this.#prefix = prefix
  }

  async list(prefix: string): Promise<RegistryListing> {
    const { entries, revision } = await this.#registry.list(this.#prefix + prefix)
    return { entries: entries.map((entry) => this.#without(entry)), revision }
  }

  commit({ when, do: operations }: RegistryTransaction): Promise<RegistryCommit> {
    return this.#registry.commit({
      when: when.map((condition) => this.#condition(condition)),
      do: operations.map((operation) => this.#operation(operation)),
    })
  }

  watch(prefix: string, from: number, listener: RegistryListener): RegistryWatch {
    return this.#registry.watch(this.#prefix + prefix, from, {
      changed: (changes, revision) =>
        listener.changed(
          changes.map((change) => this.#change(change)),
          revision,
        ),
      lost: (reason) => listener.lost(reason),
    })
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

  #without(entry: RegistryEntry): RegistryEntry {
    return { ...entry, key: entry.key.slice(this.#prefix.length) }
  }

  #change(change: RegistryChange): RegistryChange {
    return change.kind === 'put'
      ? { kind: 'put', entry: this.#without(change.entry) }
      : { ...change, key: change.key.slice(this.#prefix.length) }
  }

  #condition(condition: RegistryCondition): RegistryCondition {
    return 'prefix' in condition
      ? { ...condition, prefix: this.#prefix + condition.prefix }
      : { ...condition, key: this.#prefix + condition.key }
  }

  #operation(operation: RegistryOperation): RegistryOperation {
    if ('put' in operation) return { ...operation, put: this.#prefix + operation.put }
    if ('delete' in operation) return { delete: this.#prefix + operation.delete }
    return { deletePrefix: this.#prefix + operation.deletePrefix }
  }
}
