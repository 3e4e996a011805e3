/** The daemon's API: its routes, and what holds for all of them. */

import { OpenAPIHono } from '@hono/zod-openapi'
import type { Context, Next } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { API_VERSION, API_VERSION_HEADER } from '../../control/api-version.ts'
import { ErrorCode, TapwireError } from '../../control/errors.ts'
import { REQUEST_BODY_MAX } from '../../limits.ts'
import { describe, type Log } from '../log.ts'
import { clusterRoutes } from './cluster.ts'
import { dnsRoutes } from './dns.ts'
import { eventRoutes } from './events.ts'
import { explainRoutes } from './explain.ts'
import { answerTo } from './failure.ts'
import { linkRoutes } from './links.ts'
import { natRoutes } from './nat.ts'
import { networkRoutes } from './networks.ts'
import { overlayRoutes } from './overlay.ts'
import { type Api, hasPrototypeKey, type RouteContext } from './routes.ts'
import { sandboxStreamRoutes } from './sandbox-streams.ts'
import { sandboxRoutes } from './sandboxes.ts'
import { serviceRoutes } from './services.ts'
import { switchRoutes } from './switch.ts'
import { systemRoutes } from './system.ts'
import { uplinkRoutes } from './uplink.ts'

export interface ApiOptions extends RouteContext {
  readonly log: Log
  readonly heartbeatMs?: number | undefined
  /** Adds routes of other parts, labs for example. */
  readonly mount?: ((api: Api, context: RouteContext) => void) | undefined
}

export function createApi(options: ApiOptions): Api {
  const api = new OpenAPIHono()
  api.use(announceVersion)
  api.use(bodyLimit({ maxSize: REQUEST_BODY_MAX, onError: refuseBody }))
  api.use(requireJson)
  api.use(refusePrototypeKeys)
  api.notFound(notFound)
  api.onError((error, context) => {
    const { status, failure } = answerTo(error)
    if (status >= 500) options.log.error({ error: describe(error) }, 'a request failed')
    return context.json(failure, status, { [API_VERSION_HEADER]: API_VERSION })
  })
  systemRoutes(api, options)
  networkRoutes(api, options)
  serviceRoutes(api, options)
  sandboxRoutes(api, options)
  sandboxStreamRoutes(api, options)
  switchRoutes(api, options)
  overlayRoutes(api, options)
  clusterRoutes(api, options)
  natRoutes(api, options)
  uplinkRoutes(api, options)
  linkRoutes(api, options)
  dnsRoutes(api, options)
  explainRoutes(api, options)
  eventRoutes(api, options, options.heartbeatMs)
  options.mount?.(api, options)
  api.get('/openapi.json', (context) => context.json(openApiDocument(api)))
  return api
}

/** The document that describes the API; docs/openapi.json is its text. */
export function openApiDocument(api: Api) {
  return api.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Tapwire',
      version: API_VERSION,
      description:
        'The daemon of Tapwire, on a Unix socket. Networks and sandboxes have the shapes of networks and containers in ' +
        'Docker’s API. POST /sandboxes/{sandbox}/attach and /exec turn the connection into a stream.',
      license: { name: 'MIT' },
    },
    servers: [{ url: 'http://localhost', description: 'By the Unix socket: curl --unix-socket PATH' }],
  })
}

function announceVersion(context: Context, next: Next): Promise<void> {
  context.header(API_VERSION_HEADER, API_VERSION)
  return next()
}

function refuseBody(): never {
  throw new TapwireError(
    ErrorCode.bodyTooLarge,
    `The request's body has more than ${REQUEST_BODY_MAX} bytes.`,
  )
}

/** A body of another type would be passed over, and the request look as though it had none. */
function requireJson(context: Context, next: Next): Promise<void> {
  const type = context.req.header('content-type')
  const length = context.req.header('content-length')
  const hasBody = context.req.header('transfer-encoding') !== undefined || (length ?? '0') !== '0'
  if (hasBody && !/^application\/json\s*(;|$)/i.test(type ?? '')) {
    throw new TapwireError(
      ErrorCode.bodyTypeUnknown,
      type === undefined
        ? "The request's body has no type."
        : `The request's body has the type ${type}, which the daemon does not know.`,
      { hint: 'Send JSON, with the header Content-Type: application/json.' },
    )
  }
  return next()
}

/** A label of this name would be passed over, and the request done as though it had none. */
function refusePrototypeKeys(context: Context, next: Next): Promise<void> {
  const { method } = context.req
  const hasBody = method !== 'GET' && method !== 'HEAD' && context.req.header('content-type') !== undefined
  return hasBody ? checkKeys(context, next) : next()
}

async function checkKeys(context: Context, next: Next): Promise<void> {
  if (hasPrototypeKey(await context.req.text())) {
    throw new TapwireError(ErrorCode.badRequest, "The request's body has an unknown key __proto__.")
  }
  await next()
}

function notFound(context: Context): never {
  const { method, path } = context.req
  throw new TapwireError(ErrorCode.routeUnknown, `The daemon has no ${method} ${path}.`, {
    hint: 'GET /openapi.json says what it has.',
  })
}
