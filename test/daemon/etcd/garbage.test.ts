import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { ErrorCode, TapwireError } from '../../../src/control/errors.ts'
import { ETCD_TIMES } from '../../../src/daemon/etcd/etcd-client.ts'
import { EtcdRegistry } from '../../../src/daemon/etcd/etcd-registry.ts'
import { Told } from '../../control/registry/registry.conformance.ts'
import { until } from '../../system/support/until.ts'

const HEADER = { cluster_id: '1', member_id: '2', revision: '5', raft_term: '2' }
const KEY = Buffer.from('/a').toString('base64')

type Answer = (response: ServerResponse, path: string) => void

/** Speaks HTTP on loopback, and says what a test wants. */
class FakeServer {
  readonly #server: Server
  answer: Answer = () => {}
  /** Of requests. */
  readonly bodies: string[] = []

  constructor() {
    this.#server = createServer((request, response) => void this.#serve(request, response))
  }

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  get place(): { host: string; port: number } {
    return { host: '127.0.0.1', port: (this.#server.address() as AddressInfo).port }
  }

  stop(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    this.bodies.push(`${request.url} ${body}`)
    this.answer(response, request.url ?? '')
  }
}

describe('a server that is no etcd', () => {
  const server = new FakeServer()
  const open: EtcdRegistry[] = []
  const connect = (silenceMs = ETCD_TIMES.silenceMs, pulseMs = ETCD_TIMES.pulseMs): EtcdRegistry => {
    const times = { ...ETCD_TIMES, callMs: 500, retryMs: [1, 10], silenceMs, pulseMs } as const
    const registry = new EtcdRegistry({ servers: [server.place], times })
    open.push(registry)
    return registry
  }
  before(() => server.start())
  after(() => {
    for (const registry of open) registry.close()
    server.stop()
  })

  it('is away, and that is told once, while it answers calls and refuses to be watched', async () => {
    let watches = 0
    server.answer = (response, path) => {
      if (path !== '/v3/watch') return void response.end(JSON.stringify({ header: HEADER }))
      watches += 1
      response.statusCode = 503
      response.end()
    }
    const registry = connect()
    const told: boolean[] = []
    registry.onHealth(({ reachable }) => void told.push(reachable))
    await registry.list('/a')
    const watch = registry.watch('/a', 6, { changed: () => undefined, lost: () => undefined })
    for (let seen = 1; seen <= 3; seen++) {
      await until('another watch', () => watches > seen)
      await registry.list('/a')
    }
    assert.deepEqual(told, [true, false])
    watch.close()
    await registry.list('/a')
    assert.deepEqual(told, [true, false, true])
  })

  const answers: Record<string, string> = {
    'no JSON': '<html>',
    'cut JSON': '{"header":',
    nothing: '',
    'a list': '[]',
    'no header': '{}',
    'a header of another kind': '{"header": 7}',
    'a header without a cluster': '{"header": {"revision": "1"}}',
    'a revision that is none': JSON.stringify({ header: { ...HEADER, revision: 'x' } }),
    'a revision that is not exact': JSON.stringify({ header: { ...HEADER, revision: '9007199254740993' } }),
    'entries that are none': JSON.stringify({ header: HEADER, kvs: 7 }),
    'an entry that is none': JSON.stringify({ header: HEADER, kvs: [null] }),
    'a key that is no base64': JSON.stringify({ header: HEADER, kvs: [{ key: '*' }] }),
    'an entry without a key': JSON.stringify({ header: HEADER, kvs: [{ mod_revision: '1' }] }),
    'pages without an end': JSON.stringify({ header: HEADER, more: true }),
  }
  for (const [what, body] of Object.entries(answers)) {
    it(`is found out by ${what}`, async () => {
      server.answer = (response) => response.end(body)
      await assert.rejects(connect().list('/a'), (error) => {
        assert.ok(error instanceof TapwireError)
        assert.equal(error.code, ErrorCode.registryUnavailable)
        assert.match(error.message, /what it answers is not what etcd says/)
        assert.match(error.hint ?? '', /--enable-grpc-gateway/)
        return true
      })
    })
  }

  it('is found out by the status, and by an answer without an end', async () => {
    const fails = (pattern: RegExp): Promise<void> =>
      assert.rejects(connect().list('/a'), (error: Error) => pattern.test(error.message))
    server.answer = (response) => response.writeHead(404).end('404 page not found')
    await fails(/HTTP status 404/)
    server.answer = (response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()
    await fails(/HTTP status 302/)
    server.answer = (response) => response.destroy()
    await fails(/the connection was cut/)
    server.answer = (response) => response.write('{"header":', () => response.destroy())
    await fails(/the connection was cut/)
    server.answer = (response) => void response.write('{')
    await fails(/it does not answer/)
    server.answer = (response) => {
      const piece = Buffer.alloc(1024 * 1024, ' ')
      const more = (): void => void response.write(piece, (error) => (error ? undefined : more()))
      more()
    }
    await fails(/its answer has more than \d+ bytes/)
    const message = 'etcdserver: user name is empty'
    server.answer = (response) => response.writeHead(400).end(JSON.stringify({ code: 3, message }))
    await assert.rejects(connect().list('/a'), ({ hint }: TapwireError) =>
      /client certificates/.test(hint ?? ''),
    )
  })

  const created = JSON.stringify({ result: { header: HEADER, created: true } })
  const event = (revision: string, type?: unknown) => ({
    type,
    kv: { key: KEY, mod_revision: revision, create_revision: revision, version: '1' },
  })
  const result = (value: unknown): string => JSON.stringify({ result: value })
  const streams: Record<string, string> = {
    'no JSON': 'hello\n',
    'no result': '{}\n',
    'a result of another kind': '{"result":[]}\n',
    'an error of another kind': '{"error":"x"}\n',
    'an error': '{"error":{"grpc_code":14,"message":"etcdserver: no leader"}}\n',
    'events that are none': `${created}\n${result({ header: HEADER, events: 'x' })}\n`,
    'an event of another kind': `${created}\n${result({ header: HEADER, events: [event('3', 'MOVE')] })}\n`,
    'events out of order': `${created}\n${result({ header: HEADER, events: [event('4'), event('3')] })}\n`,
    'an end of it': `${result({ header: HEADER, created: true, canceled: true, cancel_reason: 'no' })}\n`,
    'no line feed': `${created}\n`.padEnd(17 * 1024 * 1024, 'x'),
    'half a line': `${created}\n{"result":`,
  }
  for (const [what, lines] of Object.entries(streams)) {
    it(`is left for now, and tried again, when a watch is told ${what}`, async () => {
      let watches = 0
      server.answer = (response, path) => {
        if (path !== '/v3/watch') response.end(JSON.stringify({ header: HEADER }))
        else if (++watches <= 2) response.end(lines)
        else response.write(`${created}\n${result({ header: HEADER, events: [event('5')] })}\n`)
      }
      const registry = connect()
      const told = new Told()
      const watch = registry.watch('/a', 3, told.listener)
      await told.until(() => told.changes.length > 0)
      watch.close()
      assert.deepEqual([told.words, told.lost, watches], [['put /a '], '', 3])
      registry.close()
    })
  }

  it('is asked anew where a watch hears nothing for longer than etcd is ever silent', async () => {
    let watches = 0
    const told = new Told()
    server.answer = (response, path) => {
      if (path !== '/v3/watch') response.end(JSON.stringify({ header: HEADER }))
      else {
        response.write(`${created}\n`)
        if (++watches === 3) response.write(`${result({ header: HEADER, events: [event('5')] })}\n`)
      }
    }
    const registry = connect(50)
    registry.watch('/a', 3, told.listener)
    await told.until(() => told.changes.length > 0)
    assert.equal(watches, 3)
    registry.close()
  })

  it('is asked whether it is there for as long as something is watched', async () => {
    let held: (() => void) | undefined
    let looks = 0
    server.answer = (response, path) => {
      const answer = (): void => void response.end(JSON.stringify({ header: HEADER }))
      if (path === '/v3/watch') response.write(`${created}\n`)
      else if (!server.bodies.at(-1)!.includes('"limit"') && ++looks > 3) held = answer
      else answer()
    }
    const registry = connect(ETCD_TIMES.silenceMs, 1)
    const watch = registry.watch('/a', 3, new Told().listener)
    await until('it is asked again', () => held !== undefined)
    watch.close()
    held!()
    for (let round = 0; round < 20; round++) await registry.list('/a')
    assert.equal(looks, 4)
    registry.close()
  })

  it('tells of fragments together, and of no revision that was told', async () => {
    const told = new Told()
    server.answer = (response, path) => {
      if (path !== '/v3/watch') response.end(JSON.stringify({ header: HEADER }))
      else {
        response.write(`${created}\n`)
        response.write(`${result({ header: HEADER, fragment: true, events: [event('2'), event('3')] })}\n`)
        response.write(`${result({ header: HEADER, events: [event('3', 'DELETE')] })}\n`)
      }
    }
    const registry = connect()
    registry.watch('/a', 3, told.listener)
    await told.until(() => told.changes.length > 0)
    assert.deepEqual([told.words, told.revisions], [['put /a ', 'delete /a'], [3]])
    assert.ok(server.bodies.some((body) => body.includes('"start_revision":"2"')))
    registry.close()
  })

  it('is another one where its id is, its revision is lower, or its term is', async () => {
    for (const other of [{ cluster_id: '9' }, { revision: '4' }, { raft_term: '1' }]) {
      let header: object = HEADER
      server.answer = (response, path) => {
        if (path === '/v3/watch') response.write(`${created}\n`)
        else response.end(JSON.stringify({ header }))
      }
      const registry = connect()
      const told = new Told()
      await registry.list('/a')
      registry.watch('/a', 6, told.listener)
      await registry.list('/a')
      assert.equal(told.lost, '')
      header = { ...HEADER, ...other }
      await registry.list('/a')
      await told.until(() => told.lost !== '')
      assert.equal(told.lost, 'regressed')
      registry.close()
    }
  })
})
