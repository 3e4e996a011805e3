import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { closeSync } from 'node:fs'
import { connect, createServer, Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, before, describe, it } from 'node:test'
import {
  type ListenerOptions,
  openListener,
  openSocket,
  SocketError,
} from '../../src/ports/namespace-sockets.ts'
import { type NativeSocketOptions, native } from '../../src/ports/native.ts'
import { PrivateNamespace } from '../../src/ports/private-namespace.ts'
import { openDescriptors } from '../support/descriptors.ts'
import { NetworkNamespace } from '../support/network-namespace.ts'
import { needs, needsRoot } from '../support/requirements.ts'

const FAMILIES = [
  { family: 4, loopback: '127.0.0.1', any: '0.0.0.0' },
  { family: 6, loopback: '::1', any: '::' },
] as const

describe('sockets in another network namespace', { skip: needsRoot() || needs('ip') }, () => {
  let namespace: NetworkNamespace
  before(() => {
    namespace = new NetworkNamespace()
    namespace.ip('link', 'set', 'lo', 'up')
    namespace.ip('address', 'add', '192.0.2.7/32', 'dev', 'lo')
  })
  after(() => namespace.remove())

  const place = () => ({ namespace: namespace.path })

  for (const { family, loopback, any } of FAMILIES) {
    it(`UDP over IPv${family}: a socket that asks has a port, and reaches what listens there`, async () => {
      const server = createSocket(`udp${family}`)
      server.bind({ fd: openListener({ ...place(), protocol: 'udp', family, address: loopback, port: 53 }) })
      server.on('message', (bytes, { port, address }) =>
        server.send(`${bytes.toString()} heard`, port, address),
      )
      const client = createSocket(`udp${family}`)
      client.bind({ fd: openSocket({ ...place(), protocol: 'udp', family }) })
      assert.equal(client.address().address, any)
      assert.ok(client.address().port > 0)
      client.connect(53, loopback)
      await once(client, 'connect')
      client.send('question')
      const [answer] = (await once(client, 'message')) as [Buffer]
      assert.equal(answer.toString(), 'question heard')
      client.close()
      server.close()
    })

    it(`TCP over IPv${family}: a socket connects to what listens there`, async () => {
      const server = createServer((socket) => socket.end('heard'))
      server.listen({
        fd: openListener({ ...place(), protocol: 'tcp', family, address: loopback, port: 53 }),
      })
      const client = new Socket({ fd: openSocket({ ...place(), protocol: 'tcp', family }) })
      client.connect(53, loopback)
      assert.equal(await text(client), 'heard')
      server.close()
      await once(server, 'close')
    })
  }

  it('is not where this process is', async () => {
    const listener = openListener({ ...place(), protocol: 'tcp', address: '192.0.2.7', port: 4053 })
    const server = createServer().listen({ fd: listener })
    const other = new PrivateNamespace()
    const stranger = new Socket({ fd: openSocket({ namespace: other.path, protocol: 'tcp' }) })
    stranger.connect(4053, '192.0.2.7')
    const [error] = (await once(stranger, 'error')) as [NodeJS.ErrnoException]
    assert.equal(error.code, 'ENETUNREACH')
    other.close()
    server.close()
  })

  it('each socket of UDP has another port, however many there are', () => {
    const sockets = Array.from({ length: 500 }, () => openSocket({ ...place(), protocol: 'udp' }))
    const lines = namespace.exec('ss', '-Hlnu').trim().split('\n')
    const ports = lines.map((line) => line.trim().split(/\s+/)[3])
    for (const descriptor of sockets) closeSync(descriptor)
    assert.equal(new Set(ports).size, 500)
    // In order, or nearly, they would be easy to guess.
    const numbers = ports.map((port) => Number(port?.split(':').at(-1)))
    assert.ok(Math.max(...numbers) - Math.min(...numbers) > 5000)
  })

  it('a listener of IPv6 leaves IPv4 to others', () => {
    const ipv6 = openListener({ ...place(), protocol: 'udp', family: 6, address: '::', port: 5353 })
    const ipv4 = openListener({ ...place(), protocol: 'udp', address: '0.0.0.0', port: 5353 })
    closeSync(ipv6)
    closeSync(ipv4)
  })

  it('a listener takes the place of an earlier one at once, though its connections are remembered', async () => {
    const options: ListenerOptions = { ...place(), protocol: 'tcp', address: '127.0.0.1', port: 54 }
    for (let times = 0; times < 3; times++) {
      const server = createServer((socket) => socket.end('x')).listen({ fd: openListener(options) })
      const client = new Socket({ fd: openSocket({ ...place(), protocol: 'tcp' }) })
      client.connect(54, '127.0.0.1')
      assert.equal(await text(client), 'x')
      server.close()
      await once(server, 'close')
    }
  })

  describe('what cannot be opened', () => {
    const fails = (options: Partial<ListenerOptions>, code: string, message: RegExp) => {
      const before = openDescriptors()
      const all = { ...place(), protocol: 'udp', address: '127.0.0.1', port: 53, ...options } as const
      assert.throws(
        () => openListener(all),
        (error) => {
          assert.ok(error instanceof SocketError)
          assert.equal(error.code, code)
          assert.match(error.message, message)
          return true
        },
      )
      assert.deepEqual(openDescriptors(), before)
    }

    it('a port that is taken', () => {
      for (const protocol of ['tcp', 'udp'] as const) {
        const taken = openListener({ ...place(), protocol, address: '0.0.0.0', port: 53 })
        fails({ protocol }, 'EADDRINUSE', /^no (TCP|UDP) socket at 127\.0\.0\.1 port 53 could be opened in/)
        closeSync(taken)
      }
    })

    it('an address that the namespace does not have, or of another family, or that is none', () => {
      fails({ address: '198.51.100.1' }, 'EADDRNOTAVAIL', /198\.51\.100\.1/)
      fails({ address: '::1' }, 'EINVAL', /::1/)
      fails({ family: 6 }, 'EINVAL', /127\.0\.0\.1/)
      fails({ address: 'localhost' }, 'EINVAL', /localhost/)
      fails({ address: '' }, 'EINVAL', /read-address/)
    })

    it('a namespace that is not there, or is none', () => {
      fails({ namespace: '/run/netns/there-is-none' }, 'ENOENT', /was not found \(ENOENT\)$/)
      fails({ namespace: '/proc/self/ns/uts' }, 'EINVAL', /cannot be entered \(EINVAL\)$/)
      fails({ namespace: '/dev/null' }, 'EINVAL', /cannot be entered \(EINVAL\)$/)
    })
  })

  it('this process is in its own namespace afterwards', async () => {
    const server = createServer((socket) => socket.end('here')).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    closeSync(openSocket({ ...place(), protocol: 'tcp' }))
    assert.equal(await text(connect(port, '127.0.0.1')), 'here')
    server.close()
  })
})

describe("the addon's socket options", () => {
  const valid = { namespace: undefined, tcp: true, ipv6: false, address: undefined, port: 0, backlog: 0 }
  const untyped = (options: unknown) => native().openSocket(options as NativeSocketOptions)

  for (const [what, options] of [
    ['no object', 1],
    ['a namespace that is no string', { ...valid, namespace: 1 }],
    ['a namespace with a NUL', { ...valid, namespace: '/proc\0/self' }],
    ['a path that is too long', { ...valid, namespace: 'x'.repeat(5000) }],
    ['an address that is too long', { ...valid, address: '1'.repeat(100) }],
    ['no protocol', { ...valid, tcp: undefined }],
    ['no family', { ...valid, ipv6: 4 }],
    ['a port beyond all ports', { ...valid, port: 65_536 }],
    ['a port below all ports', { ...valid, port: -1 }],
    ['half a port', { ...valid, port: 0.5 }],
    ['a backlog that is none', { ...valid, backlog: '1' }],
  ] as const) {
    it(`${what} is refused`, () => {
      const before = openDescriptors()
      assert.throws(() => untyped(options), { code: 'ERR_INVALID_ARG_TYPE' })
      assert.deepEqual(openDescriptors(), before)
    })
  }
})
