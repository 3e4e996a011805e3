/** Requests to one server of the registry, by HTTP/1.1: etcd's gateway takes POST with JSON. */

import { Agent, type ClientRequest, type IncomingMessage, type RequestOptions, request } from 'node:http'
import { Agent as SecureAgent, request as secureRequest } from 'node:https'
import { type ClusterServer, formatServer } from '../../control/rules/cluster-address.ts'
import { REGISTRY_CONNECTIONS_MAX } from '../../limits.ts'
import { CUT, EtcdFailure, failureOfGrpc, failureOfSocket, failureOfStatus } from './etcd-failure.ts'
import { EtcdGarbage, type Json, objectOf, parseJson } from './etcd-text.ts'
import { JsonLines } from './json-lines.ts'
import type { TlsFiles } from './tls-files.ts'

/** Behind so much silence the kernel asks whether the other end is still there, and ends the connection where no answer comes. */
const TCP_KEEPALIVE_MS = 10_000
const HTTP_OK = 200

export interface CallLimits {
  readonly deadlineMs: number
  /** Bytes of the answer. */
  readonly sizeMax: number
}

export interface StreamListener {
  /** Throws EtcdGarbage, or EtcdFailure, which end it. */
  line(value: Json): void
  /** Once, whatever ended it. */
  ended(failure: EtcdFailure): void
}

export interface StreamLimits {
  /** Until it begins. */
  readonly deadlineMs: number
  /** Without a line. */
  readonly silenceMs: number
  readonly lineMax: number
}

export interface Stream {
  /** Holds lines back. */
  pause(): void
  resume(): void
  close(): void
}

export class EtcdConnections {
  readonly #tls: TlsFiles | undefined
  readonly #agent: Agent
  /** Watches: each has a connection of its own for as long as it lasts. */
  readonly #streams: Agent
  readonly #open = new Set<ClientRequest>()

  constructor(tls: TlsFiles | undefined) {
    this.#tls = tls
    const options = {
      keepAlive: true,
      keepAliveMsecs: TCP_KEEPALIVE_MS,
      maxSockets: REGISTRY_CONNECTIONS_MAX,
    }
    const AgentKind = tls === undefined ? Agent : SecureAgent
    this.#agent = new AgentKind(options)
    this.#streams = new AgentKind({ ...options, maxSockets: Number.POSITIVE_INFINITY })
  }

  urlOf(server: ClusterServer): string {
    return `${this.#tls === undefined ? 'http' : 'https'}://${formatServer(server)}`
  }

