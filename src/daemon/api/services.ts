import { z } from '@hono/zod-openapi'
import {
  serviceCreatedSchema,
  serviceCreateSchema,
  serviceInspectSchema,
  serviceTaskSchema,
  serviceUpdateSchema,
} from '../../control/api/service.ts'
import { refuseLabLabels } from './lab-labels.ts'
import { type Api, body, filters, json, nothing, type RouteContext, route, serve } from './routes.ts'

const Service = serviceInspectSchema.meta({ id: 'Service' })
const ServiceTask = serviceTaskSchema.meta({ id: 'ServiceTask' })
const tags = ['services']
/** A name, an id or the beginning of one. */
const parameter = z.strictObject({ service: z.string().min(1) })

const list = route({
  method: 'get',
  path: '/services',
  tags,
  summary: 'All services, or those that the filters let through',
  request: { query: z.strictObject({ filters }) },
  responses: { 200: json('The services', z.array(Service)) },
})

const create = route({
  method: 'post',
  path: '/services',
  tags,
  summary: 'Gives several sandboxes of a network one name and one address',
  request: { body: body(serviceCreateSchema.meta({ id: 'ServiceCreate' })) },
  responses: { 201: json('It is made', serviceCreatedSchema.meta({ id: 'ServiceCreated' })) },
})

const inspect = route({
  method: 'get',
  path: '/services/{service}',
  tags,
  summary: 'One service, by name, id or the beginning of an id',
  request: { params: parameter },
  responses: { 200: json('The service', Service) },
})

const tasks = route({
  method: 'get',
  path: '/services/{service}/tasks',
  tags,
  summary: 'The backends of a service, on all hosts',
  request: { params: parameter },
  responses: { 200: json('The backends', z.array(ServiceTask)) },
})

const update = route({
  method: 'post',
  path: '/services/{service}/update',
  tags,
  summary: 'Changes what a service publishes, and whose it is; connections that need not end go on',
  request: { params: parameter, body: body(serviceUpdateSchema.meta({ id: 'ServiceUpdate' })) },
  responses: { 204: nothing('It is changed') },
})

const remove = route({
  method: 'delete',
  path: '/services/{service}',
  tags,
  summary: 'Removes a service; its connections end, its backends stay',
  request: { params: parameter },
  responses: { 204: nothing('It is removed') },
})

export function serviceRoutes(api: Api, { control }: RouteContext): void {
  serve(api, list, (c) => c.json([...control.listServices(c.req.valid('query').filters)], 200))
  serve(api, create, async (c) => {
    const request = c.req.valid('json')
    refuseLabLabels(request.Labels)
    return c.json(await control.createService(request), 201)
  })
  serve(api, inspect, (c) => c.json(control.inspectService(c.req.valid('param').service), 200))
  serve(api, tasks, (c) => c.json([...control.serviceTasks(c.req.valid('param').service)], 200))
  serve(api, update, async (c) => {
    const request = c.req.valid('json')
    refuseLabLabels(request.LabelAdd)
    await control.updateService(c.req.valid('param').service, request)
    return c.body(null, 204)
  })
  serve(api, remove, async (c) => {
    await control.removeService(c.req.valid('param').service)
    return c.body(null, 204)
  })
}
