/** Speaks with a lab's daemon: HTTP on the Unix socket in the lab's run folder. */
import { type IncomingMessage, type RequestOptions, request } from 'node:http'
import type { z } from 'zod'
import { ErrorCode, TapwireError } from '../control/errors.ts'
import type { LabPaths } from '../control/run-directory.ts'
import { API_ANSWER_MAX, API_TIMEOUT_MS } from '../limits.ts'
import { parseFailure } from './failure.ts'

/** The answer to a GET, checked. Throws DAEMON_UNREACHABLE, DAEMON_ANSWER, or the failure that the daemon tells. */
export async function get<T>(paths: LabPaths, path: string, schema: z.ZodType<T>): Promise<T> {
  const text = await exchange(paths, 'GET', path)
  try {
    return schema.parse(JSON.parse(text))
  } catch (cause) {
    throw badAnswer(paths, `GET ${path}`, cause)
  }
}

/** A POST whose answer is its status alone. */
export async function post(paths: LabPaths, path: string): Promise<void> {
  await exchange(paths, 'POST', path)
}

async function exchange(paths: LabPaths, method: string, path: string): Promise<string> {
  const timeout = AbortSignal.timeout(API_TIMEOUT_MS)
  let answer: IncomingMessage
  let text: string
  try {
    answer = await send({ socketPath: paths.socket, method, path, agent: false, signal: timeout })
    text = await readText(answer)
  } catch (cause) {
    throw unreachable(paths, timeout.aborted, cause as NodeJS.ErrnoException)
  }
  const { statusCode = 0 } = answer
  if (statusCode >= 200 && statusCode < 300) return text
  const failure = parseFailure(text)
  if (failure === undefined) throw badAnswer(paths, `${method} ${path}`, `HTTP status ${statusCode}`)
  throw new TapwireError(failure.code, failure.message, { hint: failure.hint })
}

function send(options: RequestOptions): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request(options, resolve).on('error', reject).end()
  })
}

async function readText(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > API_ANSWER_MAX) throw new Error(`an answer of more than ${API_ANSWER_MAX} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function unreachable(paths: LabPaths, timedOut: boolean, cause: NodeJS.ErrnoException): TapwireError {
  if (cause.code === 'EACCES' || cause.code === 'EPERM') {
    return new TapwireError(ErrorCode.daemonUnreachable, `No permission for ${paths.socket}.`, {
      hint: 'Run the command as the user who brought the lab up, mostly root.',
      cause,
    })
  }
  const why = timedOut ? `it gives no answer within ${API_TIMEOUT_MS / 1000} s` : cause.message
  return new TapwireError(ErrorCode.daemonUnreachable, `${paths.socket} cannot be reached: ${why}.`, {
    hint: `Its log is ${paths.log}.`,
    cause,
  })
}

function badAnswer(paths: LabPaths, what: string, cause: unknown): TapwireError {
  return new TapwireError(ErrorCode.daemonAnswer, `The daemon answers ${what} with something unknown.`, {
    hint: `Is it of another version of Tapwire? Its log is ${paths.log}.`,
    cause,
  })
}
