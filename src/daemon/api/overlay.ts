import { z } from '@hono/zod-openapi'
import { overlayNetworksSchema, overlayPeersSchema } from '../../control/api/overlay.ts'
import { type Api, json, type RouteContext, route, serve } from './routes.ts'

const tags = ['overlay']

const networks = route({
  method: 'get',
  path: '/overlay/networks',
  tags,
  summary: 'The networks that go on behind a tunnel to other hosts',
  responses: { 200: json('The networks', overlayNetworksSchema.meta({ id: 'OverlayNetworks' })) },
})

const peers = route({
  method: 'get',
  path: '/overlay/peers',
  tags,
  summary: 'The hosts that networks go on to: of all networks, or of one',
  request: { query: z.strictObject({ network: z.string().optional() }) },
  responses: {
    200: json('The hosts, once for each network', overlayPeersSchema.meta({ id: 'OverlayPeers' })),
  },
})

export function overlayRoutes(api: Api, { control }: RouteContext): void {
  serve(api, networks, (c) => c.json(control.overlayNetworks(), 200))
  serve(api, peers, async (c) => c.json(await control.overlayPeers(c.req.valid('query').network), 200))
}
