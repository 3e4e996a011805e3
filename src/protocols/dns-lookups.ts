/**
 * Questions on their way: each server of the group in turn, until one answers.
 *
 *     UDP  --> response                                             the answer
 *          --> nothing, in DNS_SERVER_TIMEOUT_MS                    next server; this one may answer yet
 *          --> SERVFAIL, REFUSED, nonsense, an error of the network next server
 *          --> TC, or spelled otherwise, or much that is no answer  the same server by TCP
 *          --> FORMERR, NOTIMP                                      the same server without EDNS
 *
 * A server that has had its time is still listened to: if it answers before the next one does, its answer is as good. What else
 * comes from it ends its exchange and nothing more.
 *
 * A server that answers in another spelling is asked again by TCP, where nobody can forge blindly. Only if it changes the spelling
 * there as well is that its habit, which is remembered for a while: else whoever guessed port and id once could switch the random
 * spelling off. Likewise a server is asked without EDNS for a while only after it has answered a question without.
 */

import { DNS_FORWARD_TIMEOUT_MS, DNS_REJECTED_MAX, DNS_SERVER_TIMEOUT_MS } from '../limits.ts'
import { RCODE_FORMAT_ERROR, RCODE_NOT_IMPLEMENTED, RCODE_SERVER_FAILURE } from '../wire/dns.ts'
import type { ClientQuestion } from './dns-client-question.ts'
import type { ExchangeFailure, ForwarderAction } from './dns-forwarder-types.ts'
import type { Exchange, Lookup, LookupOutcome } from './dns-lookup.ts'
import type { DnsUpstreamGroup } from './dns-upstream-group.ts'
import { composeUpstreamQuery, randomSize } from './dns-upstream-query.ts'
import { type Judgement, judge } from './dns-upstream-response.ts'
import type { DnsUpstreamServer } from './dns-upstream-server.ts'

export interface DnsLookupsParts {
  readonly random: (size: number) => Uint8Array
  act(action: ForwarderAction): void
  /** The lookup is over, its exchanges are closed. */
  ended(nowMs: number, lookup: Lookup, outcome: LookupOutcome): void
}

/** How a server is asked the same once more. */
interface Again {
  readonly transport: 'udp' | 'tcp'
  readonly hasEdns: boolean
  readonly why: Exchange['again']
}

export class DnsLookups {
  readonly #parts: DnsLookupsParts
  readonly #lookups = new Set<Lookup>()
  readonly #exchanges = new Map<number, Exchange>()
  #lastExchange = 0
  /** No deadline is before; undefined: there is none. */
  #nextMs: number | undefined

  constructor(parts: DnsLookupsParts) {
    this.#parts = parts
  }

  get exchanges(): number {
    return this.#exchanges.size
  }

  create(
    nowMs: number,
    key: string,
    group: DnsUpstreamGroup,
    question: ClientQuestion,
    resolver: number,
  ): Lookup {
    const lookup: Lookup = {
      key,
      group,
      epoch: group.epoch,
      question,
      resolver,
      waiters: new Set(),
      tried: new Set(),
      exchanges: new Set(),
      current: undefined,
      deadlineMs: nowMs + DNS_FORWARD_TIMEOUT_MS,
    }
    this.#lookups.add(lookup)
    return lookup
  }

  /** Asks the first server. */
  start(nowMs: number, lookup: Lookup): void {
    this.#askNext(nowMs, lookup)
  }

  /** Nobody waits any more. */
  abandon(lookup: Lookup): void {
    this.#lookups.delete(lookup)
    for (const exchange of lookup.exchanges) this.#close(exchange)
  }

