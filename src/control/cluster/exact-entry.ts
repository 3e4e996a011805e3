import type { Registry, RegistryCondition, RegistryEntry } from '../registry/registry.ts'

/** What a key has now; undefined where there is none. Throws REGISTRY_UNAVAILABLE. */
export async function exactEntry(
  registry: Pick<Registry, 'list'>,
  key: string,
): Promise<RegistryEntry | undefined> {
  const { entries } = await registry.list(key)
  return entries.find((entry) => entry.key === key)
}

/** That a key is as it was seen. */
export const unchanged = (key: string, seen: string | undefined): RegistryCondition =>
  seen === undefined ? { key, is: 'absent' } : { key, value: seen }
