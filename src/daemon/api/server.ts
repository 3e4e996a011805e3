/** Serves the API on a Unix socket. Who may use it is said by the socket's mode and group. */

import { chmodSync, chownSync, linkSync, readFileSync, rmSync, statSync } from 'node:fs'
import type { IncomingMessage, Server } from 'node:http'
import { connect, type Socket } from 'node:net'
import { dirname, join } from 'node:path'
import { createAdaptorServer } from '@hono/node-server'
import type { Failure } from '../../control/api/failure.ts'
import { ErrorCode, TapwireError } from '../../control/errors.ts'
import {
  API_CONNECTIONS_MAX,
  API_HEADERS_TIMEOUT_MS,
  API_REQUEST_TIMEOUT_MS,
  REQUEST_HEADERS_MAX,
  SOCKET_PATH_MAX,
} from '../../limits.ts'
import { describe } from '../log.ts'
import { type ApiOptions, createApi } from './api.ts'
import { failureText } from './raw-answer.ts'
import { isUpgradable, upgrade, withoutUpgrade } from './upgrade.ts'

const SOCKET_MODE = 0o660
/** So that nobody else can connect in the moment between binding and chmod. */
const SOCKET_UMASK = 0o117

/** Its members may use the socket, where there is such a group. */
const GROUP = 'tapwire'

/** How long an answer that is under way may take when the daemon ends. */
const CLOSE_GRACE_MS = 500

/** How often connections are looked at whose request takes too long. */
const TIMEOUT_CHECK_MS = 2000

export class ApiServer {
  readonly #server: Server
  readonly #path: string
  /** Of the socket: whatever else is at the path when the server ends is another's. */
  readonly #inode: number | undefined
  readonly #options: ApiOptions
  /** Connections that HTTP is done with, and that the server does not know of any more. */
  readonly #upgraded = new Set<Socket>()

  /** Listens at `path`. The caller has locked the root. Throws SOCKET_UNUSABLE. */
  static async listen(path: string, options: ApiOptions): Promise<ApiServer> {
    await clearPath(path)
    const api = createApi(options)
    const server = createAdaptorServer({
      fetch: api.fetch,
      serverOptions: {
        headersTimeout: API_HEADERS_TIMEOUT_MS,
        requestTimeout: API_REQUEST_TIMEOUT_MS,
        connectionsCheckingInterval: TIMEOUT_CHECK_MS,
        maxHeaderSize: REQUEST_HEADERS_MAX,
      },
    }) as Server
    server.maxConnections = API_CONNECTIONS_MAX
    try {
      await bind(server, path)
    } catch (cause) {
      throw unusable(path, (cause as Error).message, cause)
    }
    return new ApiServer(server, path, options)
  }

  private constructor(server: Server, path: string, options: ApiOptions) {
    this.#server = server
    this.#path = path
    this.#inode = inodeOf(path)
    this.#options = options
    server.on('error', (error) =>
      options.log.error({ error: describe(error) }, 'the API failed to take a connection'),
    )
    server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      // RFC 9110, 7.8: an offer of another protocol may be ignored, and the request is answered as without it.
      if (!isUpgradable(request)) {
        socket.unshift(Buffer.concat([withoutUpgrade(request), head]))
        server.emit('connection', socket)
        return
      }
      this.#upgraded.add(socket)
      socket.once('close', () => this.#upgraded.delete(socket))
      void upgrade(options, request, socket, head)
    })
    server.on('clientError', refuseUnreadable)
  }

  /** Answers that are under way are finished; a client that says nothing, or does not read, is not waited for. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    // At once: another daemon may take the path as soon as nobody listens there.
    if (inodeOf(this.#path) === this.#inode) rmSync(this.#path, { force: true })
    this.#options.streams.end()
    this.#server.closeIdleConnections()
    const timer = setTimeout(() => {
      this.#server.closeAllConnections()
      for (const socket of this.#upgraded) socket.destroy()
    }, CLOSE_GRACE_MS)
    await closed
    clearTimeout(timer)
  }
}

/** Removes the socket of a daemon that has died. Throws SOCKET_UNUSABLE where the path is somebody's. */
async function clearPath(path: string): Promise<void> {
  const length = Buffer.byteLength(path)
  if (length > SOCKET_PATH_MAX) {
    const message = `it has ${length} bytes, and a socket's path can have ${SOCKET_PATH_MAX}`
    throw unusable(path, message, undefined)
  }
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) return
  if (!found.isSocket()) throw unusable(path, 'it is there, and no socket', undefined)
  if (await listens(path)) throw unusable(path, 'another process listens there', undefined)
  rmSync(path, { force: true })
}

function listens(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const connection = connect(path)
    connection.once('connect', () => {
      connection.destroy()
      resolve(true)
    })
    connection.once('error', (error: NodeJS.ErrnoException) => {
      // A busy daemon, or one that we may not talk to, is alive: ECONNREFUSED alone is of a socket that nobody has.
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false)
      else reject(unusable(path, error.message, error))
    })
  })
}

/**
 * Listens under another name, which the socket is given to at last: with its mode and group, and only where nobody was faster. And
 * libuv removes the name that it has bound when it closes, whosever it is by then.
 */
async function bind(server: Server, path: string): Promise<void> {
  const name = join(dirname(path), `.${process.pid.toString(36)}`)
  const bound = Buffer.byteLength(name) > SOCKET_PATH_MAX ? path : name
  if (bound !== path) rmSync(bound, { force: true })
  await listen(server, bound)
  const group = groupId(GROUP)
  if (group !== undefined) giveToGroup(bound, group)
  chmodSync(bound, SOCKET_MODE)
  if (bound === path) return
  try {
    linkSync(bound, path)
  } catch (error) {
    server.close()
    throw error
  } finally {
    rmSync(bound, { force: true })
  }
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino
}

async function listen(server: Server, path: string): Promise<void> {
  const before = process.umask(SOCKET_UMASK)
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(path, resolve)
      process.umask(before)
    })
  } finally {
    process.umask(before)
    server.removeAllListeners('error')
  }
}

function giveToGroup(path: string, group: number): void {
  try {
    chownSync(path, process.geteuid!(), group)
  } catch {
    // We may not; the socket stays with our own group.
  }
}

/** group(5): NAME:PASSWORD:ID:MEMBERS */
function groupId(name: string): number | undefined {
  const [, id] = new RegExp(`^${name}:[^:]*:(\\d+):`, 'm').exec(readFileSync('/etc/group', 'utf8')) ?? []
  return id === undefined ? undefined : Number(id)
}

function unusable(path: string, why: string, cause: unknown): TapwireError {
  return new TapwireError(ErrorCode.socketUnusable, `The socket ${path} cannot be used: ${why}.`, {
    hint: 'Choose another one with --socket.',
    cause,
  })
}

const UNREADABLE: Readonly<Record<string, { status: number; failure: Failure }>> = {
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: 408,
    failure: { code: ErrorCode.requestTimeout, message: 'The request took too long to arrive.' },
  },
  HPE_HEADER_OVERFLOW: {
    status: 431,
    failure: { code: ErrorCode.badRequest, message: "The request's headers, or its path, are too long." },
  },
}

/** What is no HTTP, or too much of it, or comes too slowly. */
function refuseUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const { status, failure } = UNREADABLE[error.code ?? ''] ?? {
    status: 400,
    failure: { code: ErrorCode.badRequest, message: 'The request is no HTTP.' },
  }
  socket.end(failureText(status, failure))
  socket.destroySoon()
}