  /** Those of a group that is no more. */
  abandonGroup(group: DnsUpstreamGroup): readonly Lookup[] {
    const lookups = Array.from(this.#lookups).filter((lookup) => lookup.group === group)
    for (const lookup of lookups) this.abandon(lookup)
    return lookups
  }

  receive(nowMs: number, id: number, message: Uint8Array): void {
    const exchange = this.#exchanges.get(id)
    if (exchange === undefined) return
    const { server } = exchange
    const judgement = judge(exchange.query, message, exchange.transport)
    if (judgement.verdict === 'rejected') return this.#reject(nowMs, exchange)
    if (judgement.verdict === 'misspelled') server.rejected++
    else server.noteAnswer(nowMs, nowMs - exchange.sentMs, exchange.lookup.current !== exchange)
    this.#follow(nowMs, exchange, judgement)
  }

  failed(nowMs: number, id: number, reason: ExchangeFailure): void {
    const exchange = this.#exchanges.get(id)
    if (exchange === undefined) return
    exchange.server.failures++
    // Who refuses does so at once and may be back at once: a server that is started again. No way there costs time to find out.
    if (reason === 'unreachable') exchange.server.noteSilent(nowMs)
    this.#exchanges.delete(id)
    exchange.lookup.exchanges.delete(exchange)
    this.#moveOn(nowMs, exchange)
  }

  tick(nowMs: number): void {
    if (this.#nextMs === undefined || nowMs < this.#nextMs) return
    // All deadlines are looked at, and those that come from now on lower this again.
    this.#nextMs = undefined
    for (const lookup of this.#lookups) {
      const { current } = lookup
      if (current !== undefined && nowMs >= current.deadlineMs) this.#timeOut(nowMs, current)
      else if (current !== undefined) this.#expectBy(current.deadlineMs)
    }
  }

  /** Never late; early where what was waited for has come meanwhile. */
  nextTimeoutMs(): number | undefined {
    return this.#lookups.size === 0 ? undefined : this.#nextMs
  }

  /**
   * By UDP anybody may have sent it, and the answer may come yet. By TCP nobody but the server, which would say such things for ever,
   * at the speed of the connection.
   */
  #reject(nowMs: number, exchange: Exchange): void {
    exchange.server.rejected++
    exchange.rejected++
    if (exchange.transport === 'tcp') {
      this.#follow(nowMs, exchange, { verdict: 'failure', rcode: RCODE_SERVER_FAILURE })
    } else if (exchange.rejected >= DNS_REJECTED_MAX) {
      this.#follow(nowMs, exchange, { verdict: 'misspelled' })
    }
  }

  #follow(nowMs: number, exchange: Exchange, judgement: Exclude<Judgement, { verdict: 'rejected' }>): void {
    const { lookup, server, again } = exchange
    if (judgement.verdict === 'response') {
      if (again === 'no-edns') server.noteNoEdns(nowMs)
      if (again === 'misspelled' && judgement.isMisspelled) server.noteRespells(nowMs)
      this.#end(nowMs, lookup, { kind: 'response', response: judgement.response, server })
      return
    }
    this.#close(exchange)
    const how = retry(exchange, judgement)
    if (how !== undefined && lookup.current === exchange) {
      this.#send(nowMs, lookup, server, how)
      return
    }
    if (judgement.verdict === 'failure') server.failures++
    this.#moveOn(nowMs, exchange)
  }

  /** It had its time, and may answer yet. */
  #timeOut(nowMs: number, exchange: Exchange): void {
    const { server, sentMs } = exchange
    server.timeouts++
    // Not, if it had less than its time because that of the lookup is over.
    if (nowMs - sentMs >= DNS_SERVER_TIMEOUT_MS) server.noteTimeout(nowMs, sentMs)
    this.#moveOn(nowMs, exchange)
  }

  /** Only who is waited for keeps the lookup from going on. */
  #moveOn(nowMs: number, exchange: Exchange): void {
    const { lookup } = exchange
    if (lookup.current === exchange) this.#askNext(nowMs, lookup)
  }

  #askNext(nowMs: number, lookup: Lookup): void {
    const server = nowMs < lookup.deadlineMs ? lookup.group.next(nowMs, lookup.tried) : undefined
    if (server === undefined) {
      this.#end(nowMs, lookup, { kind: 'failed' })
      return
    }
    lookup.tried.add(server)
    this.#send(nowMs, lookup, server, { transport: 'udp', hasEdns: server.knowsEdns(nowMs), why: undefined })
  }

  #send(nowMs: number, lookup: Lookup, server: DnsUpstreamServer, how: Again): void {
    const { question, group } = lookup
    const { transport, hasEdns, why } = how
    const random = this.#parts.random(randomSize(question))
    const query = composeUpstreamQuery(question, random, { hasEdns, spells: server.keepsSpelling(nowMs) })
    const deadlineMs = Math.min(nowMs + DNS_SERVER_TIMEOUT_MS, lookup.deadlineMs)
    const id = ++this.#lastExchange
    const exchange: Exchange = {
      id,
      lookup,
      server,
      transport,
      query,
      again: why,
      sentMs: nowMs,
      deadlineMs,
      rejected: 0,
    }
    this.#exchanges.set(id, exchange)
    lookup.exchanges.add(exchange)
    lookup.current = exchange
    server.noteAsked(nowMs)
    this.#expectBy(deadlineMs)
    const { message } = query
    this.#parts.act({
      kind: 'send',
      exchange: id,
      group: group.id,
      server: server.server,
      transport,
      message,
    })
  }

  #expectBy(deadlineMs: number): void {
    this.#nextMs = Math.min(this.#nextMs ?? deadlineMs, deadlineMs)
  }

  #end(nowMs: number, lookup: Lookup, outcome: LookupOutcome): void {
    this.abandon(lookup)
    this.#parts.ended(nowMs, lookup, outcome)
  }

  #close(exchange: Exchange): void {
    this.#exchanges.delete(exchange.id)
    exchange.lookup.exchanges.delete(exchange)
    this.#parts.act({ kind: 'close', exchange: exchange.id })
  }
}

/** Whether the server is to be asked the same once more, and how. Each way leads on: to TCP, then to no EDNS, then nowhere. */
function retry(exchange: Exchange, judgement: Judgement): Again | undefined {
  const { hasEdns } = exchange.query
  if (judgement.verdict === 'misspelled' || judgement.verdict === 'truncated') {
    return { transport: 'tcp', hasEdns, why: judgement.verdict }
  }
  if (judgement.verdict !== 'failure' || !hasEdns || !isWithoutEdns(judgement.rcode)) return undefined
  return { transport: exchange.transport, hasEdns: false, why: 'no-edns' }
}

/** What servers say to OPT that are older than it (RFC 6891, 7). */
const isWithoutEdns = (rcode: number): boolean =>
  rcode === RCODE_FORMAT_ERROR || rcode === RCODE_NOT_IMPLEMENTED
