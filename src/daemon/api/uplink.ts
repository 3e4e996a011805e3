import { uplinkSchema, uplinkSetSchema } from '../../control/api/uplink.ts'
import { type Api, body, json, type RouteContext, route, serve } from './routes.ts'

const Uplink = uplinkSchema.meta({ id: 'Uplink' })
const tags = ['router']

const inspect = route({
  method: 'get',
  path: '/uplink',
  tags,
  summary: 'The way out of all networks',
  responses: { 200: json('The uplink', Uplink) },
})

const set = route({
  method: 'put',
  path: '/uplink',
  tags,
  summary: 'Sets the way out of all networks, now and for the daemons to come',
  request: { body: body(uplinkSetSchema.meta({ id: 'UplinkSet' })) },
  responses: { 200: json('The uplink as it is now', Uplink) },
})

const unset = route({
  method: 'delete',
  path: '/uplink',
  tags,
  summary: 'Takes the way out away',
  responses: { 200: json('The uplink as it is now', Uplink) },
})

export function uplinkRoutes(api: Api, { control }: RouteContext): void {
  serve(api, inspect, (c) => c.json(control.uplink(), 200))
  serve(api, set, async (c) => c.json(await control.setUplink(c.req.valid('json').Uplink), 200))
  serve(api, unset, async (c) => c.json(await control.setUplink('none'), 200))
}
