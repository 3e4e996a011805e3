/** A question on its way through the servers of its group, for all who have asked it. */

import type { ClientQuestion } from './dns-client-question.ts'
import type { DnsUpstreamGroup } from './dns-upstream-group.ts'
import type { UpstreamQuery } from './dns-upstream-query.ts'
import type { UpstreamResponse } from './dns-upstream-response.ts'
import type { DnsUpstreamServer } from './dns-upstream-server.ts'

/** Somebody who waits. */
export interface Waiter {
  readonly ticket: number
  readonly resolver: number
  readonly question: ClientQuestion
  /** Bytes that the answer may have. */
  readonly limit: number
  readonly lookup: Lookup
}

export interface Lookup {
  readonly key: string
  readonly group: DnsUpstreamGroup
  /** The group's when it began. */
  readonly epoch: number
  /** As the first of the waiters asks it. */
  readonly question: ClientQuestion
  /** Whose answer it will be in the cache: the first of the waiters. */
  readonly resolver: number
  readonly waiters: Set<Waiter>
  readonly tried: Set<DnsUpstreamServer>
  /** With servers that may answer yet: the current one, and those that had their time before. */
  readonly exchanges: Set<Exchange>
  current: Exchange | undefined
  readonly deadlineMs: number
}

/** A query on a socket of its own. */
export interface Exchange {
  readonly id: number
  readonly lookup: Lookup
  readonly server: DnsUpstreamServer
  readonly transport: 'udp' | 'tcp'
  readonly query: UpstreamQuery
  /** Why the server is asked the same once more; undefined where it is asked first. */
  readonly again: 'misspelled' | 'truncated' | 'no-edns' | undefined
  readonly sentMs: number
  readonly deadlineMs: number
  /** Messages that were no answer to it. */
  rejected: number
}

export type LookupOutcome =
  | {
      readonly kind: 'response'
      readonly response: UpstreamResponse
      readonly server: DnsUpstreamServer
    }
  /** All servers were tried, or the time is over. */
  | { readonly kind: 'failed' }
