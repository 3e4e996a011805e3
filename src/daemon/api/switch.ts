import { z } from '@hono/zod-openapi'
import { fdbFlushedSchema, fdbSchema, statsSchema } from '../../control/api/switch.ts'
import { type Api, json, type RouteContext, route, serve } from './routes.ts'

const tags = ['switch']

const fdb = route({
  method: 'get',
  path: '/fdb',
  tags,
  summary: 'The stations that the switch knows, and where they live',
  responses: { 200: json('The forwarding database', fdbSchema.meta({ id: 'Fdb' })) },
})

const flush = route({
  method: 'delete',
  path: '/fdb',
  tags,
  summary: 'Forgets learned stations: all, or those of a network, of a sandbox or of both',
  request: {
    query: z.strictObject({ network: z.string().optional(), sandbox: z.string().optional() }),
  },
  responses: { 200: json('How many were forgotten', fdbFlushedSchema.meta({ id: 'FdbFlushed' })) },
})

const stats = route({
  method: 'get',
  path: '/stats',
  tags,
  summary: 'What the switch has counted',
  responses: { 200: json('The counters', statsSchema.meta({ id: 'Stats' })) },
})

export function switchRoutes(api: Api, { control }: RouteContext): void {
  serve(api, fdb, async (c) => c.json(await control.fdb(), 200))
  serve(api, flush, async (c) => c.json(await control.flushFdb(c.req.valid('query')), 200))
  serve(api, stats, (c) => c.json(control.stats(), 200))
}
