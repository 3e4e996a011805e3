/** How many connections there may be, in all and of one client: whoever has its share makes room for its next one, or gets none. */

import { DNS_CONNECTIONS_MAX, DNS_CONNECTIONS_PER_RESOLVER_MAX } from '../../limits.ts'

export interface SharedConnection {
  /** Whether it waits for a question. */
  readonly idle: boolean
  close(): void
}

export class ConnectionShares {
  readonly #max: number
  readonly #perClient: number
  /** In the order of their coming. */
  readonly #all = new Map<SharedConnection, string>()
  readonly #counts = new Map<string, number>()

  constructor(max: number = DNS_CONNECTIONS_MAX, perClient: number = DNS_CONNECTIONS_PER_RESOLVER_MAX) {
    this.#max = max
    this.#perClient = perClient
  }

  get size(): number {
    return this.#all.size
  }

  /** Whether a client may have another one. The oldest idle one is closed for it where need be: its own, if it has its share. */
  makeRoom(client: string): boolean {
    const hasShare = (this.#counts.get(client) ?? 0) >= this.#perClient
    if (!hasShare && this.#all.size < this.#max) return true
    for (const [connection, of] of this.#all) {
      if (!connection.idle || (hasShare && of !== client)) continue
      this.remove(connection)
      connection.close()
      return true
    }
    return false
  }

  add(client: string, connection: SharedConnection): void {
    this.#all.set(connection, client)
    this.#counts.set(client, (this.#counts.get(client) ?? 0) + 1)
  }

  /** More than once does no harm. */
  remove(connection: SharedConnection): void {
    const client = this.#all.get(connection)
    if (client === undefined) return
    this.#all.delete(connection)
    const left = (this.#counts.get(client) ?? 1) - 1
    if (left === 0) this.#counts.delete(client)
    else this.#counts.set(client, left)
  }
}
