import { z } from '@hono/zod-openapi'
import { labPlanSchema, labStatusSchema, labSummarySchema } from '../../control/api/lab.ts'
import { progressSchema } from '../../control/api/progress.ts'
import { ErrorCode, TapwireError } from '../../control/errors.ts'
import { labSchema } from '../../control/lab.ts'
import { nameUpTo } from '../../control/lab-schema-values.ts'
import type { Labs } from '../../control/labs/labs.ts'
import { LAB_NAME_MAX } from '../../limits.ts'
import { progressLines } from './progress-lines.ts'
import { type Api, body, flag, json, type RouteContext, route, serve } from './routes.ts'
import { streamBody } from './streams.ts'

const tags = ['labs']
const labParameter = z.strictObject({ lab: nameUpTo(LAB_NAME_MAX) })
const yaml = {
  description: 'The lab file',
  content: { 'application/yaml': { schema: z.string() } },
}

const list = route({
  method: 'get',
  path: '/labs',
  tags,
  summary: 'The labs that something is there of',
  responses: { 200: json('The labs', z.array(labSummarySchema.meta({ id: 'LabSummary' }))) },
})

const inspect = route({
  method: 'get',
  path: '/labs/{lab}',
  tags,
  summary: 'A lab with its networks, sandboxes and hosts',
  request: { params: labParameter },
  responses: { 200: json('The lab', labStatusSchema.meta({ id: 'LabStatus' })) },
})

const put = route({
  method: 'put',
  path: '/labs/{lab}',
  tags,
  summary: 'Makes the lab as it is wanted; with `dryRun` only says what would be done',
  request: {
    params: labParameter,
    query: z.strictObject({ dryRun: flag }),
    body: body(labSchema.meta({ id: 'Lab' })),
  },
  responses: {
    200: {
      description:
        'What is done, a JSON object a line; the last has `ready` and all actions, or `failed`. With `dryRun` one JSON object.',
      content: {
        'application/x-ndjson': { schema: progressSchema.meta({ id: 'Progress' }) },
        'application/json': { schema: labPlanSchema.meta({ id: 'LabPlan' }) },
      },
    },
  },
})

const remove = route({
  method: 'delete',
  path: '/labs/{lab}',
  tags,
  summary: 'Removes all of a lab',
  request: { params: labParameter },
  responses: {
    200: {
      description: 'What is done, a JSON object a line; the last has `ready` or `failed`',
      content: { 'application/x-ndjson': { schema: progressSchema.meta({ id: 'Progress' }) } },
    },
  },
})

const fileOfLab = route({
  method: 'get',
  path: '/labs/{lab}/file',
  tags,
  summary: 'The lab file of what is there of a lab',
  request: { params: labParameter },
  responses: { 200: yaml },
})

const file = route({
  method: 'get',
  path: '/file',
  tags,
  summary: 'The lab file of all that is there',
  responses: { 200: yaml },
})

const NDJSON = { 'Content-Type': 'application/x-ndjson' }
const YAML = { 'Content-Type': 'application/yaml; charset=utf-8' }

export function labRoutes(api: Api, labs: Labs, { streams }: Pick<RouteContext, 'streams'>): void {
  serve(api, list, (c) => c.json([...labs.list()], 200))
  serve(api, inspect, (c) => c.json(labs.status(c.req.valid('param').lab), 200))
  serve(api, put, async (c) => {
    const lab = c.req.valid('json')
    if (lab.name !== c.req.valid('param').lab) {
      throw new TapwireError(
        ErrorCode.badRequest,
        `The request's body is lab '${lab.name}', and its path says '${c.req.valid('param').lab}'.`,
      )
    }
    if (c.req.valid('query').dryRun) return c.json({ actions: [...(await labs.plan(lab))] }, 200)
    const stream = streams.open(c.req.raw.signal)
    const lines = progressLines(async (steps) => ({
      ready: true,
      actions: [...(await labs.up(lab, steps, stream.signal))],
    }))
    return c.body(await streamBody(stream, lines), 200, NDJSON) as never
  })
  serve(api, remove, async (c) => {
    const stream = streams.open(c.req.raw.signal)
    const lines = progressLines(async (steps) => {
      await labs.down(c.req.valid('param').lab, steps, stream.signal)
      return { ready: true }
    })
    return c.body(await streamBody(stream, lines), 200, NDJSON) as never
  })
  serve(api, fileOfLab, async (c) => c.body(await labs.save(c.req.valid('param').lab), 200, YAML) as never)
  serve(api, file, async (c) => c.body(await labs.save(undefined), 200, YAML) as never)
}
