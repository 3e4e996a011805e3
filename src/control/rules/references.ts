/**
 * How a user's word finds a network or a sandbox: the full id, else the name, else a beginning of the id that only one has.
 * So a sandbox with the name `abc` is not hidden by another one whose id begins with it.
 */

import { ErrorCode, TapwireError } from '../errors.ts'
import { printable } from './names.ts'

export interface Referable {
  readonly id: string
  readonly name: string
}

/** Throws NETWORK_UNKNOWN, REFERENCE_AMBIGUOUS or REFERENCE_INVALID (an empty word). */
export function findNetwork<T extends Referable>(networks: Iterable<T>, reference: string): T {
  const found = find(networks, reference)
  if (found.length === 1) return found[0]!
  const shown = printable(reference)
  if (found.length === 0) throw new TapwireError(ErrorCode.networkUnknown, `network ${shown} not found`)
  throw new TapwireError(
    ErrorCode.referenceAmbiguous,
    `network ${shown} is ambiguous (${found.length} matches found on ID prefix)`,
  )
}

/** As Docker, takes the name with a slash in front too. Throws SANDBOX_UNKNOWN, REFERENCE_AMBIGUOUS or REFERENCE_INVALID. */
export function findSandbox<T extends Referable>(sandboxes: Iterable<T>, reference: string): T {
  const found = find(sandboxes, reference.replace(/^\/(?=.)/, ''))
  if (found.length === 1) return found[0]!
  const shown = printable(reference)
  if (found.length === 0) throw new TapwireError(ErrorCode.sandboxUnknown, `No such container: ${shown}`)
  throw new TapwireError(ErrorCode.referenceAmbiguous, `Multiple IDs found with provided prefix: ${shown}`)
}

/** One, none, or all that an id's beginning fits. */
function find<T extends Referable>(candidates: Iterable<T>, reference: string): readonly T[] {
  if (reference === '') {
    throw new TapwireError(ErrorCode.referenceInvalid, 'invalid name or ID supplied: ""')
  }
  let named: T | undefined
  const begun: T[] = []
  for (const candidate of candidates) {
    if (candidate.id === reference) return [candidate]
    if (candidate.name === reference) named = candidate
    else if (candidate.id.startsWith(reference)) begun.push(candidate)
  }
  return named === undefined ? begun : [named]
}
