/**
 * The lease that all of a host's own entries are under. Time is that of timers alone, so a clock that jumps does no harm: whether the lease
 * lives is for the registry to say.
 */

import {
  CLUSTER_ECHO_MS,
  CLUSTER_KEEP_ALIVE_S,
  CLUSTER_LEASE_S,
  CLUSTER_RETRY_MS,
  CLUSTER_RETRY_MS_MAX,
} from '../../limits.ts'
import type { Surroundings } from '../model/machine.ts'
import type { Registry } from '../registry/registry.ts'

export class ClusterLease {
  readonly #registry: Registry
  readonly #clock: Pick<Surroundings, 'after'>
  readonly #granted: () => void
  #id: string | undefined
  #closed = false
  #retryMs = CLUSTER_RETRY_MS
  #cancel: () => void = () => undefined

  /** `granted` is called for the first lease, and for each one that takes the place of a lost one. */
  constructor(registry: Registry, clock: Pick<Surroundings, 'after'>, granted: () => void) {
    this.#registry = registry
    this.#clock = clock
    this.#granted = granted
  }

  /** Undefined while there is none. It may be lost already, and we are yet to hear of that. */
  get id(): string | undefined {
    return this.#id
  }

  start(): void {
    void this.#grant()
  }

  /** Somebody was told that it is no more. */
  lost(lease: string): void {
    if (this.#id !== lease || this.#closed) return
    this.#id = undefined
    this.#cancel()
    void this.#grant()
  }

  /** `revoke`: what is under it goes at once. */
  async close({ revoke }: { readonly revoke: boolean }): Promise<void> {
    this.#closed = true
    this.#cancel()
    const lease = this.#id
    this.#id = undefined
    if (lease === undefined || !revoke) return
    // Where the registry hangs it ends by itself, before any call of the registry would be given up.
    let cancel = (): void => undefined
    const late = new Promise<void>((resolve) => {
      cancel = this.#clock.after(CLUSTER_ECHO_MS, resolve)
    })
    await Promise.race([this.#registry.revokeLease(lease).catch(() => undefined), late])
    cancel()
  }

  async #grant(): Promise<void> {
    try {
      const lease = await this.#registry.grantLease(CLUSTER_LEASE_S)
      if (this.#closed) return
      this.#retryMs = CLUSTER_RETRY_MS
      this.#id = lease
      this.#next(CLUSTER_KEEP_ALIVE_S * 1000, () => this.#keepAlive(lease))
      this.#granted()
    } catch {
      this.#next(this.#retryMs, () => this.#grant())
      this.#retryMs = Math.min(2 * this.#retryMs, CLUSTER_RETRY_MS_MAX)
    }
  }

  async #keepAlive(lease: string): Promise<void> {
    try {
      const lives = await this.#registry.keepLeaseAlive(lease)
      if (this.#id !== lease) return
      if (lives) this.#next(CLUSTER_KEEP_ALIVE_S * 1000, () => this.#keepAlive(lease))
      else this.lost(lease)
    } catch {
      if (this.#id === lease) this.#next(CLUSTER_RETRY_MS, () => this.#keepAlive(lease))
    }
  }

  #next(ms: number, task: () => Promise<void>): void {
    if (!this.#closed) this.#cancel = this.#clock.after(ms, () => void task())
  }
}
