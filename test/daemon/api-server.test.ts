import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { type IncomingMessage, type RequestOptions, request } from 'node:http'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { failureSchema } from '../../src/control/api/failure.ts'
import { eventSchema } from '../../src/control/api/system.ts'
import { ApiServer } from '../../src/daemon/api/server.ts'
import { API_STREAMS_MAX, REQUEST_BODY_MAX, REQUEST_HEADERS_MAX } from '../../src/limits.ts'
import { ApiHarness } from './api-harness.ts'

let directory: string
let path: string
let harness: ApiHarness
let server: ApiServer

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'tapwire-api-'))
  path = join(directory, 'tapwire.sock')
  await start()
})

afterEach(async () => {
  await server.close()
  rmSync(directory, { recursive: true })
})

async function start(options: ConstructorParameters<typeof ApiHarness>[0] = {}): Promise<void> {
  harness = await new ApiHarness(options).furnished()
  server = await ApiServer.listen(path, harness.options)
}

async function restart(options: ConstructorParameters<typeof ApiHarness>[0]): Promise<void> {
  await server.close()
  await start(options)
}

async function send(target: string, options: RequestOptions = {}, body = ''): Promise<IncomingMessage> {
  const sent = request({ socketPath: path, path: target, agent: false, ...options })
  sent.end(body)
  const [answer] = (await once(sent, 'response')) as [IncomingMessage]
  return answer
}

async function failure(answer: IncomingMessage): Promise<string> {
  return failureSchema.parse(JSON.parse(await text(answer))).message
}

/** A connection on which the test says what is sent, byte by byte. */
async function connection(): Promise<Socket> {
  const socket = connect({ path, allowHalfOpen: true })
  await once(socket, 'connect')
  return socket
}

/** Fulfilled when no stream is counted any more; looks again whenever the event loop has gone round. */
async function streamsEnded(): Promise<void> {
  while (harness.streams.count > 0) await new Promise((resolve) => setImmediate(resolve))
}

const upgradeHead = (target: string, body = ''): string =>
  `POST ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: tapwire-stream\r\n` +
  `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`

describe('the socket', () => {
  it('is left alone at the end where another server has it by then', async () => {
    rmSync(path)
    const other = createServer()
    other.listen(path)
    await once(other, 'listening')
    await server.close()
    const isThere = existsSync(path)
    await new Promise((resolve) => other.close(resolve))
    await start()
    assert.ok(isThere)
  })

  it('has nothing beside it in its directory', () => {
    assert.deepEqual(readdirSync(directory), ['tapwire.sock'])
  })

  it('has mode 0660, serves requests, and goes with the server', async () => {
    assert.equal(statSync(path).mode & 0o777, 0o660)
    const answer = await send('/version')
    assert.equal(answer.statusCode, 200)
    assert.equal(answer.headers['tapwire-api-version'], '1')
    answer.resume()
    await server.close()
    assert.ok(!existsSync(path))
  })

  it('of a daemon that has died is replaced', async () => {
    const stale = join(directory, 'stale.sock')
    // Node removes the socket of a server that is closed, so its own path is not the one that stays.
    const dead = createServer().listen(join(directory, 'dead.sock'))
    await once(dead, 'listening')
    renameSync(join(directory, 'dead.sock'), stale)
    dead.close()
    const other = await ApiServer.listen(stale, harness.options)
    await other.close()
  })

  it('of another daemon, and what is no socket, are left alone', async () => {
    await assert.rejects(ApiServer.listen(path, harness.options), {
      code: 'SOCKET_UNUSABLE',
      message: `The socket ${path} cannot be used: another process listens there.`,
    })
    const file = join(directory, 'file')
    writeFileSync(file, 'x')
    await assert.rejects(ApiServer.listen(file, harness.options), {
      message: `The socket ${file} cannot be used: it is there, and no socket.`,
    })
    assert.ok(existsSync(file))
  })

  it('whose path is too long is refused by its length', async () => {
    const long = join(directory, 'x'.repeat(108))
    await assert.rejects(ApiServer.listen(long, harness.options), {
      message: `The socket ${long} cannot be used: it has ${long.length} bytes, and a socket's path can have 107.`,
    })
  })
})

