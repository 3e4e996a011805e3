/** The filters of lists and of prune. */

import type { Filters } from '../control-plane.ts'
import type { NetworkRecord, SandboxRecord } from '../model/records.ts'

/** driver, id, label, name, scope, type (custom, builtin), dangling. Throws FILTER_INVALID. */
export function networkFilter(
  filters: Filters,
  /** Whether a sandbox has joined the network (by its id). */
  inUse: (network: string) => boolean,
): (network: NetworkRecord) => boolean {
  throw new Error('to be written')
}

/** id, name, label, status, network, exited. `networkName` gives a network's name by its id. Throws FILTER_INVALID. */
export function sandboxFilter(
  filters: Filters,
  networkName: (id: string) => string | undefined,
): (sandbox: SandboxRecord) => boolean {
  throw new Error('to be written')
}

/** until, label, label!. Throws FILTER_INVALID. */
export function pruneFilter(
  filters: Filters,
  nowMs: number,
): (candidate: { readonly created: string; readonly labels: Readonly<Record<string, string>> }) => boolean {
  throw new Error('to be written')
}
