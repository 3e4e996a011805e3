import { z } from '@hono/zod-openapi'
import {
  portsPublishedSchema,
  publishPortsSchema,
  sandboxCreatedSchema,
  sandboxCreateSchema,
  sandboxesPrunedSchema,
  sandboxInspectSchema,
  sandboxSummarySchema,
  unpublishPortsSchema,
} from '../../control/api/sandbox.ts'
import { refuseLabLabels } from './lab-labels.ts'
import {
  type Api,
  body,
  filters,
  flag,
  json,
  nothing,
  type RouteContext,
  route,
  sandboxParameter,
  serve,
  wholeNumber,
} from './routes.ts'

const tags = ['sandboxes']

const list = route({
  method: 'get',
  path: '/sandboxes',
  tags,
  summary: 'The sandboxes that run; with `all` the others too',
  request: { query: z.strictObject({ all: flag, limit: wholeNumber.optional(), filters }) },
  responses: { 200: json('The sandboxes', z.array(sandboxSummarySchema.meta({ id: 'SandboxSummary' }))) },
})

const create = route({
  method: 'post',
  path: '/sandboxes',
  tags,
  summary: 'Makes a sandbox, which does not run yet',
  request: {
    query: z.strictObject({ name: z.string().optional() }),
    body: body(sandboxCreateSchema.meta({ id: 'SandboxCreate' })),
  },
  responses: { 201: json('It is made', sandboxCreatedSchema.meta({ id: 'SandboxCreated' })) },
})

const inspect = route({
  method: 'get',
  path: '/sandboxes/{sandbox}',
  tags,
  summary: 'One sandbox, by name, id or the beginning of an id',
  request: { params: sandboxParameter },
  responses: { 200: json('The sandbox', sandboxInspectSchema.meta({ id: 'Sandbox' })) },
})

const remove = route({
  method: 'delete',
  path: '/sandboxes/{sandbox}',
  tags,
  summary: 'Removes a sandbox; with `force` also one that runs',
  request: { params: sandboxParameter, query: z.strictObject({ force: flag }) },
  responses: { 204: nothing('It is removed') },
})

const prune = route({
  method: 'post',
  path: '/sandboxes/prune',
  tags,
  summary: 'Removes the sandboxes that do not run',
  request: { query: z.strictObject({ filters }) },
  responses: { 200: json('What was removed', sandboxesPrunedSchema.meta({ id: 'SandboxesPruned' })) },
})

const start = route({
  method: 'post',
  path: '/sandboxes/{sandbox}/start',
  tags,
  summary: 'Starts a sandbox; one that runs is left alone',
  request: { params: sandboxParameter },
  responses: { 204: nothing('It runs') },
})

const ending = z.strictObject({ t: wholeNumber.optional(), signal: z.string().optional() })

const stop = route({
  method: 'post',
  path: '/sandboxes/{sandbox}/stop',
  tags,
  summary: 'Ends what runs in it: by its stop signal, and by SIGKILL after `t` seconds',
  request: { params: sandboxParameter, query: ending },
  responses: { 204: nothing('It does not run') },
})

const restart = route({
  method: 'post',
  path: '/sandboxes/{sandbox}/restart',
  tags,
  summary: 'Stops and starts it',
  request: { params: sandboxParameter, query: ending },
  responses: { 204: nothing('It runs') },
})

const kill = route({
  method: 'post',
  path: '/sandboxes/{sandbox}/kill',
  tags,
  summary: 'Sends a signal to what runs in it; SIGKILL unless another one is given',
  request: { params: sandboxParameter, query: z.strictObject({ signal: z.string().optional() }) },
  responses: { 204: nothing('It is sent') },
})

const rename = route({
  method: 'post',
  path: '/sandboxes/{sandbox}/rename',
  tags,
  summary: 'Gives it another name',
  request: { params: sandboxParameter, query: z.strictObject({ name: z.string() }) },
  responses: { 204: nothing('It has the name') },
})

const publishPorts = route({
  method: 'post',
  path: '/sandboxes/{sandbox}/ports',
  tags,
  summary: 'Publishes ports, while it runs or not',
  request: {
    params: sandboxParameter,
    body: body(publishPortsSchema.meta({ id: 'PublishPorts' })),
  },
  responses: { 200: json('They are published', portsPublishedSchema.meta({ id: 'PortsPublished' })) },
})

const unpublishPorts = route({
  method: 'delete',
  path: '/sandboxes/{sandbox}/ports',
  tags,
  summary: 'Takes published ports back; connections by them end',
  request: {
    params: sandboxParameter,
    body: body(unpublishPortsSchema.meta({ id: 'UnpublishPorts' })),
  },
  responses: { 204: nothing('They are not published any more') },
})

export function sandboxRoutes(api: Api, { control }: RouteContext): void {
  serve(api, list, (c) => {
    const { all, limit, filters: wanted } = c.req.valid('query')
    return c.json([...control.listSandboxes({ all, limit, filters: wanted })], 200)
  })
  serve(api, create, async (c) => {
    const { name } = c.req.valid('query')
    const wanted = c.req.valid('json')
    refuseLabLabels(wanted.Labels)
    return c.json(await control.createSandbox(name, wanted), 201)
  })
  serve(api, inspect, (c) => c.json(control.inspectSandbox(c.req.valid('param').sandbox), 200))
  serve(api, remove, async (c) => {
    await control.removeSandbox(c.req.valid('param').sandbox, c.req.valid('query'))
    return c.body(null, 204)
  })
  serve(api, prune, async (c) => c.json(await control.pruneSandboxes(c.req.valid('query').filters), 200))
  lifeRoutes(api, control)
  portRoutes(api, control)
}

function lifeRoutes(api: Api, control: RouteContext['control']): void {
  serve(api, start, async (c) => {
    await control.startSandbox(c.req.valid('param').sandbox)
    return c.body(null, 204)
  })
  serve(api, stop, async (c) => {
    const { t, signal } = c.req.valid('query')
    await control.stopSandbox(c.req.valid('param').sandbox, { signal, timeoutS: t })
    return c.body(null, 204)
  })
  serve(api, restart, async (c) => {
    const { t, signal } = c.req.valid('query')
    await control.restartSandbox(c.req.valid('param').sandbox, { signal, timeoutS: t })
    return c.body(null, 204)
  })
  serve(api, kill, async (c) => {
    const { signal = 'SIGKILL' } = c.req.valid('query')
    await control.killSandbox(c.req.valid('param').sandbox, signal)
    return c.body(null, 204)
  })
  serve(api, rename, async (c) => {
    await control.renameSandbox(c.req.valid('param').sandbox, c.req.valid('query').name)
    return c.body(null, 204)
  })
}

function portRoutes(api: Api, control: RouteContext['control']): void {
  serve(api, publishPorts, async (c) =>
    c.json(await control.publishPorts(c.req.valid('param').sandbox, c.req.valid('json')), 200),
  )
  serve(api, unpublishPorts, async (c) => {
    await control.unpublishPorts(c.req.valid('param').sandbox, c.req.valid('json'))
    return c.body(null, 204)
  })
}
