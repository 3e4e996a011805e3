/** Speaks with the daemon: JSON over HTTP on its Unix socket. Answers are trusted to have the shapes of src/control/api. */
import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http'
import type { Duplex } from 'node:stream'
import { API_VERSION, API_VERSION_HEADER, STREAM_PROTOCOL } from '../control/api-version.ts'
import { ErrorCode, TapwireError } from '../control/errors.ts'
import { API_ANSWER_MAX, API_TIMEOUT_MS } from '../limits.ts'
import type { Cli } from './cli.ts'
import { type DaemonAddress, daemonAddress } from './daemon-address.ts'

/** Of a list, each. */
export type QueryValue = string | number | boolean | readonly string[] | undefined

export interface ApiRequest {
  /** Empty and false values are left out; of several values each is there under the name. */
  readonly query?: Readonly<Record<string, QueryValue>>
  readonly body?: unknown
  /** For answers that come when something happens, be it in days. */
  readonly patient?: boolean
  readonly signal?: AbortSignal
}

/** Unset, Node looks whether the host is an address, with a pattern that takes 9 ms to compile. */
const NO_TLS = { servername: '' }

/** What the daemon refused; `status` is HTTP's. */
export class ApiError extends TapwireError {
  readonly status: number

  constructor(status: number, code: string, message: string, hint: string | undefined) {
    super(code, message, { hint })
    this.status = status
  }
}

/**
 * One command's connection to its daemon, which is started where none runs and it may be. All methods throw
 * DAEMON_UNREACHABLE, DAEMON_ANSWER, DAEMON_VERSION, or ApiError with what the daemon tells.
 */
export class ApiClient {
  readonly address: DaemonAddress
  readonly #start: (() => Promise<void>) | undefined
  readonly #agent = new Agent({ keepAlive: true })

  /** `start` makes a daemon run at `address` and resolves when it listens. */
  constructor(address: DaemonAddress, start?: () => Promise<void>) {
    this.address = address
    this.#start = start
  }

  get<T>(path: string, options: ApiRequest = {}): Promise<T> {
    return this.#json('GET', path, options)
  }

  post<T = void>(path: string, options: ApiRequest = {}): Promise<T> {
    return this.#json('POST', path, options)
  }

  put<T = void>(path: string, options: ApiRequest = {}): Promise<T> {
    return this.#json('PUT', path, options)
  }

  delete<T = void>(path: string, options: ApiRequest = {}): Promise<T> {
    return this.#json('DELETE', path, options)
  }

