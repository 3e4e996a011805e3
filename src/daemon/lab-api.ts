/** The lab's API: JSON over HTTP on a Unix socket. Who may use it is said by the socket's mode. */

import { chmodSync, rmSync } from 'node:fs'
import type { Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'
import type { Failure } from '../control/api.ts'
import type { LabRuntime } from './lab-runtime.ts'
import { describe, type Log } from './log.ts'

const SOCKET_MODE = 0o660

/** How long an answer that is under way may take when the daemon ends. */
const CLOSE_GRACE_MS = 500

function labApi(lab: LabRuntime, log: Log, requestDown: () => void): Hono {
  const api = new Hono()
  api.get('/lab', (context) => context.json(lab.status()))
  api.get('/fdb', async (context) => context.json(await lab.fdb()))
  api.get('/stats', (context) => context.json(lab.stats()))
  api.post('/down', (context) => {
    requestDown()
    return context.json({}, 202)
  })
  api.notFound((context) => {
    const { method, path } = context.req
    const failure: Failure = { code: 'NOT_FOUND', message: `The daemon has no ${method} ${path}.` }
    return context.json(failure, 404)
  })
  api.onError((error, context) => {
    log.error({ error: describe(error) }, 'a request failed')
    return context.json({ code: 'INTERNAL', message: error.message } satisfies Failure, 500)
  })
  return api
}

export class LabApi {
  readonly #server: Server
  readonly #path: string

  /** Listens at `path`. The caller has made sure that no other daemon does. */
  static async listen(path: string, lab: LabRuntime, log: Log, requestDown: () => void): Promise<LabApi> {
    rmSync(path, { force: true })
    const server = createAdaptorServer({ fetch: labApi(lab, log, requestDown).fetch }) as Server
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(path, resolve)
    })
    server.removeAllListeners('error')
    server.on('error', (error) =>
      log.error({ error: describe(error) }, 'the API failed to take a connection'),
    )
    chmodSync(path, SOCKET_MODE)
    return new LabApi(server, path)
  }

  private constructor(server: Server, path: string) {
    this.#server = server
    this.#path = path
  }

  /** Answers that are under way are finished; a client that says nothing, or does not read, is not waited for. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.#server.closeIdleConnections()
    const timer = setTimeout(() => this.#server.closeAllConnections(), CLOSE_GRACE_MS)
    await closed
    clearTimeout(timer)
    rmSync(this.#path, { force: true })
  }
}
