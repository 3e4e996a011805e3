/** What became of all questions: counted by verdict, and the last of them written down. */

import { NONE } from '../../tables/linked-lists.ts'
import * as dns from '../../wire/dns.ts'
import { nameSize } from '../../wire/dns-name.ts'
import {
  DNS_VERDICTS,
  type DnsAnswer,
  type DnsCounts,
  type DnsNote,
  type DnsOutsideVerdict,
  type DnsVerdict,
} from './dns-settings.ts'
import type { PendingQuestions } from './pending-questions.ts'
import { QueryLog } from './query-log.ts'
import { type Responder, VERDICT } from './responder.ts'

const ABSENT = NONE
const FAILED = VERDICT.failed

/** What the log and the counters call it: without a way out a name is none. */
const OUTSIDE: Readonly<Record<DnsOutsideVerdict, number>> = {
  forwarded: VERDICT.forwarded,
  cached: VERDICT.cached,
  failed: FAILED,
  refused: VERDICT.refused,
  closed: VERDICT.nxdomain,
}

/** A question that was answered by others, or by nobody. */
export interface QueryRecord {
  readonly atMs: number
  readonly resolver: number
  /** Its name: `nameSize` bytes at `name`, in wire form with the root. */
  readonly bytes: Uint8Array
  readonly name: number
  readonly nameSize: number
  readonly type: number
  /** Index in DNS_VERDICTS. */
  readonly verdict: number
  readonly rcode: number
  readonly answers: number
  readonly waitedMs: number
  readonly server: number
  readonly truncated: boolean
}

export class QueryStatistics {
  readonly log = new QueryLog()
  /** Of the burst, as the log has it. */
  nowMs = 0
  /** Questions that came as frames, and by other ways. */
  udp = 0
  other = 0
  private truncated = 0
  private readonly verdicts = new Float64Array(DNS_VERDICTS.length)

  /** The responder has written an answer; `bytes` are those that its question was read from. */
  answered(responder: Responder, atMs: number, resolver: number, bytes: Uint8Array): void {
    const { reader, verdict } = responder
    this.verdicts[verdict]! += 1
    if (responder.truncated) this.truncated++
    this.log.add(
      atMs,
      resolver,
      bytes,
      reader.name,
      reader.nameSize,
      reader.type,
      verdict,
      responder.rcode,
      responder.answers,
      0,
      -1,
    )
  }

  noted(record: QueryRecord): void {
    this.verdicts[record.verdict]! += 1
    if (record.truncated) this.truncated++
    this.log.add(
      record.atMs,
      record.resolver,
      record.bytes,
      record.name,
      record.nameSize,
      record.type,
      record.verdict,
      record.rcode,
      record.answers,
      record.waitedMs,
      record.server,
    )
  }

  /** A question that was asked outside: with its answer, or without one that could be sent. */
  noteOutside(pending: PendingQuestions, slot: number, answer: DnsAnswer | undefined, nowMs: number): void {
    const start = pending.message(slot)
    const question = pending.bytes.subarray(start, start + pending.length[slot]!)
    const waitedMs = nowMs - pending.askedMs[slot]!
    this.udp++
    this.noteAsked({ resolver: pending.resolver[slot]!, question, waitedMs }, answer, nowMs)
  }

  /** The same of one that did not come as a frame. */
  note(note: DnsNote, nowMs: number): void {
    this.noteAsked(note, note, nowMs)
  }

  private noteAsked(
    asked: Pick<DnsNote, 'resolver' | 'question' | 'waitedMs'>,
    answer: Omit<DnsAnswer, 'ticket'> | undefined,
    nowMs: number,
  ): void {
    const { question } = asked
    const name = dns.HEADER_SIZE
    const view = viewOf(question)
    const size = nameSize(view, name, question.length)
    const flags = answer === undefined ? dns.RCODE_SERVER_FAILURE : flagsOf(answer.message)
    this.noted({
      atMs: nowMs,
      resolver: asked.resolver,
      bytes: question,
      name,
      nameSize: size,
      type: view.getUint16(name + size),
      verdict: answer === undefined ? FAILED : OUTSIDE[answer.verdict],
      rcode: flags & dns.RCODE_MASK,
      answers: answer === undefined ? 0 : answersOf(answer.message),
      waitedMs: asked.waitedMs,
      server: answer?.server ?? ABSENT,
      truncated: (flags & dns.FLAG_TC) !== 0,
    })
  }

  counts(): Pick<DnsCounts, 'udp' | 'other' | 'verdicts' | 'truncated'> {
    const verdicts = Object.fromEntries(
      DNS_VERDICTS.map((verdict, index) => [verdict, this.verdicts[index]!]),
    ) as Record<DnsVerdict, number>
    return { udp: this.udp, other: this.other, verdicts, truncated: this.truncated }
  }
}

const viewOf = (message: Uint8Array): DataView =>
  new DataView(message.buffer, message.byteOffset, message.byteLength)
const flagsOf = (message: Uint8Array): number => dns.flags(viewOf(message), 0)
const answersOf = (message: Uint8Array): number => dns.answerCount(viewOf(message), 0)