  /** An answer that is text. */
  async text(path: string, options: ApiRequest = {}): Promise<string> {
    return await readText(await this.#exchange('GET', path, options))
  }

  /** An answer that goes on, as it comes. Its bytes end with an error where the daemon's do not come to their end. */
  async bytes(path: string, options: ApiRequest = {}): Promise<IncomingMessage> {
    return await this.#exchange('GET', path, { ...options, patient: true })
  }

  /** The bodies of answers that go on: each line of NDJSON. */
  async *lines<T>(
    path: string,
    { method = 'GET', ...options }: ApiRequest & { readonly method?: 'GET' | 'PUT' | 'DELETE' } = {},
  ): AsyncGenerator<T> {
    const answer = await this.#exchange(method, path, { ...options, patient: true })
    let rest = ''
    answer.setEncoding('utf8')
    for await (const chunk of answer as AsyncIterable<string>) {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop()!
      for (const line of lines) if (line !== '') yield this.#parse(line, path) as T
    }
    if (rest !== '') yield this.#parse(rest, path) as T
  }

  /** Server-sent events: the `data` of each, as JSON. */
  async *events<T>(path: string, options: ApiRequest = {}): AsyncGenerator<T> {
    const { createParser } = await import('eventsource-parser')
    const answer = await this.#exchange('GET', path, { ...options, patient: true })
    const arrived: string[] = []
    const parser = createParser({ onEvent: (event) => arrived.push(event.data) })
    answer.setEncoding('utf8')
    for await (const chunk of answer as AsyncIterable<string>) {
      parser.feed(chunk)
      for (const data of arrived.splice(0)) yield this.#parse(data, path) as T
    }
  }

  /**
   * A POST whose connection becomes a stream in both directions. Resolves to undefined where the daemon has done what
   * was asked, and there is nothing to stream.
   */
  async upgrade(path: string, options: ApiRequest = {}): Promise<Duplex | undefined> {
    const answer = await this.#exchange('POST', path, { ...options, patient: true }, STREAM_PROTOCOL)
    if (!(answer instanceof Upgraded)) {
      await readText(answer)
      return undefined
    }
    return answer.stream
  }

  async #json<T>(method: string, path: string, options: ApiRequest): Promise<T> {
    const answer = (await this.#exchange(method, path, options)) as IncomingMessage
    const text = await readText(answer).catch((cause: unknown) => {
      throw this.#unreachable(cause as NodeJS.ErrnoException)
    })
    return text === '' ? (undefined as T) : (this.#parse(text, path) as T)
  }

  #exchange(method: string, path: string, options: ApiRequest): Promise<IncomingMessage>
  #exchange(
    method: string,
    path: string,
    options: ApiRequest,
    protocol: string,
  ): Promise<IncomingMessage | Upgraded>
  async #exchange(
    method: string,
    path: string,
    options: ApiRequest,
    protocol?: string,
  ): Promise<IncomingMessage | Upgraded> {
    const answer = await this.#sendOrStart(method, path, options, protocol)
    const { headers, statusCode = 0 } = answer instanceof Upgraded ? answer.answer : answer
    const version = headers[API_VERSION_HEADER.toLowerCase()]
    if (version !== API_VERSION) throw this.#wrongVersion(version)
    if (answer instanceof Upgraded || (statusCode >= 200 && statusCode < 300)) return answer
    // 304: what was asked for is so already.
    if (statusCode === 304) return answer
    const text = await readText(answer)
    const { parseFailure } = await import('./failure.ts')
    const failure = parseFailure(text)
    if (failure === undefined) throw this.#badAnswer(`${method} ${path}`, `HTTP status ${statusCode}`)
    throw new ApiError(statusCode, failure.code, failure.message, failure.hint)
  }

