/** Attach and exec: the connection itself becomes the stream, and HTTP is done with it. */

import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { execSchema } from '../../control/api/sandbox.ts'
import { STREAM_PROTOCOL } from '../../control/api-version.ts'
import type { ControlPlane } from '../../control/control-plane.ts'
import { ErrorCode, TapwireError } from '../../control/errors.ts'
import { API_REQUEST_TIMEOUT_MS, REQUEST_BODY_MAX, STREAM_LINGER_MS } from '../../limits.ts'
import { describe, type Log } from '../log.ts'
import { answerTo } from './failure.ts'
import { failureText, headText } from './raw-answer.ts'
import { parsePart } from './request-issue.ts'
import type { OpenStream, Streams } from './streams.ts'

const TARGET = /^\/sandboxes\/([^/]+)\/(attach|exec)$/

export interface UpgradeContext {
  readonly control: ControlPlane
  readonly streams: Streams
  readonly log: Log
}

/** Answers a request for another protocol. `head` are the bytes that came behind the request's headers. */
export async function upgrade(
  context: UpgradeContext,
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
): Promise<void> {
  // A client that has gone is noticed by `close`.
  socket.on('error', () => {})
  socket.setTimeout(API_REQUEST_TIMEOUT_MS, () => socket.destroy())
  let stream: OpenStream | undefined
  try {
    stream = context.streams.open()
    const opened = stream
    socket.once('close', () => opened.close())
    const target = await open(context.control, request, socket, head)
    socket.setTimeout(0)
    if (target === undefined) socket.end(headText(201, { 'Content-Length': '0' }))
    else splice(socket, target, stream.signal)
  } catch (error) {
    stream?.close()
    const { status, failure } = answerTo(error)
    if (status >= 500) context.log.error({ error: describe(error) }, 'a request failed')
    // What the client still sends is read away: bytes that nobody has read would reset the connection under the answer.
    socket.resume()
    socket.end(failureText(status, failure))
  }
}

async function open(
  control: ControlPlane,
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
): Promise<Duplex | undefined> {
  const { sandbox, action } = targetOf(request)
  const text = await readBody(request, socket, head)
  if (action === 'attach') return await control.attach(sandbox)
  return await control.exec(sandbox, parsePart(execSchema, parseBody(text), 'body'))
}

/** Whether the request is for something that becomes a stream; an offer of another protocol is looked at only there. */
export function isUpgradable({ method, url = '' }: IncomingMessage): boolean {
  return method === 'POST' && TARGET.test(url.split('?', 1)[0]!)
}

/** The head of the request as it would be without its offer: the fields that the connection's own header names go with it. */
export function withoutUpgrade({ method, url, httpVersion, rawHeaders, headers }: IncomingMessage): Buffer {
  const options = new Set((headers.connection ?? '').split(',').map((option) => option.trim().toLowerCase()))
  const dropped = new Set(['connection', 'upgrade'])
  if (options.has('http2-settings')) dropped.add('http2-settings')
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (!dropped.has(rawHeaders[at]!.toLowerCase())) lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`)
  }
  if (options.has('close')) lines.push('Connection: close')
  // Node reads header bytes as Latin-1.
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
}

function targetOf({ method, url = '', headers }: IncomingMessage): {
  sandbox: string
  action: 'attach' | 'exec'
} {
  const [path = ''] = url.split('?')
  const [, encoded, action] = TARGET.exec(path) ?? []
  const sandbox = encoded === undefined ? undefined : decoded(encoded)
  if (method !== 'POST' || sandbox === undefined) {
    throw new TapwireError(ErrorCode.routeUnknown, `The daemon has no ${method} ${path} to upgrade.`)
  }
  if (headers.upgrade?.toLowerCase() !== STREAM_PROTOCOL) {
    throw new TapwireError(
      ErrorCode.badRequest,
      `The daemon upgrades to ${STREAM_PROTOCOL}, not to ${headers.upgrade}.`,
    )
  }
  return { sandbox, action: action as 'attach' | 'exec' }
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** The request's body, which Node leaves on the connection when a request asks for an upgrade. */
async function readBody({ headers }: IncomingMessage, socket: Socket, head: Buffer): Promise<string> {
  if (head.length > 0) socket.unshift(head)
  if (headers['transfer-encoding'] !== undefined) {
    throw new TapwireError(
      ErrorCode.badRequest,
      'The body of a request for an upgrade needs a Content-Length.',
    )
  }
  const length = Number(headers['content-length'] ?? 0)
  if (length > REQUEST_BODY_MAX) {
    throw new TapwireError(
      ErrorCode.bodyTooLarge,
      `The request's body has more than ${REQUEST_BODY_MAX} bytes.`,
    )
  }
  return length === 0 ? '' : (await readExactly(socket, length)).toString('utf8')
}

function readExactly(socket: Socket, length: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const attempt = (): void => {
      const chunk = socket.read(length) as Buffer | null
      if (chunk === null) return
      finish()
      // At the end of what was sent there may be less.
      if (chunk.length === length) resolve(chunk)
      else cutShort()
    }
    const cutShort = (): void => {
      finish()
      reject(new TapwireError(ErrorCode.badRequest, "The request's body is shorter than it was to be."))
    }
    const finish = (): void => {
      socket.off('readable', attempt).off('end', cutShort).off('close', cutShort)
    }
    socket.on('readable', attempt).on('end', cutShort).on('close', cutShort)
    attempt()
  })
}

function parseBody(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new TapwireError(ErrorCode.badRequest, "The request's body is no JSON.")
  }
}

/** Milliseconds for what a client has sent before it hung up. */
const LAST_BYTES_MS = 1000

/**
 * Each side's bytes go to the other, as fast as that takes them. The end of the target's is the end for the client's reading
 * alone. A client that ends has gone, for an end of standard input has a frame of its own: what it has sent goes on its way,
 * and then the target is closed. Where one breaks, the other ends too.
 */
function splice(socket: Socket, target: Duplex, signal: AbortSignal): void {
  const breakOff = (): void => {
    target.destroy()
    socket.destroy()
  }
  target.on('error', breakOff)
  if (socket.destroyed || signal.aborted) {
    breakOff()
    return
  }
  signal.addEventListener('abort', breakOff)
  socket.once('close', () => {
    signal.removeEventListener('abort', breakOff)
    target.destroy()
  })
  socket.once('end', () => {
    const timer = setTimeout(breakOff, LAST_BYTES_MS)
    socket.once('close', () => clearTimeout(timer))
    target.once('finish', breakOff)
  })
  // It takes nothing more, and the client, which may not know yet, is not to be broken off for what it still sends.
  const finish = (): void => {
    socket.unpipe(target)
    socket.resume()
    socket.setTimeout(STREAM_LINGER_MS, () => socket.destroy())
  }
  target.once('end', () => {
    if (!target.allowHalfOpen) finish()
  })
  target.once('close', () => {
    if (target.readableEnded) finish()
    else socket.destroySoon()
  })
  socket.write(headText(101, { Connection: 'Upgrade', Upgrade: STREAM_PROTOCOL }))
  socket.pipe(target)
  target.pipe(socket)
}
