import type { RegistryChange } from './registry.ts'

export const keyOfChange = (change: RegistryChange): string =>
  change.kind === 'put' ? change.entry.key : change.key

export const revisionOf = (change: RegistryChange): number =>
  change.kind === 'put' ? change.entry.revision : change.revision