  async #sendOrStart(
    method: string,
    path: string,
    options: ApiRequest,
    protocol: string | undefined,
  ): Promise<IncomingMessage | Upgraded> {
    try {
      return await this.#send(method, path, options, protocol)
    } catch (cause) {
      if (options.signal?.aborted === true) throw cause
      if (this.#start === undefined || !isNobodyThere(cause))
        throw this.#unreachable(cause as NodeJS.ErrnoException)
    }
    await this.#start()
    return await this.#send(method, path, options, protocol).catch((cause: unknown) => {
      throw this.#unreachable(cause as NodeJS.ErrnoException)
    })
  }

  #send(
    method: string,
    path: string,
    { query, body, patient = false, signal }: ApiRequest,
    protocol: string | undefined,
  ): Promise<IncomingMessage | Upgraded> {
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
    const headers = {
      ...(payload === undefined
        ? undefined
        : { 'Content-Type': 'application/json', 'Content-Length': payload.length }),
      ...(protocol === undefined ? undefined : { Connection: 'Upgrade', Upgrade: protocol }),
    }
    return new Promise((resolve, reject) => {
      const sent: ClientRequest = request({
        socketPath: this.address.socket,
        ...NO_TLS,
        agent: protocol === undefined && !patient ? this.#agent : false,
        method,
        path: `${path}${queryText(query)}`,
        headers,
        ...(signal === undefined ? undefined : { signal }),
        ...(patient ? undefined : { timeout: API_TIMEOUT_MS }),
      })
      sent.once('response', resolve)
      sent.once('upgrade', (answer, stream, head) => {
        if (head.length > 0) stream.unshift(head)
        resolve(new Upgraded(answer, stream))
      })
      sent.once('timeout', () =>
        sent.destroy(new Error(`it gives no answer within ${API_TIMEOUT_MS / 1000} s`)),
      )
      sent.on('error', reject)
      sent.end(payload)
    })
  }

  #parse(text: string, path: string): unknown {
    try {
      return JSON.parse(text)
    } catch (cause) {
      throw this.#badAnswer(path, cause)
    }
  }

  #unreachable(cause: NodeJS.ErrnoException): TapwireError {
    const { socket, root } = this.address
    if (cause.code === 'EACCES' || cause.code === 'EPERM') {
      return new TapwireError(
        ErrorCode.daemonUnreachable,
        `No permission for the daemon's socket ${socket}.`,
        {
          hint: 'Run the command as root.',
          cause,
        },
      )
    }
    if (isNobodyThere(cause)) {
      const hint =
        root === undefined
          ? 'Start one with `tapwire --root DIR --socket PATH daemon`, or leave --host and TAPWIRE_HOST away.'
          : `Its log is ${root}/daemon.log.`
      return new TapwireError(
        ErrorCode.daemonUnreachable,
        `Cannot connect to the Tapwire daemon at unix://${socket}. Is the daemon running?`,
        { hint, cause },
      )
    }
    return new TapwireError(
      ErrorCode.daemonUnreachable,
      `The daemon at unix://${socket} cannot be reached: ${cause.message}.`,
      { hint: root === undefined ? undefined : `Its log is ${root}/daemon.log.`, cause },
    )
  }

  #wrongVersion(version: string | string[] | undefined): TapwireError {
    const theirs = version === undefined ? 'no version' : `version ${String(version)}`
    return new TapwireError(
      ErrorCode.daemonVersion,
      `The daemon at unix://${this.address.socket} speaks ${theirs} of the API, and this program version ${API_VERSION}.`,
      {
        hint: 'End it with the program that started it (`tapwire daemon stop`); the next command starts another one.',
      },
    )
  }

  #badAnswer(what: string, cause: unknown): TapwireError {
    return new TapwireError(ErrorCode.daemonAnswer, `The daemon answers ${what} with something unknown.`, {
      hint: `Is it Tapwire that listens at ${this.address.socket}?`,
      cause,
    })
  }
}

/** The client for the daemon that the command line means. */
export function apiClient(cli: Cli): ApiClient {
  const address = daemonAddress(cli.globals, cli.env)
  if (address.root === undefined) return new ApiClient(address)
  const { root, socket } = address
  return new ApiClient(address, async () => {
    const { startDaemon } = await import('./daemon-start.ts')
    await startDaemon(cli, root, socket)
  })
}

/** A client that never starts a daemon. */
export function apiClientOfRunning(cli: Cli): ApiClient {
  return new ApiClient(daemonAddress(cli.globals, cli.env))
}

/** A reference as a segment of a path. Throws USAGE for one that would lead elsewhere, which no name does. */
export function segment(reference: string): string {
  // Dots stay dots to a URL, however they are written.
  if (!['', '.', '..'].includes(reference)) return encodeURIComponent(reference)
  const why = reference === '' ? 'value is empty' : `'${reference}' is none`
  throw new TapwireError(ErrorCode.usage, `invalid name or ID: ${why}`)
}

export function isNobodyThere(cause: unknown): boolean {
  const { code } = cause as NodeJS.ErrnoException
  return code === 'ENOENT' || code === 'ECONNREFUSED'
}

/** An answer 101 and its connection. */
class Upgraded {
  readonly answer: IncomingMessage
  readonly stream: Duplex

  constructor(answer: IncomingMessage, stream: Duplex) {
    this.answer = answer
    this.stream = stream
  }
}

function queryText(query: Readonly<Record<string, QueryValue>> = {}): string {
  const text = Object.entries(query)
    .flatMap(([key, value]) => [value].flat().map((one) => [key, one] as const))
    .filter(([, value]) => value !== undefined && value !== false && value !== '')
    .map(([key, value]) => `${key}=${encodeURIComponent(String(value))}`)
    .join('&')
  return text === '' ? '' : `?${text}`
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
