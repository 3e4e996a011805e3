/** Calls to a registry of several servers: to one of them for as long as it answers, then to the next. */

import { HealthRecord } from '../../control/registry/health-record.ts'
import type { ClusterServer } from '../../control/rules/cluster-address.ts'
import { REGISTRY_ANSWER_SIZE_MAX } from '../../limits.ts'
import { EtcdConnections, type Stream, type StreamLimits, type StreamListener } from './etcd-connection.ts'
import { EtcdFailure, GrpcCode, garbage, unavailable } from './etcd-failure.ts'
import { EtcdHistory, type EtcdMark, isSameEntry } from './etcd-history.ts'
import { entriesOf, headerOf } from './etcd-messages.ts'
import { EtcdGarbage, encodeText, type Json } from './etcd-text.ts'
import type { TlsFiles } from './tls-files.ts'

export interface EtcdTimes {
  /** Of one server, to answer one call. */
  readonly callMs: number
  /** Between looks at a registry that nothing comes from, while something is watched. */
  readonly pulseMs: number
  /** Without a word on a watch; etcd says every ten minutes, and up to a tenth more, that it is there. */
  readonly silenceMs: number
  /** Before a watch that was lost is tried again: from the first to the second, twice as long each time. */
  readonly retryMs: readonly [number, number]
}

export const ETCD_TIMES: EtcdTimes = {
  callMs: 4000,
  pulseMs: 5000,
  silenceMs: 12 * 60_000,
  retryMs: [50, 5000],
}

export interface CallOptions {
  /** Asked twice it has the same effect as asked once. */
  readonly repeatable: boolean
  /** Its answer is the truth of all members; the headers of others may be behind. */
  readonly linearizable: boolean
}

export const READ: CallOptions = { repeatable: true, linearizable: true }

/** How a look at the registry's past ended. */
export type PastCheck = 'same' | 'unknown' | 'another'

export class EtcdClient {
  readonly times: EtcdTimes
  readonly health: HealthRecord
  readonly history: EtcdHistory
  readonly #servers: readonly ClusterServer[]
  readonly #tls: TlsFiles | undefined
  readonly #connections: EtcdConnections
  readonly #moved = new Set<() => void>()
  readonly #restarted = new Set<() => void>()
  #current = 0
  /** A watch cannot begin: calls that are answered make no registry of it. */
  #watchFails = false
  #closed = false

