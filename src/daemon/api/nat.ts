import { z } from '@hono/zod-openapi'
import { natFlowsSchema, natFlushedSchema, natStatsSchema, neighboursSchema } from '../../control/api/nat.ts'
import { FLOWS_LISTED_DEFAULT, FLOWS_LISTED_MAX } from '../../limits.ts'
import { type Api, json, type RouteContext, route, serve, wholeNumber } from './routes.ts'

const tags = ['router']

const selection = {
  protocol: z.enum(['tcp', 'udp', 'icmp']).optional(),
  sandbox: z.string().optional(),
  network: z.string().optional(),
  address: z.string().optional(),
  port: wholeNumber.refine((port) => port >= 0 && port <= 65_535, 'must be from 0 to 65535').optional(),
}

const limit = wholeNumber
  .refine((count) => count >= 0 && count <= FLOWS_LISTED_MAX, `must be from 0 to ${FLOWS_LISTED_MAX}`)
  .optional()

const flows = route({
  method: 'get',
  path: '/nat/flows',
  tags,
  summary:
    'The connections that the router follows: all, or those of a sandbox, a network, an address, a port',
  request: { query: z.strictObject({ ...selection, limit }) },
  responses: { 200: json('The connections', natFlowsSchema.meta({ id: 'NatFlows' })) },
})

const flush = route({
  method: 'delete',
  path: '/nat/flows',
  tags,
  summary: 'Ends connections: all, or those that are meant',
  request: { query: z.strictObject(selection) },
  responses: { 200: json('How many were ended', natFlushedSchema.meta({ id: 'NatFlushed' })) },
})

const stats = route({
  method: 'get',
  path: '/nat/stats',
  tags,
  summary: 'What the router has counted',
  responses: { 200: json('The counters', natStatsSchema.meta({ id: 'NatStats' })) },
})

const neighbours = route({
  method: 'get',
  path: '/neighbours',
  tags,
  summary: 'The neighbours of the router, as it knows them by ARP',
  responses: { 200: json('The neighbours', neighboursSchema.meta({ id: 'Neighbours' })) },
})

export function natRoutes(api: Api, { control }: RouteContext): void {
  serve(api, flows, async (c) => {
    const { limit: wanted = FLOWS_LISTED_DEFAULT, ...which } = c.req.valid('query')
    return c.json(await control.natFlows(which, wanted), 200)
  })
  serve(api, flush, async (c) => c.json(await control.flushNatFlows(c.req.valid('query')), 200))
  serve(api, stats, async (c) => c.json(await control.natStats(), 200))
  serve(api, neighbours, async (c) => c.json(await control.neighbours(), 200))
}
