import { z } from '@hono/zod-openapi'
import { type Event, eventSchema } from '../../control/api/system.ts'
import { EVENTS_HEARTBEAT_MS } from '../../limits.ts'
import { type Api, filters, moment, type RouteContext, route, serve, wholeNumber } from './routes.ts'
import { streamBody } from './streams.ts'

const events = route({
  method: 'get',
  path: '/events',
  tags: ['system'],
  summary: 'What happens, as server-sent events whose data is an Event; with `since` also what has happened',
  request: {
    query: z.strictObject({
      since: moment.optional(),
      until: moment.optional(),
      filters,
      afterId: wholeNumber.optional(),
    }),
    headers: z.object({ 'last-event-id': wholeNumber.optional() }),
  },
  responses: {
    200: {
      description: 'The events. The data of each is an Event.',
      content: { 'text/event-stream': { schema: eventSchema.meta({ id: 'Event' }) } },
    },
  },
})

export function eventRoutes(
  api: Api,
  { control, streams }: RouteContext,
  heartbeatMs: number = EVENTS_HEARTBEAT_MS,
): void {
  serve(api, events, async (c) => {
    const { since, until, filters: wanted, afterId } = c.req.valid('query')
    const last = c.req.valid('header')['last-event-id']
    const stream = streams.open(c.req.raw.signal)
    const options = { sinceMs: since, untilMs: until, filters: wanted, afterId: afterId ?? last }
    const happening = () => control.events(options, stream.signal)
    const text = await streamBody(stream, withHeartbeat(happening, eventText, heartbeatMs))
    return c.body(text, 200, {
      'Content-Type': 'text/event-stream',
      'Cache-Control': 'no-cache',
    }) as never
  })
}

const eventText = (event: Event): string => `id: ${event.Id}\ndata: ${JSON.stringify(event)}\n\n`

/** Each as text, and a comment now and then where nothing happens: a client that has gone is noticed by it. */
export async function* withHeartbeat<T>(
  happening: () => AsyncIterable<T>,
  textOf: (one: T) => string,
  heartbeatMs: number,
): AsyncGenerator<string> {
  const iterator = happening()[Symbol.asyncIterator]()
  try {
    for (;;) {
      const next = iterator.next()
      let result = await orQuiet(next, heartbeatMs)
      while (result === QUIET) {
        yield ':\n\n'
        result = await orQuiet(next, heartbeatMs)
      }
      if (result.done === true) return
      yield textOf(result.value)
    }
  } finally {
    await iterator.return?.()
  }
}

const QUIET = Symbol('quiet')

async function orQuiet<T>(next: Promise<T>, ms: number): Promise<T | typeof QUIET> {
  let timer: NodeJS.Timeout | undefined
  const quiet = new Promise<typeof QUIET>((resolve) => {
    timer = setTimeout(() => resolve(QUIET), ms)
  })
  try {
    return await Promise.race([next, quiet])
  } finally {
    clearTimeout(timer)
  }
}
