/** What the groups of routes have in common. */

import { createRoute, type OpenAPIHono, type RouteConfig, type RouteHandler, z } from '@hono/zod-openapi'
import type { Context, Next } from 'hono'
import { failureSchema } from '../../control/api/failure.ts'
import type { SystemPruned, Version } from '../../control/api/system.ts'
import type { ControlPlane } from '../../control/control-plane.ts'
import { badPart, type RequestPart } from './request-issue.ts'
import type { Streams } from './streams.ts'

export type Api = OpenAPIHono

/** What the routes ask of the daemon itself. */
export interface DaemonService {
  version(): Version
  /** The text of Prometheus' exposition format, and its content type. */
  metrics(): Promise<{ readonly text: string; readonly contentType: string }>
  /** Removes what daemons that died have left behind. */
  prune(options: { readonly all: boolean }): Promise<SystemPruned>
  /** Begins to end the daemon. */
  shutdown(): void
}

export interface RouteContext {
  readonly control: ControlPlane
  readonly daemon: DaemonService
  readonly streams: Streams
}

const Failure = failureSchema.meta({ id: 'Failure' })

type Route = Omit<RouteConfig, 'responses'> & {
  readonly responses: RouteConfig['responses']
}

/** A route whose answers other than the good ones are Failures. */
export function route<const R extends Route>(config: R) {
  return createRoute({
    ...config,
    responses: {
      ...config.responses,
      default: {
        description: 'What went wrong. The status says of what kind it is, the code which.',
        content: { 'application/json': { schema: Failure } },
      },
    },
  })
}

const PARTS: Readonly<Record<string, RequestPart>> = {
  json: 'body',
  query: 'query',
  param: 'path',
  header: 'header',
}

/** Registers a route; requests that do not have its shape are answered with a sentence that says where. */
export function serve<R extends RouteConfig>(api: Api, config: R, handler: RouteHandler<R>): void {
  const { request } = config
  const schemas: Readonly<Record<string, unknown>> = {
    json: (request?.body?.content['application/json'] as { schema?: unknown } | undefined)?.schema,
    query: request?.query,
    param: request?.params,
    header: request?.headers,
  }
  api.openapi(
    config,
    withoutBody(handler) as never,
    ((result: HookResult) => {
      if (result.success) return
      const { target, data, error } = result
      throw badPart(schemas[target] as z.ZodType | undefined, data, PARTS[target] ?? 'body', error!.issues)
    }) as never,
  )
}

/** A request for the head of an answer gets that alone: nobody will read the body, and a stream would go on for ever. */
function withoutBody<R extends RouteConfig>(handler: RouteHandler<R>) {
  const answerOf = handler as unknown as (c: Context, next: Next) => Response | Promise<Response>
  return async (c: Context, next: Next): Promise<Response> => {
    const answer = await answerOf(c, next)
    if (c.req.method === 'HEAD') await answer.body?.cancel()
    return answer
  }
}

interface HookResult {
  readonly success: boolean
  readonly target: string
  readonly data: unknown
  readonly error?: z.ZodError
}

/** A body of JSON, in a request or an answer. */
export const json = <Schema extends z.ZodType>(description: string, schema: Schema) => ({
  description,
  content: { 'application/json': { schema } },
})

export const body = <Schema extends z.ZodType>(schema: Schema) => ({
  required: true,
  content: { 'application/json': { schema } },
})

export const nothing = (description: string) => ({ description })

/** False where it is absent. */
export const flag = z
  .enum(['0', '1', 'false', 'true'])
  .optional()
  .transform((value) => value === '1' || value === 'true')

export const wholeNumber = z
  .string()
  .refine((value) => /^-?\d{1,15}$/.test(value), 'must be a whole number')
  .transform(Number)
  .openapi({ type: 'integer' })

/** Seconds since 1970, with a fraction, or RFC 3339; milliseconds since 1970 afterwards. */
export const moment = z
  .string()
  .transform((value, context) => {
    if (/^\d{1,12}(\.\d{1,9})?$/.test(value)) return Number(value) * 1000
    const parsed = /^\d{4}-\d\d-\d\dT/.test(value) ? Date.parse(value) : Number.NaN
    if (!Number.isNaN(parsed)) return parsed
    context.addIssue({ code: 'custom', message: 'must be seconds since 1970 or a time of RFC 3339' })
    return z.NEVER
  })
  .openapi({ type: 'string', example: '1767323045.678' })

const filterMap = z.record(
  z.string(),
  z.union([z.array(z.string()), z.record(z.string(), z.boolean()).transform((set) => Object.keys(set))]),
)

/** `{"label":["a=b"]}`, or as older clients write it, `{"label":{"a=b":true}}`. */
export const filters = z
  .string()
  .optional()
  .transform((value, context) => {
    if (value === undefined || value === '') return {}
    const given = parseJson(value)
    // Records of zod pass it over, and without its filter a prune would remove everything.
    if (hasPrototypeKey(value)) {
      context.addIssue({ code: 'custom', message: 'must not have a key __proto__' })
      return z.NEVER
    }
    const parsed = filterMap.safeParse(given)
    if (parsed.success) return parsed.data
    context.addIssue({ code: 'custom', message: 'must be JSON, as in {"label":["a=b"]}' })
    return z.NEVER
  })
  .openapi({ type: 'string', example: '{"label":["a=b"]}' })

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Whether any object of a JSON text has the key `__proto__`, which no map of ours can hold. */
export function hasPrototypeKey(text: string): boolean {
  // Spelt out, or with any of its letters escaped.
  if (!text.includes('__proto__') && !text.includes('\\u')) return false
  let found = false
  try {
    JSON.parse(text, (key, value: unknown) => {
      found ||= key === '__proto__'
      return value
    })
  } catch {
    // No JSON: others say so.
  }
  return found
}

/** A name, an id or the beginning of one. */
export const networkParameter = z.strictObject({ network: z.string().min(1) })
export const sandboxParameter = z.strictObject({ sandbox: z.string().min(1) })
