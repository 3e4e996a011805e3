import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { type UpstreamExchange, UpstreamSockets } from '../../../src/daemon/dns/upstream-sockets.ts'
import { DNS_FORWARDS_MAX, DNS_SERVERS_MAX } from '../../../src/limits.ts'
import type { ExchangeFailure } from '../../../src/protocols/dns-forwarder-types.ts'
import { openDescriptors } from '../../support/descriptors.ts'
import { insideNamespace } from '../../support/inside-namespace.ts'
import { answering, answerTo, decoded, NameServer, question } from '../../support/name-server.ts'
import { NetworkNamespace, plainEnvironment } from '../../support/network-namespace.ts'

/** An upstream's sockets, with what they told. */
class Heard {
  readonly messages: [exchange: number, message: Uint8Array][] = []
  readonly failures: [exchange: number, reason: ExchangeFailure][] = []
  readonly sockets: UpstreamSockets
  #told: (() => void) | undefined
  namespace: string | undefined

  constructor(openMax?: number) {
    this.sockets = new UpstreamSockets(
      {
        namespaceOf: () => this.namespace,
        received: (...message) => {
          this.messages.push(message)
          this.#told?.()
        },
        failed: (...failure) => {
          this.failures.push(failure)
          this.#told?.()
        },
      },
      openMax,
    )
  }

  send(exchange: number, address: string, transport: 'udp' | 'tcp' = 'udp'): UpstreamExchange {
    const sent = {
      exchange,
      group: 0,
      server: { address, port: 53 },
      transport,
      message: question('example.org'),
    }
    this.sockets.send(sent)
    return sent
  }

  async until(count: number): Promise<void> {
    while (this.messages.length + this.failures.length < count) {
      await new Promise<void>((resolve) => {
        this.#told = resolve
      })
    }
  }
}

const SERVER = { address: '127.1.0.1' }