  constructor(
    servers: readonly ClusterServer[],
    tls: TlsFiles | undefined,
    times: EtcdTimes,
    nowMs: () => number,
  ) {
    this.times = times
    this.#servers = servers
    this.#tls = tls
    this.#connections = new EtcdConnections(tls)
    this.health = new HealthRecord(nowMs)
    this.history = new EtcdHistory(() => {
      for (const listener of this.#restarted) listener()
    })
  }

  get closed(): boolean {
    return this.#closed
  }

  /** The server that calls go to. */
  get server(): string {
    return this.#connections.urlOf(this.#servers[this.#current]!)
  }

  /** Calls go to another server now. */
  onMoved(listener: () => void): () => void {
    this.#moved.add(listener)
    return () => void this.#moved.delete(listener)
  }

  /** The registry is another one: nothing that was told of it holds. */
  onRestarted(listener: () => void): () => void {
    this.#restarted.add(listener)
    return () => void this.#restarted.delete(listener)
  }

  /** Rejects with EtcdFailure `refused`, of which something may be made, or REGISTRY_UNAVAILABLE. */
  async call(path: string, body: Json, { repeatable, linearizable }: CallOptions): Promise<Json> {
    let problem: EtcdFailure | undefined
    let asked = ''
    const startedMs = performance.now()
    // A connection that was kept may have been cut by now: once more, then, where there is one server.
    for (let attempts = Math.max(2, this.#servers.length); attempts > 0; attempts--) {
      const at = this.#current
      asked = this.server
      try {
        return await this.#attempt(path, body, linearizable)
      } catch (error) {
        if (this.#closed) throw unavailable('it was closed')
        problem = this.#failed(error, at)
        if (problem.kind === 'refused') throw problem
        if (problem.kind === 'unknown' && !repeatable) break
        if (problem.kind === 'unsent' && this.#servers.length === 1) break
        if (performance.now() - startedMs > ATTEMPTS * this.times.callMs) break
      }
    }
    throw unavailable(this.#unreachable(problem!, asked), problem!.hint)
  }

  stream(path: string, body: Json, limits: StreamLimits, listener: StreamListener): Stream {
    const at = this.#current
    return this.#connections.stream(this.#servers[at]!, path, body, limits, {
      line: (value) => listener.line(value),
      ended: (failure) => {
        listener.ended(failure)
        this.#moveOn(at)
      },
    })
  }

  /** A watch could not begin. */
  watchFailed(failure: EtcdFailure): void {
    this.#watchFails = true
    this.#unreachable(failure, this.server)
  }

  /** It has begun. */
  watchBegan(): void {
    this.#watchFails = false
    this.health.answered()
  }

  /** Nobody asks for it any more. */
  watchClosed(): void {
    this.#watchFails = false
  }

  /** Whether the registry's past, as far as it is known, is still its past. Rejects as `call` does. */
  async checkPast(): Promise<PastCheck> {
    const { witness, mark } = this.history
    if (witness === undefined) {
      await this.call('/v3/kv/range', { key: NO_KEY, count_only: true }, READ)
      return this.#pastSince(mark)
    }
    const request = { key: encodeText(witness.entry.key) }
    try {
      const then = await this.call('/v3/kv/range', { ...request, revision: String(witness.at) }, READ)
      if (
        this.#pastSince(mark) === 'same' &&
        !isSameEntry(witness.entry, this.#parse(() => entriesOf(then))[0])
      )
        this.history.restart(mark.past)
      return this.#pastSince(mark)
    } catch (error) {
      if (!(error instanceof EtcdFailure) || error.grpcCode !== GrpcCode.outOfRange) throw error
      if (!/compacted/.test(error.message)) this.history.restart(mark.past)
    }
    return (await this.refreshWitness()) ? this.#pastSince(mark) : this.#pastSince(mark, 'unknown')
  }

  /** So that the revision at which it is asked about is a late one, which is not compacted yet. Whether it is as it was. */
  async refreshWitness(): Promise<boolean> {
    const { witness, mark } = this.history
    const key = witness === undefined ? NO_KEY : encodeText(witness.entry.key)
    const now = await this.call('/v3/kv/range', { key }, READ)
    if (witness === undefined) return true
    const [entry] = this.#parse(() => entriesOf(now))
    if (!isSameEntry(witness.entry, entry)) return false
    this.history.saw(mark.past, witness.entry, this.#parse(() => headerOf(now)).revision)
    return true
  }

  close(): void {
    this.#closed = true
    this.#connections.close()
  }

  #pastSince(mark: EtcdMark, otherwise: PastCheck = 'same'): PastCheck {
    return this.history.mark.past === mark.past ? otherwise : 'another'
  }

  async #attempt(path: string, body: Json, linearizable: boolean): Promise<Json> {
    if (this.#closed) throw unavailable('it was closed')
    const { mark } = this.history
    const limits = { deadlineMs: this.times.callMs, sizeMax: REGISTRY_ANSWER_SIZE_MAX }
    const answer = await this.#connections.call(this.#servers[this.#current]!, path, body, limits)
    if (this.#closed) throw unavailable('it was closed')
    if (linearizable)
      this.history.answered(
        mark,
        this.#parse(() => headerOf(answer)),
      )
    this.#answered()
    return answer
  }

  #failed(error: unknown, at: number): EtcdFailure {
    if (!(error instanceof EtcdFailure)) throw error
    if (error.kind === 'refused') this.#answered()
    else this.#moveOn(at)
    return error
  }

  #moveOn(from: number): void {
    this.#tls?.maybeRenewed()
    if (this.#servers.length === 1 || this.#current !== from || this.#closed) return
    this.#current = (from + 1) % this.#servers.length
    for (const listener of this.#moved) listener()
  }

  #answered(): void {
    if (!this.#watchFails) this.health.answered()
  }

  #unreachable(failure: EtcdFailure, server: string): string {
    const problem = `${server}: ${failure.message}`
    this.health.failed(problem)
    return problem
  }

  #parse<Result>(parse: () => Result): Result {
    try {
      return parse()
    } catch (error) {
      throw error instanceof EtcdGarbage ? garbage(error) : error
    }
  }
}

/** Times that a call may take as long as one server may. */
const ATTEMPTS = 2

/** Asked about where it is the header that matters. */
const NO_KEY = encodeText('\0')
