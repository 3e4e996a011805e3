/**
 * A registry whose answers have come over a wire: each host has texts of its own. Those of the registry in memory are the same for all hosts in
 * this process, so that none would take any memory for what it keeps of them.
 */

import { PrefixedRegistry } from '../../../src/control/cluster/prefixed-registry.ts'
import type {
  Registry,
  RegistryChange,
  RegistryEntry,
  RegistryListener,
  RegistryListing,
  RegistryWatch,
} from '../../../src/control/registry/registry.ts'

export class ReceivedRegistry extends PrefixedRegistry {
  constructor(registry: Registry) {
    super(registry, '')
  }

  override async list(prefix: string): Promise<RegistryListing> {
    const { entries, revision } = await super.list(prefix)
    return { entries: entries.map(receivedEntry), revision }
  }

  override watch(prefix: string, from: number, listener: RegistryListener): RegistryWatch {
    return super.watch(prefix, from, {
      changed: (changes, revision) => listener.changed(changes.map(receivedChange), revision),
      lost: (reason) => listener.lost(reason),
    })
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
