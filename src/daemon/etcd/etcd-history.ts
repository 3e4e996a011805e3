/**
 * Whether a registry is still the one that it was. One that was restored from a backup has a past that ends earlier, and goes on in another
 * way; its members and the cluster keep their ids where they keep their names. So three things are looked at in every answer that is the
 * truth of all members (ranges and transactions are): the cluster's id, and that neither revision nor term is lower than when it was asked.
 * And since other hosts may have written so much meanwhile that both are higher, a witness: an entry that was there at a revision must be
 * there at that revision.
 */

import type { RegistryEntry } from '../../control/registry/registry.ts'
import type { EtcdHeader } from './etcd-messages.ts'

/** What was known when something was asked. */
export interface EtcdMark extends EtcdHeader {
  readonly past: number
}

export interface EtcdWitness {
  readonly entry: RegistryEntry
  /** It was as it is in `entry` at this revision too. */
  readonly at: number
}

export class EtcdHistory {
  readonly #changed: () => void
  #clusterId = ''
  #revision = 0
  #term = 0
  /** Counts pasts: another one has begun where the registry was found to be another. */
  #past = 0
  #witness: EtcdWitness | undefined

  /** `changed`: another past has begun. */
  constructor(changed: () => void) {
    this.#changed = changed
  }

  get mark(): EtcdMark {
    return { clusterId: this.#clusterId, revision: this.#revision, term: this.#term, past: this.#past }
  }

  get witness(): EtcdWitness | undefined {
    return this.#witness
  }

  /** An answer to what was asked at `mark`. False where it is of a past that is over. */
  answered(mark: EtcdMark, header: EtcdHeader): boolean {
    // What was asked before may be answered by what was there before.
    if (mark.past !== this.#past) return false
    const same =
      (mark.clusterId === '' || header.clusterId === mark.clusterId) &&
      header.revision >= mark.revision &&
      header.term >= mark.term
    if (!same) this.restart(mark.past)
    this.#clusterId = header.clusterId
    this.#revision = Math.max(this.#revision, header.revision)
    this.#term = Math.max(this.#term, header.term)
    return true
  }

  /** An entry of it, seen at a revision; the one that changed last is the best witness. */
  saw(past: number, entry: RegistryEntry | undefined, at: number): void {
    if (past !== this.#past) return
    this.#revision = Math.max(this.#revision, at)
    if (entry === undefined) return
    if (entry.revision >= (this.#witness?.entry.revision ?? 0)) this.#witness = { entry, at }
  }

  /** It is another one than in that past; where that is over, it has been found out before. */
  restart(past: number): void {
    if (past !== this.#past) return
    this.#past++
    this.#clusterId = ''
    this.#revision = 0
    this.#term = 0
    this.#witness = undefined
    this.#changed()
  }
}

/** It changed at the same revision, to the same. */
export const isSameEntry = (a: RegistryEntry, b: RegistryEntry | undefined): boolean =>
  b !== undefined && a.revision === b.revision && a.created === b.created && a.value === b.value