  /** Rejects with EtcdFailure. */
  async call(server: ClusterServer, path: string, body: Json, limits: CallLimits): Promise<Json> {
    let timer: NodeJS.Timeout | undefined
    const asked = this.#ask(server, path, this.#agent, body)
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new EtcdFailure(asked.sent() ? 'unknown' : 'unsent', 'it does not answer'))
      }, limits.deadlineMs)
    })
    try {
      return await Promise.race([late, answerOf(await Promise.race([late, asked.response]), limits.sizeMax)])
    } catch (error) {
      asked.request.destroy()
      throw this.#hinted(failureOf(error, asked.sent()))
    } finally {
      clearTimeout(timer)
    }
  }

  stream(
    server: ClusterServer,
    path: string,
    body: Json,
    limits: StreamLimits,
    listener: StreamListener,
  ): Stream {
    const asked = this.#ask(server, path, this.#streams, body)
    let ended = false
    let answered: IncomingMessage | undefined
    const end = (error: unknown): void => {
      if (ended) return
      ended = true
      clearTimeout(timer)
      asked.request.destroy()
      listener.ended(failureOf(error, true))
    }
    const silent = (): void => end(new EtcdFailure('unknown', 'it does not answer'))
    let timer = setTimeout(silent, limits.deadlineMs)
    const lines = new JsonLines(limits.lineMax)
    const read = (chunk: Buffer): void => {
      clearTimeout(timer)
      if (!ended) timer = setTimeout(silent, limits.silenceMs)
      try {
        for (const line of lines.push(chunk)) if (!ended) listener.line(resultOf(parseJson(line)))
      } catch (error) {
        end(error)
        // Of who listens.
        if (!isExpected(error)) throw error
      }
    }
    asked.response.then((response) => {
      answered = response
      if (response.statusCode !== HTTP_OK) return answerOf(response, limits.lineMax).then(end, end)
      response
        .on('data', read)
        .on('error', end)
        .on('close', () => end(cut()))
      return undefined
    }, end)
    return {
      pause: () => answered?.pause(),
      resume: () => answered?.resume(),
      close: () => {
        ended = true
        clearTimeout(timer)
        asked.request.destroy()
      },
    }
  }

  close(): void {
    for (const one of this.#open) one.destroy()
    this.#agent.destroy()
    this.#streams.destroy()
  }

  /** Who speaks TLS ends a connection without it, and says nothing. */
  #hinted(failure: EtcdFailure): EtcdFailure {
    if (this.#tls !== undefined || failure.message !== CUT) return failure
    const hint = 'If the registry is one over TLS, its address begins with etcds://'
    return new EtcdFailure(failure.kind, failure.message, { hint })
  }

  #ask(server: ClusterServer, path: string, agent: Agent, body: Json): Asked {
    const options: RequestOptions = {
      host: server.host,
      port: server.port,
      path,
      method: 'POST',
      agent,
      headers: { 'content-type': 'application/json' },
    }
    const one =
      this.#tls === undefined ? request(options) : secureRequest({ ...options, ...this.#tls.options() })
    this.#open.add(one)
    // What is written before there is a connection waits in this process.
    let sent = false
    one.on('socket', (socket) => {
      if (!socket.connecting) sent = true
      else socket.once('connect', () => (sent = true))
    })
    const response = new Promise<IncomingMessage>((resolve, reject) => {
      one.on('response', resolve).on('error', reject)
      one.on('close', () => {
        this.#open.delete(one)
        reject(cut())
      })
    })
    // Nobody looks at it any more where the time is over.
    response.catch(() => {})
    one.end(JSON.stringify(body))
    return { request: one, response, sent: () => sent }
  }
}

interface Asked {
  readonly request: ClientRequest
  readonly response: Promise<IncomingMessage>
  /** Whether the server may have it. */
  readonly sent: () => boolean
}

const cut = (): EtcdFailure => new EtcdFailure('unknown', CUT)

const isExpected = (error: unknown): boolean => error instanceof EtcdFailure || error instanceof EtcdGarbage

const failureOf = (error: unknown, sent: boolean): EtcdFailure =>
  error instanceof EtcdFailure ? error : failureOfSocket(error as Error, sent)

/** Rejects with EtcdFailure, EtcdGarbage, or what the connection says. */
async function answerOf(response: IncomingMessage, sizeMax: number): Promise<Json> {
  const text = await readAll(response, sizeMax)
  const status = response.statusCode ?? 0
  if (status !== HTTP_OK) throw failureOfStatus(status, jsonOrNothing(text))
  return parseJson(text)
}

async function readAll(response: IncomingMessage, sizeMax: number): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > sizeMax)
      throw new EtcdFailure('refused', `its answer has more than ${sizeMax} bytes`, { tooLong: true })
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function jsonOrNothing(text: string): Json | undefined {
  try {
    return parseJson(text)
  } catch {
    return undefined
  }
}

/** Of an answer of a call that etcd has as a stream: a result, or an error. Throws EtcdGarbage and EtcdFailure. */
export function resultOf({ result, error }: Json): Json {
  if (error === undefined) return objectOf(result, 'the result')
  const { grpc_code: grpcCode, message } = objectOf(error, 'the error')
  throw failureOfGrpc(typeof grpcCode === 'number' ? grpcCode : -1, String(message))
}
