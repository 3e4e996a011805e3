/** The servers of a group, and which of them is asked next. */

import { DNS_SERVERS_MAX } from '../limits.ts'
import type { UpstreamServer } from './dns-forwarder-types.ts'
import { DnsUpstreamServer } from './dns-upstream-server.ts'

export class DnsUpstreamGroup {
  readonly id: number
  /** Counts the sets of servers that there were: what one of an earlier set answers is not remembered. */
  epoch = 0
  #servers: readonly DnsUpstreamServer[] = []

  constructor(id: number) {
    this.id = id
  }

  get servers(): readonly DnsUpstreamServer[] {
    return this.#servers
  }

  /** False where nothing has changed. A server that stays keeps what is known of it. */
  setServers(servers: readonly UpstreamServer[]): boolean {
    const before = this.#servers
    const unique = servers.filter((server, i) => servers.findIndex((other) => isSame(other, server)) === i)
    this.#servers = unique
      .slice(0, DNS_SERVERS_MAX)
      .map((server) => before.find((known) => isSame(known.server, server)) ?? new DnsUpstreamServer(server))
    const hasChanged =
      before.length !== this.#servers.length || this.#servers.some((server, i) => server !== before[i])
    if (hasChanged) this.epoch++
    return hasChanged
  }

  /** In their order, but those that were silent lately behind all others; undefined when all have been tried. */
  next(nowMs: number, tried: ReadonlySet<DnsUpstreamServer>): DnsUpstreamServer | undefined {
    const left = this.#servers.filter((server) => !tried.has(server))
    return left.find((server) => !server.isSilent(nowMs)) ?? left[0]
  }
}

const isSame = (a: UpstreamServer, b: UpstreamServer): boolean => a.address === b.address && a.port === b.port
