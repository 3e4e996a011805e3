/**
 * Keeps the view in step with the registry: a listing, and from its revision on a watch. Where that cannot go on without a gap, both anew.
 *
 *     list ─► reset ─► watch ─► apply … ─► lost: compacted ─► list …
 *                                       └► lost: regressed ─► list, and what is missing in it is held for its owners
 */

import { CLUSTER_LEASE_S, CLUSTER_RETRY_MS, CLUSTER_RETRY_MS_MAX } from '../../limits.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import type { Surroundings } from '../model/machine.ts'
import type { Registry, RegistryWatch } from '../registry/registry.ts'
import type { ClusterView } from './cluster-view.ts'

export interface FollowerListener {
  /** The view is complete, and goes on from here. `regressed`: the registry has lost some of what it knew. */
  synced(regressed: boolean): void
  /** It cannot be had for another reason than that the registry is away. It is tried again. */
  failed(error: unknown): void
}

interface Waiter {
  readonly revision: number
  resolve(): void
}

export class ClusterFollower {
  readonly #registry: Registry
  readonly #view: ClusterView
  readonly #clock: Pick<Surroundings, 'after'>
  readonly #listener: FollowerListener
  #watch: RegistryWatch | undefined
  #closed = false
  #isSynced = false
  #retryMs = CLUSTER_RETRY_MS
  #cancelRetry: () => void = () => undefined
  #cancelHold: () => void = () => undefined
  readonly #waiters = new Set<Waiter>()

  constructor(
    registry: Registry,
    view: ClusterView,
    clock: Pick<Surroundings, 'after'>,
    listener: FollowerListener,
  ) {
    this.#registry = registry
    this.#view = view
    this.#clock = clock
    this.#listener = listener
  }

  /** `known`: the last revision that an earlier daemon of this host has seen. */
  start(known: number): void {
    void this.#list(known)
  }

  /** Whether the view has been complete at any time. */
  get isSynced(): boolean {
    return this.#isSynced
  }

  /** Resolves when the view has what `revision` did, or after `ms`. */
  reached(revision: number, ms: number): Promise<void> {
    if (this.#view.revision >= revision || this.#closed) return Promise.resolve()
    return new Promise((resolve) => {
      const waiter: Waiter = {
        revision,
        resolve: () => {
          cancel()
          this.#waiters.delete(waiter)
          resolve()
        },
      }
      const cancel = this.#clock.after(ms, () => waiter.resolve())
      this.#waiters.add(waiter)
    })
  }

  close(): void {
    this.#closed = true
    this.#watch?.close()
    this.#cancelRetry()
    this.#cancelHold()
    this.#wake(Number.POSITIVE_INFINITY)
  }

  /** What is older than `known` has forgotten something. */
  async #list(known: number): Promise<void> {
    try {
      const listing = await this.#registry.list('')
      if (this.#closed) return
      const regressed = listing.revision < known
      this.#retryMs = CLUSTER_RETRY_MS
      this.#isSynced = true
      this.#view.reset(listing, { hold: regressed })
      if (regressed) this.#hold()
      this.#wake(listing.revision)
      this.#watch = this.#registry.watch('', listing.revision + 1, {
        changed: (changes, revision) => {
          if (this.#closed) return
          this.#view.apply(changes, revision)
          this.#wake(revision)
        },
        lost: (reason) => {
          if (this.#closed) return
          void this.#list(reason === 'regressed' ? Number.POSITIVE_INFINITY : this.#view.revision)
        },
      })
      this.#listener.synced(regressed)
    } catch (error) {
      // That it is away its health says.
      const isAway = error instanceof TapwireError && error.code === ErrorCode.registryUnavailable
      if (!isAway) this.#listener.failed(error)
      this.#later(known)
    }
  }

  #later(known: number): void {
    if (this.#closed) return
    this.#cancelRetry = this.#clock.after(this.#retryMs, () => void this.#list(known))
    this.#retryMs = Math.min(2 * this.#retryMs, CLUSTER_RETRY_MS_MAX)
  }

  /** As long as a host's entries outlive it: who is there puts them back before that. */
  #hold(): void {
    this.#cancelHold()
    this.#cancelHold = this.#clock.after(CLUSTER_LEASE_S * 1000, () => this.#view.dropHeld())
  }

  #wake(revision: number): void {
    for (const waiter of this.#waiters) if (waiter.revision <= revision) waiter.resolve()
  }
}
