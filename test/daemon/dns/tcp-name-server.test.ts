import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it, mock } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { ConnectionShares } from '../../../src/daemon/dns/connection-shares.ts'
import type { AnswerQuestion } from '../../../src/daemon/dns/question-connection.ts'
import { TcpNameServer } from '../../../src/daemon/dns/tcp-name-server.ts'
import { DNS_CONNECTION_QUESTIONS_MAX, DNS_MESSAGE_MAX } from '../../../src/limits.ts'
import { openListener } from '../../../src/ports/namespace-sockets.ts'
import { openDescriptors } from '../../support/descriptors.ts'
import { insideNamespace } from '../../support/inside-namespace.ts'
import { TcpAsker } from '../../support/name-server.ts'

const PLACE = { address: '127.0.0.11' }
const echo: AnswerQuestion = (message) => Promise.resolve(message)
const numbered = (number: number, size = 4): Uint8Array => {
  const message = new Uint8Array(size)
  new DataView(message.buffer).setUint32(0, number)
  return message
}
const numberOf = (message: Uint8Array): number =>
  new DataView(message.buffer, message.byteOffset).getUint32(0)

insideNamespace(import.meta.url, () => {
  let before: string[]
  let server: TcpNameServer
  let shares: ConnectionShares

  function listen(answer: AnswerQuestion, { idleMs = 60_000, max = 100, perClient = 100 } = {}): void {
    shares = new ConnectionShares(max, perClient)
    server = new TcpNameServer({
      descriptor: openListener({ ...PLACE, protocol: 'tcp', port: 53 }),
      client: ({ remoteAddress = '' }) => ({ name: remoteAddress, answer }),
      shares,
      warn: (message) => assert.fail(message),
      idleMs,
    })
  }

  /** So many connections are there. */
  async function connections(count: number): Promise<void> {
    while (shares.size !== count) await turn()
  }

  beforeEach(() => {
    before = openDescriptors()
  })
  afterEach(async () => {
    server.close()
    // Sockets are closed at the end of the turn.
    while (shares.size > 0) await turn()
    mock.timers.reset()
    await turn()
    assert.deepEqual(openDescriptors(), before)
  })

  describe('a name server by TCP', () => {
    it('answers one question after the other, of all sizes', async () => {
      listen(echo)
      const client = new TcpAsker(PLACE)
      for (const size of [1, 2, 300, DNS_MESSAGE_MAX]) {
        assert.equal((await client.ask(new Uint8Array(size)))?.length, size)
      }
      client.close()
    })

    it('answers as the answers are had, and not in the order of the questions', async () => {
      const waiting: (() => void)[] = []
      listen((message) => new Promise((resolve) => waiting.push(() => resolve(message))))
      const client = new TcpAsker(PLACE)
      client.send(numbered(1), numbered(2), numbered(3))
      while (waiting.length < 3) await turn()
      for (const index of [2, 0, 1]) {
        waiting[index]!()
        await turn()
      }
      assert.deepEqual((await client.answers(3)).map(numberOf), [3, 1, 2])
      client.close()
    })

    it('asks no more than a few at a time, however many come, and answers all', async () => {
      let asked = 0
      let most = 0
      listen(async (message) => {
        most = Math.max(most, ++asked)
        await turn()
        asked--
        return message
      })
      const client = new TcpAsker(PLACE)
      client.send(...Array.from({ length: 5000 }, (_, number) => numbered(number)))
      const answers = await client.answers(5000)
      assert.deepEqual(
        answers.map(numberOf).toSorted((a, b) => a - b),
        [...Array(5000).keys()],
      )
      assert.equal(most, DNS_CONNECTION_QUESTIONS_MAX)
      client.close()
    })

    it('asks nothing for a client that does not read, beyond what is on its way', async () => {
      let asked = 0
      listen((message) => {
        asked++
        return Promise.resolve(new Uint8Array(DNS_MESSAGE_MAX).fill(message[3]!))
      })
      const client = new TcpAsker(PLACE, { reading: false })
      client.send(...Array.from({ length: 10_000 }, (_, number) => numbered(number)))
      let seen = -1
      // It has come to rest when nothing was asked for as many turns as it takes to ask.
      for (let still = 0; still < 200; still = asked === seen ? still + 1 : 0) {
        seen = asked
        await turn()
      }
      // What the kernel takes from both ends, and one answer's worth of ours.
      assert.ok(asked < 1000, `${asked}`)
      client.read()
      const owed = asked
      assert.equal((await client.answers(owed)).length, owed)
      client.close()
    })

    it('takes questions byte by byte', async () => {
      listen(echo)
      const client = new TcpAsker(PLACE)
      client.socket.setNoDelay(true)
      for (const byte of [0, 4, 0, 0, 0, 7, 0, 4, 0, 0, 0, 8]) {
        client.socket.write(Uint8Array.of(byte))
        await turn()
      }
      assert.deepEqual((await client.answers(2)).map(numberOf), [7, 8])
      client.close()
    })

    it('closes a connection that is silent, and one that never asks a whole question', async () => {
      mock.timers.enable({ apis: ['setTimeout'] })
      listen(echo, { idleMs: 100 })
      const silent = new TcpAsker(PLACE)
      const slow = new TcpAsker(PLACE)
      assert.ok(await silent.ask(numbered(1)))
      await connections(2)
      for (let byte = 0; byte < 100; byte++) {
        assert.equal(shares.size, 2)
        slow.socket.write(Uint8Array.of(1))
        await turn()
        mock.timers.tick(1)
      }
      await slow.closed
      // The silence of one that was answered begins when its kernel has the answer.
      mock.timers.tick(100)
      await silent.closed
      silent.close()
      slow.close()
    })

    it('closes no connection that waits for an answer', async () => {
      mock.timers.enable({ apis: ['setTimeout'] })
      const waiting: (() => void)[] = []
      listen((message) => new Promise((resolve) => waiting.push(() => resolve(message))), { idleMs: 20 })
      const [asks, silent] = [new TcpAsker(PLACE), new TcpAsker(PLACE)]
      asks.send(numbered(1))
      while (waiting.length === 0) await turn()
      await connections(2)
      mock.timers.tick(20)
      await silent.closed
      silent.close()
      await connections(1)
      // Longer than silence may last: another one has gone for it.
      const other = new TcpAsker(PLACE)
      await connections(2)
      mock.timers.tick(20)
      await other.closed
      other.close()
      waiting[0]!()
      assert.equal((await asks.answers(1)).length, 1)
      asks.close()
    })

    it('closes at a message without a byte, and where there is nothing to say', async () => {
      listen((message) => Promise.resolve(message.length === 1 ? undefined : message))
      for (const message of [new Uint8Array(0), new Uint8Array(1)]) {
        const client = new TcpAsker(PLACE)
        assert.equal(await client.ask(message), undefined)
        await client.closed
        client.close()
      }
    })

    it('closes where the answer cannot be had', async () => {
      listen(() => Promise.reject(new Error('the data plane has ended')))
      const client = new TcpAsker(PLACE)
      assert.equal(await client.ask(numbered(1)), undefined)
      client.close()
    })

    it('answers a client that asks and then says that this was all', async () => {
      listen(async (message) => {
        await turn()
        return message
      })
      const client = new TcpAsker(PLACE)
      client.send(...Array.from({ length: 100 }, (_, number) => numbered(number)))
      client.socket.end()
      assert.equal((await client.answers(100)).length, 100)
      assert.equal(await client.closed, false)
      client.close()
    })

    it('makes room for a client at its share by its own oldest idle connection', async () => {
      listen(echo, { perClient: 2 })
      const clients = [new TcpAsker(PLACE)]
      await clients[0]!.ask(numbered(0))
      for (const number of [1, 2]) {
        const client = new TcpAsker(PLACE)
        clients.push(client)
        assert.ok(await client.ask(numbered(number)))
      }
      await clients[0]!.closed
      assert.ok(await clients[1]!.ask(numbered(3)))
      assert.equal(shares.size, 2)
      for (const client of clients) client.close()
    })

    it('refuses a client whose connections all wait for answers', async () => {
      const waiting: (() => void)[] = []
      listen((message) => new Promise((resolve) => waiting.push(() => resolve(message))), { perClient: 1 })
      const [first, second] = [new TcpAsker(PLACE), new TcpAsker(PLACE)]
      first.send(numbered(1))
      second.send(numbered(2))
      const refused = await Promise.race([first.closed.then(() => first), second.closed.then(() => second)])
      while (waiting.length === 0) await turn()
      waiting[0]!()
      const served = refused === first ? second : first
      assert.equal((await served.answers(1)).length, 1)
      first.close()
      second.close()
    })

    it('ends all connections when it is closed', async () => {
      listen(() => new Promise(() => undefined))
      const client = new TcpAsker(PLACE)
      client.send(numbered(1))
      while (shares.size === 0) await turn()
      server.close()
      await client.closed
      client.close()
    })
  })

  describe('a storm of connections', () => {
    it('leaves no more than there may be', async () => {
      listen(echo, { max: 20 })
      const clients = Array.from({ length: 300 }, () => new TcpAsker(PLACE))
      const answers = await Promise.all(clients.map((client, number) => client.ask(numbered(number))))
      assert.ok(shares.size <= 20)
      assert.ok(answers.some((answer) => answer !== undefined))
      const next = new TcpAsker(PLACE)
      assert.ok(await next.ask(numbered(1)))
      for (const client of [...clients, next]) client.close()
      server.close()
    })
  })
})
