import { z } from '@hono/zod-openapi'
import { captureSummarySchema, followedFrameSchema } from '../../control/api/capture.ts'
import { CAPTURE_ID_HEADER, CAPTURE_POINTS } from '../../control/capture-points.ts'
import {
  CAPTURE_PLACES_TOLD_MAX,
  CAPTURE_SNAP_LENGTH_MAX,
  EVENTS_HEARTBEAT_MS,
  FOLLOWED_FRAMES_PER_S,
  FOLLOWED_FRAMES_PER_S_MAX,
} from '../../limits.ts'
import type { CaptureService } from '../capture/capture-service.ts'
import type { Followed } from '../capture/follow-session.ts'
import { withHeartbeat } from './events.ts'
import { type Api, flag, json, nothing, type RouteContext, route, serve } from './routes.ts'
import { streamBody } from './streams.ts'

const tags = ['capture']

const places = z
  .union([z.string(), z.array(z.string()).max(CAPTURE_PLACES_TOLD_MAX)])
  .optional()
  .transform((value) => (value === undefined ? [] : typeof value === 'string' ? [value] : value))
  .openapi({
    type: 'array',
    items: { type: 'string' },
    description:
      '`any`, `uplink`, `host`, `SANDBOX@NETWORK`, or a network or a sandbox (`network:NAME` and `sandbox:NAME` where both have the name)',
  })

const filter = z
  .string()
  .optional()
  .transform((value) => value ?? '')
  .openapi({ type: 'string', example: 'tcp port 80 and host web', description: 'As tcpdump takes it' })

const numberUpTo = (max: number, min = 0) =>
  z
    .string()
    .refine(
      (value) => /^\d{1,15}$/.test(value) && Number(value) >= min && Number(value) <= max,
      `must be a whole number from ${min} to ${max}`,
    )
    .transform(Number)
    .openapi({ type: 'integer', minimum: min, maximum: max })

const capture = route({
  method: 'get',
  path: '/capture',
  tags,
  summary:
    'What passes the switch from now on, as a capture file. Ends when it is stopped, or behind `count` packets',
  request: {
    query: z.strictObject({
      place: places,
      point: z.enum(CAPTURE_POINTS).optional(),
      filter,
      snaplen: numberUpTo(CAPTURE_SNAP_LENGTH_MAX).optional(),
      drops: flag,
      raw: flag,
      count: numberUpTo(Number.MAX_SAFE_INTEGER, 1).optional(),
    }),
  },
  responses: {
    200: {
      description: 'The file, in the format pcapng',
      headers: z.object({ [CAPTURE_ID_HEADER]: z.string() }),
      content: { 'application/x-pcapng': { schema: z.string().openapi({ format: 'binary' }) } },
    },
  },
})

const list = route({
  method: 'get',
  path: '/captures',
  tags,
  summary: 'The captures that run',
  responses: { 200: json('The captures', z.array(captureSummarySchema.meta({ id: 'Capture' }))) },
})

const stop = route({
  method: 'post',
  path: '/capture/{capture}/stop',
  tags,
  summary: 'Ends a capture: its file becomes whole',
  request: { params: z.strictObject({ capture: z.string().min(1) }) },
  responses: { 204: nothing('It captures nothing any more') },
})

const follow = route({
  method: 'get',
  path: '/explain/follow',
  tags,
  summary: 'What becomes of frames and why, as server-sent events whose data is a FollowedFrame',
  request: {
    query: z.strictObject({
      place: places,
      filter,
      limit: numberUpTo(FOLLOWED_FRAMES_PER_S_MAX, 1).optional(),
    }),
  },
  responses: {
    200: {
      description:
        'The frames, at most `limit` a second. The data of each is a FollowedFrame; that of an event `missed` says how many were not told of.',
      content: { 'text/event-stream': { schema: followedFrameSchema.meta({ id: 'FollowedFrame' }) } },
    },
  },
})

export function captureRoutes(
  api: Api,
  captures: CaptureService,
  { streams }: Pick<RouteContext, 'streams'>,
  heartbeatMs: number = EVENTS_HEARTBEAT_MS,
): void {
  serve(api, capture, async (c) => {
    const { place, point = 'both', snaplen = 0, count, ...query } = c.req.valid('query')
    const stream = streams.open(c.req.raw.signal)
    const opened = await closing(
      stream,
      captures.open({ ...query, places: place, point, snapLength: snaplen, count }),
    )
    stream.signal.addEventListener('abort', () => void opened.stop())
    const body = await streamBody(stream, opened.pieces)
    return c.body(body, 200, {
      'Content-Type': 'application/x-pcapng',
      'Cache-Control': 'no-cache',
      [CAPTURE_ID_HEADER]: opened.id,
    }) as never
  })
  serve(api, list, (c) => c.json([...captures.list()], 200))
  serve(api, stop, async (c) => {
    await captures.stop(c.req.valid('param').capture)
    return c.body(null, 204)
  })
  serve(api, follow, async (c) => {
    const { place, filter: text, limit = FOLLOWED_FRAMES_PER_S } = c.req.valid('query')
    const stream = streams.open(c.req.raw.signal)
    const opened = await closing(stream, captures.follow({ places: place, filter: text, limit }))
    stream.signal.addEventListener('abort', () => opened.stop())
    const body = await streamBody(
      stream,
      withHeartbeat(() => opened.frames, followedText, heartbeatMs),
    )
    return c.body(body, 200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' }) as never
  })
}

/** A stream of which nothing comes is over. */
async function closing<T>(stream: { close(): void }, opening: Promise<T>): Promise<T> {
  try {
    return await opening
  } catch (error) {
    stream.close()
    throw error
  }
}

const followedText = (one: Followed): string =>
  'missed' in one ? `event: missed\ndata: ${JSON.stringify(one)}\n\n` : `data: ${JSON.stringify(one)}\n\n`
