import { z } from '@hono/zod-openapi'
import {
  dnsAnswerSchema,
  dnsFlushedSchema,
  dnsLogSchema,
  dnsQuerySchema,
  dnsRecordsSchema,
  dnsStatsSchema,
} from '../../control/api/dns.ts'
import { explainSentence } from '../../inspect/explain-text.ts'
import { DNS_LOG_LISTED_MAX } from '../../limits.ts'
import { type Api, body, json, type RouteContext, route, serve, wholeNumber } from './routes.ts'

const tags = ['names']

const records = route({
  method: 'get',
  path: '/dns/records',
  tags,
  summary: 'The names that networks have: of all of them, or of one',
  request: { query: z.strictObject({ network: z.string().min(1).optional() }) },
  responses: { 200: json('The names', dnsRecordsSchema.meta({ id: 'DnsRecords' })) },
})

const query = route({
  method: 'post',
  path: '/dns/query',
  tags,
  summary: 'Asks for a name as a sandbox would, and tells how the answer came about',
  request: { body: body(dnsQuerySchema.meta({ id: 'DnsQuery' })) },
  responses: { 200: json('The answer', dnsAnswerSchema.meta({ id: 'DnsAnswer' })) },
})

const stats = route({
  method: 'get',
  path: '/dns/stats',
  tags,
  summary: 'What the name server has counted',
  responses: { 200: json('The counters', dnsStatsSchema.meta({ id: 'DnsStats' })) },
})

const after = wholeNumber.refine((sequence) => sequence >= 0, 'must not be negative').optional()

const limit = wholeNumber
  .refine((count) => count >= 1 && count <= DNS_LOG_LISTED_MAX, `must be from 1 to ${DNS_LOG_LISTED_MAX}`)
  .optional()

const log = route({
  method: 'get',
  path: '/dns/log',
  tags,
  summary: 'The questions behind number `after`, oldest first: of all sandboxes, or of one',
  request: { query: z.strictObject({ after, limit, sandbox: z.string().min(1).optional() }) },
  responses: { 200: json('The questions', dnsLogSchema.meta({ id: 'DnsLog' })) },
})

const flush = route({
  method: 'delete',
  path: '/dns/cache',
  tags,
  summary: 'Forgets the answers from outside that are kept',
  responses: { 200: json('How many they were', dnsFlushedSchema.meta({ id: 'DnsFlushed' })) },
})

export function dnsRoutes(api: Api, { control }: RouteContext): void {
  serve(api, records, (c) => c.json(control.dnsRecords(c.req.valid('query').network), 200))
  serve(api, query, async (c) => {
    const answer = await control.dnsQuery(c.req.valid('json'))
    const steps = answer.steps.map((step) => ({ ...step, sentence: explainSentence(step) }))
    return c.json({ ...answer, steps }, 200)
  })
  serve(api, stats, async (c) => c.json(await control.dnsStats(), 200))
  serve(api, log, async (c) => {
    const { after: behind = 0, limit: most = DNS_LOG_LISTED_MAX, sandbox } = c.req.valid('query')
    return c.json(await control.dnsLog({ after: behind, limit: most, sandbox }), 200)
  })
  serve(api, flush, async (c) => c.json(await control.flushDnsCache(), 200))
}