describe('a request that is no good', () => {
  it('with 100 MB of body is cut off before most of it was sent', async () => {
    const size = 100 * 1024 * 1024
    for (const head of [`Content-Length: ${size}`, 'Transfer-Encoding: chunked']) {
      const socket = await connection()
      const isChunked = head.startsWith('T')
      socket.write(
        `POST /networks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${head}\r\n\r\n`,
      )
      const answered = text(socket).catch(() => '')
      const piece = Buffer.alloc(64 * 1024, 'x')
      const chunk = isChunked
        ? Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')])
        : piece
      let sent = 0
      socket.on('error', () => {})
      while (sent < size && !socket.destroyed && socket.writable) {
        sent += piece.length
        if (!socket.write(chunk)) {
          await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => undefined)
        }
      }
      socket.destroy()
      assert.ok(sent < 4 * REQUEST_BODY_MAX, `${head}: ${sent} bytes were taken`)
      assert.match(await answered, /^(HTTP\/1\.1 413 [^]*BODY_TOO_LARGE[^]*)?$/)
    }
    assert.deepEqual(harness.control.calls, [])
  })

  it('that is no HTTP, or too much of it, is told so', async () => {
    for (const [sent, status, message] of [
      ['hello\r\n\r\n', 400, 'The request is no HTTP.'],
      [
        `GET /${'x'.repeat(REQUEST_HEADERS_MAX)} HTTP/1.1\r\nHost: a\r\n\r\n`,
        431,
        "The request's headers, or its path, are too long.",
      ],
    ] as const) {
      const socket = await connection()
      socket.write(sent)
      const answer = await text(socket)
      assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `))
      assert.ok(answer.includes(message), answer)
      socket.destroy()
    }
  })

  it('whose client hangs up in the middle of the body reaches nobody', async () => {
    const socket = await connection()
    socket.write(
      'POST /networks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"Name":',
    )
    socket.destroy()
    await once(socket, 'close')
    // What came first is answered first: when this one is, that one has been seen.
    assert.equal((await send('/version')).statusCode, 200)
    assert.deepEqual(harness.control.calls, [])
  })
})

describe('an answer that goes on', () => {
  const parsed = (chunk: string): EventSourceMessage[] => {
    const found: EventSourceMessage[] = []
    createParser({ onEvent: (event) => found.push(event) }).feed(chunk)
    return found
  }

  it('events come as they happen, with their ids', async () => {
    const answer = await send('/events?filters={"type":["container"]}')
    assert.equal(answer.headers['content-type'], 'text/event-stream')
    assert.deepEqual(harness.control.calls, [
      [
        'events',
        { sinceMs: undefined, untilMs: undefined, filters: { type: ['container'] }, afterId: undefined },
      ],
    ])
    answer.setEncoding('utf8')
    for (const action of ['start', 'die']) {
      harness.control.tell(action, 'box')
      const [chunk] = (await once(answer, 'data')) as [string]
      const [event] = parsed(chunk)
      const { Action, Id } = eventSchema.parse(JSON.parse(event!.data))
      assert.equal(Action, action)
      assert.equal(event!.id, String(Id))
    }
    answer.destroy()
    await harness.control.opened(0)
    await streamsEnded()
  })

  it('events go on behind the last one that a client has seen', async () => {
    const seen = await send('/events', { headers: { 'Last-Event-ID': '17' } })
    assert.equal((harness.control.calls.at(-1)![1] as { afterId: number }).afterId, 17)
    seen.destroy()
    const wrong = await send('/events', { headers: { 'Last-Event-ID': 'x' } })
    assert.equal(wrong.statusCode, 400)
    assert.equal(await failure(wrong), "last-event-id of the request's header must be a whole number.")
  })

  it('are not opened for who asks for their head alone', async () => {
    for (const path of ['/events', '/sandboxes/box/logs?follow=1&stdout=1']) {
      const answer = await send(path, { method: 'HEAD' })
      assert.equal(answer.statusCode, 200)
      assert.equal(await text(answer), '')
      assert.equal(harness.streams.count, 0)
    }
    await harness.control.opened(0)
  })

  it('a quiet stream of events is kept alive by comments', async () => {
    await restart({ heartbeatMs: 1 })
    const answer = await send('/events')
    const [chunk] = (await once(answer.setEncoding('utf8'), 'data')) as [string]
    assert.match(chunk, /^(:\n\n)+$/)
    answer.destroy()
    await harness.control.opened(0)
  })

  it('waiting is answered at once, and with the exit code when it comes', async () => {
    const answer = await send('/sandboxes/box/wait?condition=next-exit', { method: 'POST' })
    assert.equal(answer.statusCode, 200)
    assert.equal(harness.control.open, 1)
    harness.control.tell('die', 'box')
    assert.deepEqual(JSON.parse(await text(answer)), { StatusCode: 7 })
  })

  it('waiting that fails later is told in the body', async () => {
    let fail!: (error: Error) => void
    harness.control.waitSandbox = () =>
      new Promise((_, reject) => {
        fail = reject
      })
    const answer = await send('/sandboxes/box/wait', { method: 'POST' })
    fail(new Error('out of luck'))
    assert.deepEqual(JSON.parse(await text(answer)), {
      StatusCode: 125,
      Error: { Message: 'out of luck' },
    })
  })

  it('for what is not there is an ordinary failure', async () => {
    for (const [method, target] of [
      ['GET', '/sandboxes/none/logs?follow=1'],
      ['POST', '/sandboxes/none/wait'],
    ]) {
      const answer = await send(target!, { method })
      assert.equal(answer.statusCode, 404)
      assert.equal(await failure(answer), 'No such container: none')
    }
    assert.equal(harness.streams.count, 0)
  })

  it('a log that is followed ends with the sandbox, and a client that goes is not followed for', async () => {
    harness.control.entries.push({ log: 'hello\n', stream: 'stdout', time: '2026-01-02T03:04:05Z' })
    const gone = await send('/sandboxes/box/logs?follow=1&stdout=1')
    await once(gone, 'data')
    gone.destroy()
    await harness.control.opened(0)
    const stays = await send('/sandboxes/box/logs?follow=1&stdout=1')
    await harness.control.opened(1)
    harness.control.tell('die', 'box')
    assert.deepEqual(JSON.parse(await text(stays)), harness.control.entries[0])
    assert.equal(harness.streams.count, 0)
  })

  it('there are only so many of, and one that ends makes room', async () => {
    await restart({ streamsMax: 2 })
    const [first] = [await send('/events'), await send('/events')]
    const refused = await send('/events')
    assert.equal(refused.statusCode, 503)
    assert.equal(await failure(refused), 'The daemon serves 2 streams already, and no more at a time.')
    assert.equal((await send('/version')).statusCode, 200)
    first.destroy()
    await harness.control.opened(1)
    const third = await send('/events')
    assert.equal(third.statusCode, 200)
    assert.ok(API_STREAMS_MAX > 2)
  })

  it('ends with the server', async () => {
    const answer = await send('/events')
    const ended = text(answer)
    await server.close()
    assert.equal(await ended, '')
    assert.equal(harness.control.open, 0)
  })
})

describe('a connection that is upgraded', () => {
  async function upgraded(target: string, body = ''): Promise<{ socket: Socket; answer: string }> {
    const socket = await connection()
    socket.write(upgradeHead(target, body))
    let answer = ''
    while (!answer.includes('\r\n\r\n')) {
      const [chunk] = (await once(socket, 'data')) as [Buffer]
      answer += chunk.toString('latin1')
    }
    return { socket, answer }
  }

  it('carries bytes in both directions, the last ones too that a client sends before it goes', async () => {
    const { socket, answer } = await upgraded('/sandboxes/box/attach')
    assert.match(answer, /^HTTP\/1\.1 101 Switching Protocols\r\n/)
    assert.match(answer, /\r\nUpgrade: tapwire-stream\r\n/)
    assert.match(answer, /\r\nTapwire-Api-Version: 1\r\n/)
    socket.write('hello')
    const [echo] = (await once(socket, 'data')) as [Buffer]
    assert.equal(echo.toString(), 'hello')
    const heard = text(harness.control.streams.at(-1)!)
    socket.end('bye')
    assert.equal(await heard, 'bye')
    await harness.control.opened(0)
    await streamsEnded()
  })

  it('runs a command that the body says, however the body arrives', async () => {
    const body = JSON.stringify({ Cmd: ['cat'], AttachStdin: true })
    const request = upgradeHead('/sandboxes/box/exec', body)
    for (const cut of [request.length, request.length - body.length, request.length - 5, 10]) {
      const socket = await connection()
      socket.write(request.slice(0, cut))
      // A turn of the loop between: the pieces arrive one after the other.
      await new Promise((resolve) => setImmediate(resolve))
      socket.write(`${request.slice(cut)}input`)
      let answer = ''
      while (!answer.includes('input')) answer += String((await once(socket, 'data'))[0])
      assert.match(answer, /\r\n\r\ninput$/)
      socket.destroy()
      assert.deepEqual(harness.control.calls.at(-1), ['exec', 'box', JSON.parse(body)])
    }
    await harness.control.opened(0)
  })

  it('may have the other side end first, and still be written to', async () => {
    const heard: Buffer[] = []
    harness.control.makeStream = () => {
      const stream = new Duplex({
        read() {},
        write(chunk: Buffer, _, callback) {
          heard.push(chunk)
          callback()
        },
      })
      stream.push('last words')
      stream.push(null)
      return stream
    }
    const socket = await connection()
    socket.write(upgradeHead('/sandboxes/box/attach'))
    // Not by `text`, which destroys what it has read to the end.
    await once(socket.resume(), 'end')
    socket.end('still here')
    await harness.control.opened(0)
    assert.equal(Buffer.concat(heard).toString(), 'still here')
  })

  it('does not take more than the other side does', async () => {
    const CHUNK = 64 * 1024
    let taken = 0
    let go!: () => void
    harness.control.makeStream = () =>
      new Duplex({
        read() {},
        write(chunk: Buffer, _, callback) {
          taken += chunk.length
          if (taken === chunk.length) go = callback
          else callback()
        },
        final(callback) {
          this.push(null)
          callback()
        },
      })
    const { socket } = await upgraded('/sandboxes/box/attach')
    let sent = 0
    // The first write that finds no room again: buffers on the way are full, whatever their size.
    for (;;) {
      sent += CHUNK
      if (!socket.write(Buffer.alloc(CHUNK)) && socket.writableLength > 16 * CHUNK) break
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.ok(taken < sent / 2, `${taken} of ${sent} bytes`)
    go()
    await once(socket, 'drain')
    socket.destroy()
    await harness.control.opened(0)
  })

  it('breaks when the other side breaks, and breaks that when the client does', async () => {
    const first = await upgraded('/sandboxes/box/attach')
    harness.control.streams.at(-1)!.destroy(new Error('gone'))
    await once(first.socket.resume(), 'end')
    first.socket.destroy()
    const second = await upgraded('/sandboxes/box/attach')
    second.socket.destroy()
    await harness.control.opened(0)
    await streamsEnded()
  })

  it('ends with the server', async () => {
    const { socket } = await upgraded('/sandboxes/box/attach')
    const ended = buffer(socket).catch(() => undefined)
    await server.close()
    await ended
    assert.equal(harness.control.open, 0)
  })

  const WRONG: readonly [target: string, body: string, status: number, message: string][] = [
    ['/sandboxes/none/attach', '', 404, 'No such container: none'],
    ['/sandboxes/none/exec', '{"Cmd":["a"]}', 404, 'No such container: none'],
    ['/sandboxes/box/exec', '', 400, "The request's body is no JSON."],
    ['/sandboxes/box/exec', '{}', 400, "Cmd of the request's body is missing; it must be a list."],
    [
      '/sandboxes/box/exec',
      '{"Cmd":["a"],"Tyt":true}',
      400,
      "The request's body has an unknown key Tyt; did you mean Tty?",
    ],
    ['/sandboxes/%zz/attach', '', 404, 'The daemon has no POST /sandboxes/%zz/attach to upgrade.'],
  ]
  for (const [target, body, status, message] of WRONG) {
    it(`is not, for ${target} ${body}`, async () => {
      const socket = await connection()
      socket.write(upgradeHead(target, body))
      const [head = '', answer = ''] = (await text(socket)).split('\r\n\r\n')
      assert.match(head, new RegExp(`^HTTP/1\\.1 ${status} `))
      assert.equal(failureSchema.parse(JSON.parse(answer)).message, message)
      socket.destroy()
      assert.equal(harness.control.open, 0)
    })
  }

  it('is not where nothing becomes a stream: the request is answered as without the offer', async () => {
    const body = '{"Name":"offered"}'
    const socket = await connection()
    socket.write(
      'POST /networks HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\n' +
        `HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`,
    )
    socket.write(body)
    const [head = '', answer = ''] = (await text(socket)).split('\r\n\r\n')
    assert.match(head, /^HTTP\/1\.1 201 /)
    assert.match(answer, /"Id":/)
    socket.destroy()
  })

  it('is not where nothing becomes a stream, and the connection takes the next request', async () => {
    const socket = await connection()
    socket.end(
      'GET /version HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n' +
        'GET /networks HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
    )
    assert.equal([...(await text(socket)).matchAll(/HTTP\/1\.1 200 OK/g)].length, 2)
    socket.destroy()
  })

  it('is not, with a body that is too long, or of unknown length, or to another protocol', async () => {
    const head = upgradeHead('/sandboxes/box/exec')
    for (const [sent, status] of [
      [head.replace('Content-Length: 0', `Content-Length: ${REQUEST_BODY_MAX + 1}`), 413],
      [head.replace('Content-Length: 0', 'Transfer-Encoding: chunked'), 400],
      [head.replace('Upgrade: tapwire-stream', 'Upgrade: h2c'), 400],
    ] as const) {
      const socket = await connection()
      socket.write(sent)
      assert.match(await text(socket), new RegExp(`^HTTP/1\\.1 ${status} `))
      socket.destroy()
    }
  })

  it('is answered 201 where the command is detached', async () => {
    const socket = await connection()
    socket.write(upgradeHead('/sandboxes/box/exec', '{"Cmd":["a"],"Detach":true}'))
    assert.match(await text(socket), /^HTTP\/1\.1 201 Created\r\n/)
    socket.destroy()
  })

  it('is not, where the client goes before its body is there', async () => {
    const socket = await connection()
    socket.write(upgradeHead('/sandboxes/box/exec', 'x'.repeat(100)).slice(0, -50))
    socket.end()
    assert.match(await text(socket), /shorter than it was to be/)
    socket.destroy()
    assert.equal(harness.streams.count, 0)
  })
})
