/** A server outside: what it has been asked, and what is known of its habits. */

import { DNS_SERVER_HABIT_MS, DNS_SERVER_SILENT_MS } from '../limits.ts'
import type { ForwarderServerStats, UpstreamServer } from './dns-forwarder-types.ts'

/** RFC 6298, 2: a sample counts an eighth. */
const SMOOTHING = 8

export class DnsUpstreamServer {
  readonly server: UpstreamServer
  asked = 0
  answered = 0
  timeouts = 0
  failures = 0
  rejected = 0
  #roundTripMs: number | undefined
  #answeredMs = Number.NEGATIVE_INFINITY
  /** Undefined where it answers, for all that is known. */
  #silentUntilMs: number | undefined
  #noEdnsUntilMs = 0
  #respellsUntilMs = 0

  constructor(server: UpstreamServer) {
    this.server = server
  }

  isSilent(nowMs: number): boolean {
    return this.#silentUntilMs !== undefined && nowMs < this.#silentUntilMs
  }

  /**
   * It is about to be asked. If it was silent and its time is over, this question tries whether it still is; the others are to go on
   * asking elsewhere until then, so that not all of them wait for it.
   */
  noteAsked(nowMs: number): void {
    this.asked++
    if (this.#silentUntilMs !== undefined) this.#silentUntilMs = nowMs + DNS_SERVER_SILENT_MS
  }

  /** It, or the way to it, gives no answer. */
  noteSilent(nowMs: number): void {
    this.#silentUntilMs = nowMs + DNS_SERVER_SILENT_MS
  }

  /**
   * A question that it was asked at `sentMs` had its time. If it has answered others since, it is the name that nobody answers for, and who
   * asks for such names does not choose the server that all others ask.
   */
  noteTimeout(nowMs: number, sentMs: number): void {
    if (this.#answeredMs <= sentMs) this.noteSilent(nowMs)
  }

  /** `isLate`: another was asked meanwhile. That does not make it one to be asked first. */
  noteAnswer(nowMs: number, roundTripMs: number, isLate: boolean): void {
    this.answered++
    this.#answeredMs = nowMs
    if (!isLate) this.#silentUntilMs = undefined
    const smoothed = this.#roundTripMs ?? roundTripMs
    this.#roundTripMs = smoothed + (roundTripMs - smoothed) / SMOOTHING
  }

  knowsEdns(nowMs: number): boolean {
    return nowMs >= this.#noEdnsUntilMs
  }

  /** It has answered without EDNS what it had not with it. */
  noteNoEdns(nowMs: number): void {
    this.#noEdnsUntilMs = nowMs + DNS_SERVER_HABIT_MS
  }

  keepsSpelling(nowMs: number): boolean {
    return nowMs >= this.#respellsUntilMs
  }

  /** It has changed the spelling by UDP and by TCP. */
  noteRespells(nowMs: number): void {
    this.#respellsUntilMs = nowMs + DNS_SERVER_HABIT_MS
  }

  stats(group: number): ForwarderServerStats {
    const { server, asked, answered, timeouts, failures, rejected } = this
    return { group, server, asked, answered, timeouts, failures, rejected, roundTripMs: this.#roundTripMs }
  }
}
