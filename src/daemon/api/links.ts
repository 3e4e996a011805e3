import { z } from '@hono/zod-openapi'
import { impairmentSchema, linkSchema, linkSettingsSchema, linksSchema } from '../../control/api/link.ts'
import { LINK_DIRECTIONS } from '../../control/rules/impairment.ts'
import { type Api, body, json, type RouteContext, route, serve } from './routes.ts'

const Link = linkSchema.meta({ id: 'Link' })
const Links = linksSchema.meta({ id: 'Links' })
const tags = ['links']

/** `web`, `web@blue` where it is on several networks, or `uplink`. */
const params = z.strictObject({ place: z.string().min(1) })
/** Seen from the endpoint: `from` is what it sends, `to` what it is sent. */
const query = z.strictObject({ direction: z.enum(LINK_DIRECTIONS).optional() })

const list = route({
  method: 'get',
  path: '/links',
  tags,
  summary: 'The links of all sandboxes, and of the uplink: what they do to frames, and what they have done',
  responses: { 200: json('The links', Links) },
})

const inspect = route({
  method: 'get',
  path: '/links/{place}',
  tags,
  summary: 'One link: web, web@blue or uplink',
  request: { params },
  responses: { 200: json('The link', Link) },
})

const set = route({
  method: 'put',
  path: '/links/{place}',
  tags,
  summary: 'Says all that a link does to frames; a direction that is absent passes them as they are',
  request: { params, body: body(impairmentSchema.meta({ id: 'Impairment' })) },
  responses: { 200: json('The link as it is now', Link) },
})

const adjust = route({
  method: 'post',
  path: '/links/{place}',
  tags,
  summary:
    'Changes what is given of what a link does to frames, of one direction or of both; 0 takes it back',
  request: { params, query, body: body(linkSettingsSchema.meta({ id: 'LinkSettings' })) },
  responses: { 200: json('The link as it is now', Link) },
})

const reset = route({
  method: 'delete',
  path: '/links/{place}',
  tags,
  summary: 'Lets frames pass as they are, of one direction or of both',
  request: { params, query },
  responses: { 200: json('The link as it is now', Link) },
})

const resetAll = route({
  method: 'delete',
  path: '/links',
  tags,
  summary: 'Lets frames pass as they are on all links',
  request: { query },
  responses: { 200: json('The links that were impaired, as they are now', Links) },
})

export function linkRoutes(api: Api, { control }: RouteContext): void {
  serve(api, list, async (c) => c.json(await control.links(), 200))
  serve(api, inspect, async (c) => {
    const { links } = await control.links(c.req.valid('param').place)
    return c.json(links[0]!, 200)
  })
  serve(api, set, async (c) => {
    return c.json(await control.setLink(c.req.valid('param').place, c.req.valid('json')), 200)
  })
  serve(api, adjust, async (c) => {
    const { place } = c.req.valid('param')
    const { direction = 'both' } = c.req.valid('query')
    return c.json(await control.adjustLink(place, direction, c.req.valid('json')), 200)
  })
  serve(api, reset, async (c) => {
    const { direction = 'both' } = c.req.valid('query')
    return c.json(await control.resetLink(c.req.valid('param').place, direction), 200)
  })
  serve(api, resetAll, async (c) => {
    const { direction = 'both' } = c.req.valid('query')
    return c.json(await control.resetLinks(direction), 200)
  })
}
