/** What goes on until something happens in a sandbox: its log, waiting for its end, its streams. */

import { z } from '@hono/zod-openapi'
import {
  execSchema,
  type LogEntry,
  logEntrySchema,
  type Waited,
  waitedSchema,
} from '../../control/api/sandbox.ts'
import { STREAM_PROTOCOL } from '../../control/api-version.ts'
import { ErrorCode, TapwireError } from '../../control/errors.ts'
import {
  type Api,
  body,
  flag,
  json,
  moment,
  nothing,
  type RouteContext,
  route,
  sandboxParameter,
  serve,
} from './routes.ts'
import { streamBody } from './streams.ts'

const tags = ['sandboxes']

const logs = route({
  method: 'get',
  path: '/sandboxes/{sandbox}/logs',
  tags,
  summary: 'What it has printed, a JSON object a line; with `follow` until it ends',
  request: {
    params: sandboxParameter,
    query: z.strictObject({
      follow: flag,
      stdout: flag,
      stderr: flag,
      since: moment.optional(),
      until: moment.optional(),
      tail: z
        .string()
        .refine((value) => /^(all|\d{1,9})$/.test(value), 'must be a count of lines, or all')
        .optional(),
    }),
  },
  responses: {
    200: {
      description: 'The entries',
      content: { 'application/x-ndjson': { schema: logEntrySchema.meta({ id: 'LogEntry' }) } },
    },
  },
})

const wait = route({
  method: 'post',
  path: '/sandboxes/{sandbox}/wait',
  tags,
  summary: 'Answers at once that it waits, and in the body, when the time has come, with the exit code',
  request: {
    params: sandboxParameter,
    query: z.strictObject({ condition: z.enum(['not-running', 'next-exit', 'removed']).optional() }),
  },
  responses: { 200: json('The exit code', waitedSchema.meta({ id: 'Waited' })) },
})

const upgraded = {
  101: nothing(
    `The connection carries the frames of native/shim/README.md from here on (${STREAM_PROTOCOL})`,
  ),
}

const attach = route({
  method: 'post',
  path: '/sandboxes/{sandbox}/attach',
  tags,
  summary: `The command's standard streams; takes the headers Connection: Upgrade and Upgrade: ${STREAM_PROTOCOL}`,
  request: { params: sandboxParameter },
  responses: upgraded,
})

const exec = route({
  method: 'post',
  path: '/sandboxes/{sandbox}/exec',
  tags,
  summary: `Runs another command in it; unless detached with Connection: Upgrade and Upgrade: ${STREAM_PROTOCOL}`,
  request: { params: sandboxParameter, body: body(execSchema.meta({ id: 'Exec' })) },
  responses: { ...upgraded, 201: nothing('It runs, detached') },
})

/** The exit code that says of a wait that it failed. */
const WAIT_FAILED = 125

export function sandboxStreamRoutes(api: Api, { control, streams }: RouteContext): void {
  serve(api, logs, async (c) => {
    const { sandbox } = c.req.valid('param')
    const { tail, since, until, ...wanted } = c.req.valid('query')
    const stream = streams.open(c.req.raw.signal)
    const options = {
      ...wanted,
      sinceMs: since,
      untilMs: until,
      tail: tail === undefined || tail === 'all' ? undefined : Number(tail),
    }
    const lines = await streamBody(
      stream,
      entryLines(() => control.logs(sandbox, options, stream.signal)),
    )
    return c.body(lines, 200, { 'Content-Type': 'application/x-ndjson' }) as never
  })
  serve(api, wait, async (c) => {
    const { condition = 'not-running' } = c.req.valid('query')
    const stream = streams.open(c.req.raw.signal)
    const waited = control.waitSandbox(c.req.valid('param').sandbox, condition, stream.signal)
    const answer = await streamBody(stream, waitedText(waited, stream.signal))
    return c.body(answer, 200, { 'Content-Type': 'application/json' }) as never
  })
  serve(api, attach, () => {
    throw upgradeRequired()
  })
  serve(api, exec, async (c) => {
    const request = c.req.valid('json')
    if (request.Detach !== true) throw upgradeRequired()
    await control.exec(c.req.valid('param').sandbox, request)
    return c.body(null, 201)
  })
}

async function* entryLines(entries: () => AsyncIterable<LogEntry>): AsyncGenerator<string> {
  for await (const entry of entries()) yield `${JSON.stringify(entry)}\n`
}

/**
 * Once it waits, a failure is told in the body: the head of the answer is out. Whether it came before, `streamBody` decides;
 * the first piece is empty for that.
 */
async function* waitedText(waited: Promise<Waited>, signal: AbortSignal): AsyncGenerator<string> {
  const told = Symbol('told')
  let isTold = false
  const failed = (error: unknown): Waited => {
    if (!isTold || signal.aborted) throw error
    return {
      StatusCode: WAIT_FAILED,
      Error: { Message: error instanceof Error ? error.message : String(error) },
    }
  }
  const later = new Promise<typeof told>((resolve) => setImmediate(() => resolve(told)))
  const first = await Promise.race([waited, later])
  isTold = first === told
  yield `${JSON.stringify(first === told ? await waited.catch(failed) : first)}\n`
}

const upgradeRequired = (): TapwireError =>
  new TapwireError(
    ErrorCode.upgradeRequired,
    `This takes a connection that is upgraded to ${STREAM_PROTOCOL}.`,
    { hint: `Send the headers Connection: Upgrade and Upgrade: ${STREAM_PROTOCOL}.` },
  )
