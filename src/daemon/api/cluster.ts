import { z } from '@hono/zod-openapi'
import { clusterStatusSchema, hostForgottenSchema } from '../../control/api/cluster.ts'
import { noCluster } from '../../control/cluster/cluster-error.ts'
import { type Api, json, type RouteContext, route, serve } from './routes.ts'

const tags = ['cluster']

const status = route({
  method: 'get',
  path: '/cluster',
  tags,
  summary: 'How this host stands in its cluster, and who else is there',
  responses: { 200: json('The cluster', clusterStatusSchema.meta({ id: 'Cluster' })) },
})

const forget = route({
  method: 'delete',
  path: '/cluster/hosts/{host}',
  tags,
  summary: 'Gives back the addresses of hosts that are away, and will not come back; by name or id',
  request: { params: z.strictObject({ host: z.string().min(1) }) },
  responses: { 200: json('They are forgotten', hostForgottenSchema.meta({ id: 'HostForgotten' })) },
})

export function clusterRoutes(api: Api, { control }: RouteContext): void {
  serve(api, status, (c) => {
    const answer = control.clusterStatus()
    if (answer === undefined) throw noCluster()
    return c.json(answer, 200)
  })
  serve(api, forget, async (c) => c.json(await control.forgetHost(c.req.valid('param').host), 200))
}
