import { z } from '@hono/zod-openapi'
import {
  networkConnectSchema,
  networkCreatedSchema,
  networkCreateSchema,
  networkDisconnectSchema,
  networkInspectSchema,
  networksPrunedSchema,
} from '../../control/api/network.ts'
import { framesSchema, framesSentSchema } from '../../control/api/switch.ts'
import { refuseLabLabels } from './lab-labels.ts'
import {
  type Api,
  body,
  filters,
  json,
  networkParameter,
  nothing,
  type RouteContext,
  route,
  serve,
} from './routes.ts'

const Network = networkInspectSchema.meta({ id: 'Network' })
const tags = ['networks']
const filtered = z.strictObject({ filters })

const list = route({
  method: 'get',
  path: '/networks',
  tags,
  summary: 'All networks, or those that the filters let through',
  request: { query: filtered },
  responses: { 200: json('The networks', z.array(Network)) },
})

const create = route({
  method: 'post',
  path: '/networks',
  tags,
  summary: 'Makes a network',
  request: { body: body(networkCreateSchema.meta({ id: 'NetworkCreate' })) },
  responses: { 201: json('It is made', networkCreatedSchema.meta({ id: 'NetworkCreated' })) },
})

const inspect = route({
  method: 'get',
  path: '/networks/{network}',
  tags,
  summary: 'One network, by name, id or the beginning of an id',
  request: { params: networkParameter },
  responses: { 200: json('The network', Network) },
})

const remove = route({
  method: 'delete',
  path: '/networks/{network}',
  tags,
  summary: 'Removes a network that no running sandbox is joined to',
  request: { params: networkParameter },
  responses: { 204: nothing('It is removed') },
})

const prune = route({
  method: 'post',
  path: '/networks/prune',
  tags,
  summary: 'Removes the networks that no sandbox uses',
  request: { query: filtered },
  responses: { 200: json('What was removed', networksPrunedSchema.meta({ id: 'NetworksPruned' })) },
})

const connect = route({
  method: 'post',
  path: '/networks/{network}/connect',
  tags,
  summary: 'Joins a sandbox to the network, also one that runs',
  request: { params: networkParameter, body: body(networkConnectSchema.meta({ id: 'NetworkConnect' })) },
  responses: { 200: nothing('It is joined') },
})

const disconnect = route({
  method: 'post',
  path: '/networks/{network}/disconnect',
  tags,
  summary: 'Takes a sandbox off the network',
  request: {
    params: networkParameter,
    body: body(networkDisconnectSchema.meta({ id: 'NetworkDisconnect' })),
  },
  responses: { 200: nothing('It is off') },
})

const frames = route({
  method: 'post',
  path: '/networks/{network}/frames',
  tags,
  summary: 'Sends frames in the place of sandboxes on the network, as though they had sent them themselves',
  request: { params: networkParameter, body: body(framesSchema.meta({ id: 'Frames' })) },
  responses: { 200: json('They are sent', framesSentSchema.meta({ id: 'FramesSent' })) },
})

export function networkRoutes(api: Api, { control }: RouteContext): void {
  serve(api, list, (c) => c.json([...control.listNetworks(c.req.valid('query').filters)], 200))
  serve(api, create, async (c) => {
    const wanted = c.req.valid('json')
    refuseLabLabels(wanted.Labels)
    return c.json(await control.createNetwork(wanted), 201)
  })
  serve(api, inspect, (c) => c.json(control.inspectNetwork(c.req.valid('param').network), 200))
  serve(api, remove, async (c) => {
    await control.removeNetwork(c.req.valid('param').network)
    return c.body(null, 204)
  })
  serve(api, prune, async (c) => c.json(await control.pruneNetworks(c.req.valid('query').filters), 200))
  serve(api, connect, async (c) => {
    await control.connect(c.req.valid('param').network, c.req.valid('json'))
    return c.body(null, 200)
  })
  serve(api, frames, async (c) =>
    c.json(await control.sendFrames(c.req.valid('param').network, c.req.valid('json')), 200),
  )
  serve(api, disconnect, async (c) => {
    await control.disconnect(c.req.valid('param').network, c.req.valid('json'))
    return c.body(null, 200)
  })
}
