/** Names on the API: what there is, how a question is answered and why, and what was asked. */

import { z } from 'zod'
import { type ExplanationStep, explanationStepSchema } from './explain.ts'

const count = z.int().min(0)
const text = z.string()

const record = z.object({ name: text, type: text, ttlS: count, data: text })

/** GET /dns/records: of all networks, or of one. */
export const dnsRecordsSchema = z.object({
  records: z.array(
    z.object({
      network: text,
      /** As it is asked for; `web.front` does as well. */
      name: text,
      /** `link`: only the sandbox `from` knows it. */
      kind: z.enum(['sandbox', 'alias', 'short-id', 'hostname', 'link', 'service']),
      /** Whose name it is; empty of a service's virtual address. */
      sandbox: text,
      /** Of a link: who has it; empty else. */
      from: text,
      ipv4: text,
      ipv6: text,
      ttlS: count,
    }),
  ),
})
export type DnsRecords = z.infer<typeof dnsRecordsSchema>
export type DnsRecord = DnsRecords['records'][number]

/** POST /dns/query */
export const dnsQuerySchema = z.strictObject({
  name: z.string().min(1),
  /** `A`, `AAAA`, `TYPE65` or an IANA number. */
  type: z.string().default('A'),
  /** The sandbox that asks. */
  from: z.string().min(1),
})
export type DnsQuery = z.input<typeof dnsQuerySchema>

export const dnsAnswerSchema = z.object({
  name: text,
  type: text,
  sandbox: text,
  /** `NOERROR`, `NXDOMAIN` … */
  rcode: text,
  /** `answered`, `empty`, `nxdomain`, `forwarded`, `cached`, `failed`, `refused` … */
  verdict: text,
  answers: z.array(record),
  additionals: z.array(record),
  /** Why, in order. */
  steps: z.array(explanationStepSchema),
  /** The server outside that has answered; empty where none has. */
  server: text,
  durationMs: z.number().min(0),
})
/** With a sentence for each step, as people read it. */
export type DnsAnswerTold = z.infer<typeof dnsAnswerSchema>
export type DnsAnswer = Omit<DnsAnswerTold, 'steps'> & { readonly steps: readonly ExplanationStep[] }

/** GET /dns/stats */
export const dnsStatsSchema = z.object({
  /** Questions, since the start of the daemon, as are all counters here: as frames to a gateway, and by other ways. */
  udp: count,
  other: count,
  verdicts: z.record(text, count),
  /** Answers that did not fit. */
  truncated: count,
  /** Questions that wait for an answer from outside. */
  pending: count,
  names: count,
  endpoints: count,
  cache: z.object({ entries: count, capacity: count, hits: count, misses: count, evicted: count }),
  servers: z.array(
    z.object({
      address: text,
      /** Whose user has named it; empty for the machine's own. */
      sandbox: text,
      asked: count,
      answered: count,
      timeouts: count,
      failures: count,
      rejected: count,
      roundTripMs: z.number().min(0).optional(),
    }),
  ),
})
export type DnsStats = z.infer<typeof dnsStatsSchema>

/** GET /dns/log: what was asked behind entry `after`, oldest first. */
export const dnsLogSchema = z.object({
  entries: z.array(
    z.object({
      sequence: count,
      /** RFC 3339. */
      at: text,
      sandbox: text,
      name: text,
      type: text,
      verdict: text,
      rcode: text,
      answers: count,
      waitedMs: z.number().min(0),
      server: text,
    }),
  ),
  /** The last entry that there is; the next request asks for what is behind it. */
  last: count,
  /** Entries behind `after` that are remembered no more. */
  lost: count,
})
export type DnsLog = z.infer<typeof dnsLogSchema>
export type DnsLogEntry = DnsLog['entries'][number]

/** DELETE /dns/cache */
export const dnsFlushedSchema = z.object({ Answers: count })
export type DnsFlushed = z.infer<typeof dnsFlushedSchema>

export interface DnsLogOptions {
  readonly after: number
  readonly limit: number
  /** Only what this sandbox has asked. */
  readonly sandbox?: string | undefined
}
