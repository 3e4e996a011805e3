import { z } from '@hono/zod-openapi'
import { systemPrunedSchema, versionSchema } from '../../control/api/system.ts'
import { type Api, flag, json, nothing, type RouteContext, route, serve } from './routes.ts'

const tags = ['system']

const version = route({
  method: 'get',
  path: '/version',
  tags,
  summary: 'Which daemon this is, and how much it has to do',
  responses: { 200: json('The daemon', versionSchema.meta({ id: 'Version' })) },
})

const metrics = route({
  method: 'get',
  path: '/metrics',
  tags,
  summary: 'The counters for Prometheus, in its text format',
  responses: { 200: { description: 'The metrics', content: { 'text/plain': { schema: z.string() } } } },
})

const prune = route({
  method: 'post',
  path: '/system/prune',
  tags,
  summary: 'Removes what daemons that died have left behind, and only what is ours',
  description: 'With `all` also what runs of roots that have their state, and no daemon at the moment.',
  request: { query: z.strictObject({ all: flag }) },
  responses: { 200: json('What was removed', systemPrunedSchema.meta({ id: 'SystemPruned' })) },
})

const shutdown = route({
  method: 'post',
  path: '/shutdown',
  tags,
  summary: 'Ends the daemon, as SIGTERM does',
  responses: { 202: nothing('It is ending') },
})

export function systemRoutes(api: Api, { daemon }: RouteContext): void {
  serve(api, version, (c) => c.json(daemon.version(), 200))
  serve(api, metrics, async (c) => {
    const { text, contentType } = await daemon.metrics()
    return c.body(text, 200, { 'Content-Type': contentType }) as never
  })
  serve(api, prune, async (c) => c.json(await daemon.prune(c.req.valid('query')), 200))
  serve(api, shutdown, (c) => {
    daemon.shutdown()
    return c.body(null, 202)
  })
}
