/** What became of all questions: counted by verdict, and the last of them written down. */

import { DNS_VERDICTS, type DnsCounts, type DnsVerdict } from './dns-settings.ts'
import { QueryLog } from './query-log.ts'
import type { Responder } from './responder.ts'

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

  counts(): Pick<DnsCounts, 'udp' | 'other' | 'verdicts' | 'truncated'> {
    const verdicts = Object.fromEntries(
      DNS_VERDICTS.map((verdict, index) => [verdict, this.verdicts[index]!]),
    ) as Record<DnsVerdict, number>
    return { udp: this.udp, other: this.other, verdicts, truncated: this.truncated }
  }
}