insideNamespace(import.meta.url, () => {
  let heard: Heard
  let before: string[]
  beforeEach(() => {
    before = openDescriptors()
    heard = new Heard()
  })
  afterEach(() => {
    heard.sockets.closeAll()
    assert.equal(heard.sockets.size, 0)
  })

  describe('exchanges with a server', () => {
    for (const transport of ['udp', 'tcp'] as const) {
      it(`by ${transport}: the answer, and nothing is open when it is closed`, async () => {
        const server = new NameServer(SERVER, answering('192.0.2.80'))
        const { message } = heard.send(1, SERVER.address, transport)
        await heard.until(1)
        assert.deepEqual(server.asked[0]?.message, message)
        assert.deepEqual(
          heard.messages.map(([exchange, bytes]) => [exchange, decoded(bytes).answers[0]?.data]),
          [[1, '192.0.2.80']],
        )
        assert.equal(heard.sockets.size, 1)
        heard.sockets.close(1)
        await server.close()
        assert.deepEqual(openDescriptors(), before)
      })

      it(`by ${transport} over IPv6`, async () => {
        const server = new NameServer({ address: '::1' }, answering('192.0.2.80'))
        heard.send(1, '::1', transport)
        await heard.until(1)
        assert.equal(heard.messages.length, 1)
        await server.close()
      })

      it(`by ${transport}: a server that is not there refuses`, async () => {
        heard.send(1, SERVER.address, transport)
        await heard.until(1)
        assert.deepEqual(heard.failures, [[1, 'refused']])
        assert.equal(heard.sockets.size, 0)
      })

      it(`by ${transport}: there is no way to it`, async () => {
        heard.send(1, '198.51.100.1', transport)
        await heard.until(1)
        assert.deepEqual(heard.failures, [[1, 'unreachable']])
      })

      it(`by ${transport}, from another namespace, and from one that is gone`, async () => {
        const namespace = new NetworkNamespace()
        namespace.ip('link', 'set', 'lo', 'up')
        const { path } = namespace
        heard.namespace = path
        const server = new NameServer({ namespace: path, ...SERVER }, answering('192.0.2.80'))
        heard.send(1, SERVER.address, transport)
        await heard.until(1)
        assert.equal(heard.messages.length, 1)
        await server.close()
        namespace.remove()
        heard.send(2, SERVER.address, transport)
        assert.deepEqual(heard.failures, [[2, 'local']])
        heard.sockets.closeAll()
        assert.deepEqual(openDescriptors(), before)
      })
    }

    it('each has a port of its own, in no order', async () => {
      const server = new NameServer(SERVER, () => undefined)
      for (let exchange = 0; exchange < 50; exchange++) heard.send(exchange, SERVER.address)
      while (server.asked.length < 50) await turn()
      const ports = server.asked.map(({ port }) => port)
      assert.equal(new Set(ports).size, 50)
      assert.notDeepEqual(
        ports,
        ports.toSorted((a, b) => a - b),
      )
      await server.close()
    })

    it('what another address sends to its port is not heard', async () => {
      const stranger = createSocket('udp4').bind(53, '127.1.0.2')
      await once(stranger, 'listening')
      const server = new NameServer(SERVER, ({ message, port, address, reply }) => {
        stranger.send(answerTo(message, { addresses: ['192.0.2.66'] }), port, address, () => {
          reply(answerTo(message, { addresses: ['192.0.2.80'] }))
        })
      })
      heard.send(1, SERVER.address)
      await heard.until(1)
      assert.deepEqual(
        heard.messages.map(([, bytes]) => decoded(bytes).answers[0]?.data),
        ['192.0.2.80'],
      )
      stranger.close()
      await server.close()
    })

    it('several messages for one are all told', async () => {
      const server = new NameServer(SERVER, ({ message, reply }) => {
        for (let last = 1; last <= 3; last++) reply(answerTo(message, { addresses: [`192.0.2.${last}`] }))
      })
      heard.send(1, SERVER.address)
      await heard.until(3)
      assert.equal(heard.messages.length, 3)
      await server.close()
    })

    it('one that is closed is not heard of any more', async () => {
      const server = new NameServer(SERVER, answering('192.0.2.80'))
      heard.send(1, SERVER.address)
      heard.send(2, SERVER.address, 'tcp')
      heard.sockets.close(1)
      heard.sockets.close(2)
      heard.sockets.close(2)
      heard.send(3, SERVER.address)
      await heard.until(1)
      assert.deepEqual(
        heard.messages.map(([exchange]) => exchange),
        [3],
      )
      await server.close()
    })

    it('a server that closes the connection before it has answered', async () => {
      const server = createServer((socket) => {
        socket.once('data', () => socket.end(Uint8Array.of(0, 100, 1, 2, 3)))
      }).listen(53, SERVER.address)
      await once(server, 'listening')
      heard.send(1, SERVER.address, 'tcp')
      await heard.until(1)
      assert.deepEqual([heard.messages, heard.failures], [[], [[1, 'closed']]])
      server.close()
    })

    it('all servers of all questions that may wait can be silent at a time', async () => {
      const server = new NameServer(SERVER, () => undefined)
      const count = DNS_FORWARDS_MAX * DNS_SERVERS_MAX
      for (let exchange = 0; exchange < count; exchange++) heard.send(exchange, SERVER.address)
      assert.deepEqual([heard.sockets.size, heard.failures], [count, []])
      heard.sockets.closeAll()
      await server.close()
    })

    it('beyond as many as may be open, there is none to be had', () => {
      const few = new Heard(2)
      for (const exchange of [1, 2, 3]) few.send(exchange, SERVER.address, 'tcp')
      assert.deepEqual(few.failures, [[3, 'local']])
      few.sockets.close(1)
      few.send(4, SERVER.address, 'tcp')
      assert.equal(few.failures.length, 1)
      few.sockets.closeAll()
    })

    it("a link-local server is asked on its link, as the machine's resolv.conf names it", async () => {
      // The loopback interface is a link that has its carrier from the first moment.
      execFileSync('ip', ['address', 'add', 'fe80::53/64', 'dev', 'lo', 'nodad'], { env: plainEnvironment() })
      const server = createSocket('udp6').bind(53, 'fe80::53%lo')
      await once(server, 'listening')
      server.on('message', (message, { port, address }) => server.send(answerTo(message), port, address))
      heard.send(1, 'fe80::53%lo')
      await heard.until(1)
      assert.deepEqual([heard.messages.length, heard.failures], [1, []])
      heard.send(2, 'fe80::53%none')
      await heard.until(2)
      assert.equal(heard.failures.length, 1)
      server.close()
    })
  })
})
