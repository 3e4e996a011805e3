/**
 * Asks servers outside for names that no network has. It decides, and the caller does: opens sockets, keeps the time, hands answers on.
 *
 *     ask --> cache --> who waits (quotas) --> lookup, shared by all who ask the same --> servers in turn
 *               |              |                                                              |
 *               v              v REFUSED                                                      v
 *             answer <--------------------------------------------------- response, or SERVFAIL
 *
 * Questions that are the same and on their way share one query. Without that, whoever makes a sandbox ask the same a thousand times
 * would have a thousand ids and ports to guess one of (the birthday attack; RFC 5452, 5).
 */

import {
  DNS_CACHE_ENTRIES_MAX,
  DNS_CACHE_FAILURE_TTL_S,
  DNS_CACHE_SIZE_MAX,
  DNS_FORWARDS_MAX,
  DNS_FORWARDS_PER_RESOLVER_MAX,
} from '../limits.ts'
import { RCODE_REFUSED, RCODE_SERVER_FAILURE } from '../wire/dns.ts'
import { DnsCache } from './dns-cache.ts'
import { composeAnswer, composeError, composeFormatError } from './dns-client-answer.ts'
import { type ClientQuestion, questionKey, readQuestion } from './dns-client-question.ts'
import type {
  ExchangeFailure,
  ForwardedQuestion,
  ForwarderAction,
  ForwarderStats,
  ForwarderVerdict,
  UpstreamGroup,
  UpstreamServer,
} from './dns-forwarder-types.ts'
import type { Lookup, LookupOutcome, Waiter } from './dns-lookup.ts'
import { DnsLookups } from './dns-lookups.ts'
import { DnsUpstreamGroup } from './dns-upstream-group.ts'
import type { UpstreamResponse } from './dns-upstream-response.ts'
import { DnsWaiting } from './dns-waiting.ts'

export interface DnsForwarderParts {
  /** That many bytes that nobody outside can foresee: of a cryptographic source. */
  readonly random: (size: number) => Uint8Array
  /** Instead of those of limits.ts. */
  readonly limits?: Partial<DnsForwarderLimits>
}

export interface DnsForwarderLimits {
  /** Questions that wait. */
  readonly waiting: number
  readonly waitingPerResolver: number
  readonly cacheEntries: number
  readonly cacheBytes: number
}

/** What is remembered of a question. */
interface Known {
  /** Undefined: no server has answered. */
  readonly response: UpstreamResponse | undefined
  readonly server: UpstreamServer | undefined
}

const NOBODY: Known = { response: undefined, server: undefined }

export class DnsForwarder {
  #actions: ForwarderAction[] = []
  readonly #groups = new Map<number, DnsUpstreamGroup>()
  readonly #cache: DnsCache<Known>
  readonly #waiting: DnsWaiting<Waiter>
  readonly #lookups: DnsLookups
  /** Lookups that others may join, by the key of their question. */
  readonly #shared = new Map<string, Lookup>()

