/**
 * One watch, over as many streams as it takes.
 *
 *     open a stream, from the revision before the next one
 *       │ created
 *     is the registry's past still its past? ──no──▶ lost('regressed')
 *       │ yes
 *     tell ◀── events         compacted ──▶ lost('compacted')
 *       │ the stream ends
 *     wait, and again
 */

import { TapwireError } from '../../control/errors.ts'
import type { RegistryChange, RegistryListener, RegistryWatch } from '../../control/registry/registry.ts'
import { revisionOf } from '../../control/registry/registry-change.ts'
import { REGISTRY_EVENTS_MAX, REGISTRY_LINE_SIZE_MAX } from '../../limits.ts'
import type { EtcdClient } from './etcd-client.ts'
import type { Stream } from './etcd-connection.ts'
import { EtcdFailure } from './etcd-failure.ts'
import { changesOf, headerOf } from './etcd-messages.ts'
import { EtcdGarbage, type Json, numberOf, prefixRange } from './etcd-text.ts'

export class EtcdWatch implements RegistryWatch {
  readonly #client: EtcdClient
  readonly #prefix: string
  readonly #listener: RegistryListener
  readonly #ended: () => void
  readonly #forget: readonly (() => void)[]
  readonly #past: number
  /** The first revision that was not told of. */
  #next: number
  #stream: Stream | undefined
  /** Counts streams: what a former one sets off late is not of this one. */
  #attempt = 0
  #verified = false
  /** Lines that came before it was. */
  #early: Json[] = []
  /** Of an answer that comes in fragments. */
  #fragments: RegistryChange[] = []
  #retryMs: number
  #timer: NodeJS.Timeout | undefined
  #over = false

  constructor(
    client: EtcdClient,
    prefix: string,
    from: number,
    listener: RegistryListener,
    ended: () => void,
  ) {
    this.#client = client
    this.#prefix = prefix
    this.#next = Math.max(1, from)
    this.#listener = listener
    this.#ended = ended
    this.#past = client.history.mark.past
    this.#retryMs = client.times.retryMs[0]
    this.#forget = [client.onMoved(() => this.#again(0)), client.onRestarted(() => this.#lose('regressed'))]
    // Listeners are never called from within a call of the registry.
    this.#timer = setTimeout(() => this.#open(), 0)
  }

  close(): void {
    if (this.#over) return
    this.#over = true
    this.#client.watchClosed()
    clearTimeout(this.#timer)
    this.#stream?.close()
    for (const forget of this.#forget) forget()
    this.#ended()
  }

  #lose(reason: 'compacted' | 'regressed'): void {
    if (this.#over) return
    this.close()
    this.#listener.lost(reason)
  }

  #open(): void {
    const attempt = ++this.#attempt
    this.#verified = false
    this.#early = []
    this.#fragments = []
    const { callMs, silenceMs } = this.#client.times
    this.#stream = this.#client.stream(
      '/v3/watch',
      { create_request: this.#request() },
      { deadlineMs: callMs, silenceMs, lineMax: REGISTRY_LINE_SIZE_MAX },
      {
        line: (line) => {
          if (attempt === this.#attempt) this.#line(line, attempt)
        },
        ended: (failure) => {
          if (attempt === this.#attempt) this.#failed(failure)
        },
      },
    )
  }

  /**
   * From the revision before the next one, whose changes are left out: where that one is compacted etcd says so. It does not where the
   * revision that it starts from is itself the last compacted one, and then a deletion at that revision is not told (etcd 3.4, 3.5).
   */
  #request(): Json {
    const start = String(Math.max(1, this.#next - 1))
    return { ...prefixRange(this.#prefix), start_revision: start, progress_notify: true, fragment: true }
  }

  #line(line: Json, attempt: number): void {
    if (line['canceled'] === true) this.#canceled(line)
    else if (line['created'] === true) void this.#verify(attempt)
    else if (this.#verified) this.#tell(line)
    else this.#early.push(line)
  }

  #canceled(line: Json): void {
    if (numberOf(line['compact_revision'], 'compact_revision') > 0) this.#lose('compacted')
    else throw new EtcdFailure('unknown', `it ended the watch: ${JSON.stringify(line['cancel_reason'])}`)
  }

  /** Behind the stream's beginning, so that it is of the very registry that answers. etcd waits in silence for revisions to come. */
  async #verify(attempt: number): Promise<void> {
    this.#stream?.pause()
    try {
      const past = await this.#client.checkPast()
      if (this.#over || attempt !== this.#attempt) return
      if (past === 'unknown') this.#lose('compacted')
      else if (this.#next - 1 > this.#client.history.mark.revision) this.#lose('regressed')
      else this.#begin()
    } catch (error) {
      if (attempt === this.#attempt) this.#failed(error)
      // Of who listens.
      if (!isExpected(error)) throw error
    }
  }

  #begin(): void {
    this.#verified = true
    this.#client.watchBegan()
    this.#retryMs = this.#client.times.retryMs[0]
    const early = this.#early
    this.#early = []
    for (const line of early) this.#tell(line)
    this.#stream?.resume()
  }

  #tell(line: Json): void {
    if (this.#over) return
    const { revision } = headerOf(line)
    this.#fragments.push(...changesOf(line))
    if (this.#fragments.length > REGISTRY_EVENTS_MAX)
      throw new EtcdGarbage(`an answer has more than ${REGISTRY_EVENTS_MAX} events`)
    if (line['fragment'] === true) return
    const changes = this.#fragments.filter((change) => revisionOf(change) >= this.#next)
    const last = this.#fragments.at(-1)
    this.#fragments = []
    if (last === undefined) this.#next = Math.max(this.#next, revision + 1)
    else this.#changed(changes, revisionOf(last))
  }

  #changed(changes: readonly RegistryChange[], revision: number): void {
    const put = changes.findLast((change) => change.kind === 'put')
    this.#client.history.saw(this.#past, put?.entry, revision)
    this.#next = Math.max(this.#next, revision + 1)
    if (changes.length > 0) this.#listener.changed(changes, revision)
  }

  /** A stream that had begun may have been cut by anything in between; the next one shows whether etcd is there. */
  #failed(error: unknown): void {
    if (this.#over) return
    if (error instanceof EtcdFailure && !this.#verified) this.#client.watchFailed(error)
    const [, longest] = this.#client.times.retryMs
    this.#again(this.#retryMs)
    this.#retryMs = Math.min(longest, 2 * this.#retryMs)
  }

  #again(inMs: number): void {
    if (this.#over) return
    this.#attempt++
    this.#stream?.close()
    this.#stream = undefined
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#open(), inMs)
  }
}

const isExpected = (error: unknown): boolean =>
  error instanceof EtcdFailure || error instanceof EtcdGarbage || error instanceof TapwireError