  constructor({ random, limits = {} }: DnsForwarderParts) {
    const { waiting = DNS_FORWARDS_MAX, waitingPerResolver = DNS_FORWARDS_PER_RESOLVER_MAX } = limits
    const { cacheEntries = DNS_CACHE_ENTRIES_MAX, cacheBytes = DNS_CACHE_SIZE_MAX } = limits
    this.#cache = new DnsCache({ entries: cacheEntries, bytes: cacheBytes })
    this.#waiting = new DnsWaiting({ waiting, waitingPerResolver })
    this.#lookups = new DnsLookups({
      random,
      act: (action) => this.#actions.push(action),
      ended: (nowMs, lookup, outcome) => this.#ended(nowMs, lookup, outcome),
    })
  }

  /**
   * A new group, or other servers for one: then what its old ones have answered is forgotten. Questions on their way go on with the
   * server that has been asked, and with the new ones after it; whoever asks the same from now on does not wait for them.
   */
  setGroup({ id, servers }: UpstreamGroup): void {
    const group = this.#groups.get(id) ?? new DnsUpstreamGroup(id)
    this.#groups.set(id, group)
    if (!group.setServers(servers)) return
    this.#cache.flush(id)
    for (const lookup of this.#shared.values()) if (lookup.group === group) this.#unshare(lookup)
  }

  /** Its waiting questions are answered with SERVFAIL, and what its servers have answered is forgotten. */
  removeGroup(id: number): void {
    const group = this.#groups.get(id)
    if (group === undefined) return
    this.#groups.delete(id)
    this.#cache.flush(id)
    for (const lookup of this.#lookups.abandonGroup(group)) this.#answerAll(lookup, NOBODY)
  }

  /** Each question is answered by one action 'answer', at once or later; of a group that is not there, with SERVFAIL. */
  ask(nowMs: number, { ticket, resolver, group: id, message, limit }: ForwardedQuestion): void {
    const question = readQuestion(message)
    if (question === undefined) {
      const answer = composeFormatError(message)
      this.#actions.push({ kind: 'answer', ticket, message: answer, verdict: 'failed', server: undefined })
      return
    }
    const asker = { ticket, question, limit }
    const group = this.#groups.get(id)
    if (group === undefined) return this.#answer(asker, NOBODY, 0, 'failed')
    const key = questionKey(id, question)
    const known = this.#cache.get(nowMs, key)
    if (known !== undefined) return this.#answer(asker, known.answer, known.ageS, 'cached')
    this.#wait(nowMs, key, group, { ...asker, resolver })
  }

  /**
   * A message from the exchange's socket: a datagram, or a message by TCP without its length. Of an exchange that is over, it is
   * ignored.
   */
  receive(nowMs: number, exchange: number, message: Uint8Array): void {
    this.#lookups.receive(nowMs, exchange, message)
  }

  /** The exchange's socket is closed, or never was open: for this exchange there is no 'close'. */
  failed(nowMs: number, exchange: number, reason: ExchangeFailure): void {
    this.#lookups.failed(nowMs, exchange, reason)
  }

  /** To be called at `nextTimeoutMs` or soon after. */
  tick(nowMs: number): void {
    this.#lookups.tick(nowMs)
  }

  /** When `tick` is to be called next, on the clock of `nowMs`; undefined: not before another question. */
  nextTimeoutMs(): number | undefined {
    return this.#lookups.nextTimeoutMs()
  }

  /** What is to be done since the last call: to be asked for after each call of another method. */
  takeActions(): readonly ForwarderAction[] {
    const actions = this.#actions
    this.#actions = []
    return actions
  }

  /** Forgets all answers, and says how many there were. */
  flushCache(): number {
    return this.#cache.flush()
  }

  stats(): ForwarderStats {
    const { size: entries, capacity, bytes, hits, misses, evicted } = this.#cache
    const groups = Array.from(this.#groups.values())
    return {
      waiting: this.#waiting.size,
      exchanges: this.#lookups.exchanges,
      cache: { entries, capacity, bytes, hits, misses, evicted },
      servers: groups.flatMap(({ id, servers }) => servers.map((server) => server.stats(id))),
    }
  }

  #wait(nowMs: number, key: string, group: DnsUpstreamGroup, asker: Omit<Waiter, 'lookup'>): void {
    const shared = this.#shared.get(key)
    const { question, resolver } = asker
    const lookup = shared ?? this.#lookups.create(nowMs, key, group, question, resolver)
    const waiter: Waiter = { ...asker, lookup }
    const admission = this.#waiting.admit(waiter)
    if (!admission.isAdmitted) {
      if (shared === undefined) this.#lookups.abandon(lookup)
      return this.#refuse(waiter)
    }
    lookup.waiters.add(waiter)
    if (admission.displaced !== undefined) this.#displace(admission.displaced)
    if (shared !== undefined) return
    this.#shared.set(key, lookup)
    this.#lookups.start(nowMs, lookup)
  }

  #displace(waiter: Waiter): void {
    const { lookup } = waiter
    this.#refuse(waiter)
    lookup.waiters.delete(waiter)
    if (lookup.waiters.size > 0) return
    this.#unshare(lookup)
    this.#lookups.abandon(lookup)
  }

  #ended(nowMs: number, lookup: Lookup, outcome: LookupOutcome): void {
    const isResponse = outcome.kind === 'response'
    const known = isResponse ? { response: outcome.response, server: outcome.server.server } : NOBODY
    this.#remember(nowMs, lookup, known)
    this.#answerAll(lookup, known)
  }

  #answerAll(lookup: Lookup, known: Known): void {
    this.#unshare(lookup)
    for (const waiter of lookup.waiters) {
      this.#waiting.remove(waiter)
      this.#answer(waiter, known, 0, 'forwarded')
    }
  }

  #unshare(lookup: Lookup): void {
    if (this.#shared.get(lookup.key) === lookup) this.#shared.delete(lookup.key)
  }

  /** Not, what came from servers that the group has no more. */
  #remember(nowMs: number, lookup: Lookup, known: Known): void {
    const { key, group, epoch, resolver } = lookup
    if (this.#groups.get(group.id) !== group || group.epoch !== epoch) return
    const size = known.response?.message.length ?? 0
    const ttlS = known.response?.ttlS ?? DNS_CACHE_FAILURE_TTL_S
    this.#cache.put(nowMs, { key, group: group.id, resolver, answer: known, size, ttlS })
  }

  #answer(
    { ticket, question, limit }: { ticket: number; question: ClientQuestion; limit: number },
    { response, server }: Known,
    ageS: number,
    verdict: ForwarderVerdict,
  ): void {
    const message =
      response === undefined
        ? composeError(question, RCODE_SERVER_FAILURE, limit)
        : composeAnswer(question, response, ageS, limit)
    const outcome = response === undefined ? 'failed' : verdict
    this.#actions.push({ kind: 'answer', ticket, message, verdict: outcome, server })
  }

  #refuse({ ticket, question, limit }: Waiter): void {
    const message = composeError(question, RCODE_REFUSED, limit)
    this.#actions.push({ kind: 'answer', ticket, message, verdict: 'refused', server: undefined })
  }
}
