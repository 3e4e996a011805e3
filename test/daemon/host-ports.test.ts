import assert from 'node:assert/strict'
import { execFile, execFileSync, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { createSocket, type Socket as DatagramSocket } from 'node:dgram'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect, createServer, Socket } from 'node:net'
import { after, before, describe, it, mock } from 'node:test'
import { promisify } from 'node:util'
import { Datapath } from '../../src/daemon/datapath.ts'
import { MachineHostPorts } from '../../src/daemon/host-ports.ts'
import { RelayNamespace } from '../../src/daemon/relay/relay-namespace.ts'
import type { RelaySockets } from '../../src/daemon/relay/relay-target.ts'
import { TcpRelay } from '../../src/daemon/relay/tcp-relay.ts'
import { UdpRelay } from '../../src/daemon/relay/udp-relay.ts'
import { openSocket } from '../../src/ports/namespace-sockets.ts'
import { hostPortsConformance, request } from '../control/controller/host-ports.conformance.ts'
import { openDescriptors } from '../support/descriptors.ts'
import { insideNamespace } from '../support/inside-namespace.ts'
import { NetworkNamespace, plainEnvironment } from '../support/network-namespace.ts'
import { needs, needsTap } from '../support/requirements.ts'

const failing = (message: string): void => assert.fail(message)

const ADDRESS = '127.0.0.1'
const TARGET_PORT = 7000
const TARGET = { address: ADDRESS, first: TARGET_PORT }

insideNamespace(import.meta.url, () => {
  /** Targets are programs of the same namespace. */
  const sockets: RelaySockets = {
    openSocket: (protocol) => openSocket({ protocol }),
  }

  hostPortsConformance('MachineHostPorts as HostPorts', () => {
    const ports = new MachineHostPorts(sockets, failing)
    return { ports, occupy, close: () => ports.close() }
  })
  describe('relayed TCP', () => tcp(sockets))
  describe('relayed UDP', () => udp(sockets))
  describe('ports that cannot be had', () => refusals(sockets))
  describe('ephemeral ports', () => ephemeral(sockets))
  describe('a relay in a namespace of its own', { skip: needsTap() || needs('curl') }, throughTheSwitch)
})

async function occupy(protocol: 'tcp' | 'udp', address: string, port: number): Promise<() => Promise<void>> {
  const program =
    protocol === 'tcp' ? createServer().listen(port, address) : createSocket('udp4').bind(port, address)
  await once(program, 'listening')
  return async () => {
    const closed = once(program, 'close')
    program.close()
    await closed
  }
}

/** All that comes until the end, or `code` of the error. */
async function answerOf(socket: Socket): Promise<string> {
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  return new Promise((resolve) => {
    socket.on('end', () => resolve(Buffer.concat(chunks).toString()))
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
  })
}

interface Deferred<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
}

function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void
  const promise = new Promise<T>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}

const digest = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex')

/** Serves as the target while the body runs. */
async function serving(
  serve: (socket: Socket) => void,
  body: () => Promise<void>,
  port = TARGET_PORT,
): Promise<void> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    // A relay that closes resets what is left.
    socket.on('error', () => undefined)
    serve(socket)
  }).listen(port, ADDRESS)
  await once(server, 'listening')
  try {
    await body()
  } finally {
    server.close()
  }
}

/** Resolves once no more are open. */
function descriptorsUpTo(count: number): Promise<void> {
  const { promise, resolve } = deferred<void>()
  const look = (): void => void (openDescriptors().length <= count ? resolve() : setImmediate(look))
  look()
  return promise
}

function tcp(sockets: RelaySockets): void {
  const using =
    (body: (relay: TcpRelay) => Promise<void>, { max = 100 } = {}) =>
    async () => {
      const relay = new TcpRelay(sockets, failing, max)
      try {
        await body(relay)
      } finally {
        relay.close()
      }
    }

  it(
    'the client may end first, and gets the whole answer all the same',
    using(async (relay) => {
      const data = randomBytes(3_000_000)
      const serve = (socket: Socket): void => {
        const hash = createHash('sha256')
        socket.on('data', (chunk) => hash.update(chunk))
        socket.on('end', () => socket.end(hash.digest('hex')))
      }
      relay.open(request({ last: 3009 }), TARGET)
      await serving(
        serve,
        async () => {
          for (const host of ['127.0.0.1', '::1', '127.1.2.3']) {
            const client = connect({ host, port: 3004, allowHalfOpen: true })
            client.end(data)
            assert.equal(await answerOf(client), digest(data))
          }
        },
        TARGET_PORT + 4,
      )
    }),
  )

  it(
    'the target may end first, and gets what the client says afterwards',
    using(async (relay) => {
      const { promise: heard, resolve } = deferred<string>()
      relay.open(request(), TARGET)
      await serving(
        (socket) => {
          socket.end('done')
          void answerOf(socket).then(resolve)
        },
        async () => {
          const client = connect({ host: ADDRESS, port: 3000, allowHalfOpen: true })
          assert.equal(await answerOf(client), 'done')
          client.end('thanks')
          assert.equal(await heard, 'thanks')
        },
      )
    }),
  )

  it(
    'a target that reads nothing for a while stops the client, and gets everything',
    using(async (relay) => {
      relay.open(request(), TARGET)
      const { promise: accepted, resolve } = deferred<Socket>()
      await serving(
        (socket) => {
          socket.pause()
          resolve(socket)
        },
        async () => {
          const data = randomBytes(64 * 1024 * 1024)
          const client = connect(3000, ADDRESS)
          client.end(data)
          const target = await accepted
          const hash = createHash('sha256')
          target.on('data', (chunk: Buffer) => hash.update(chunk))
          target.on('end', () => target.end('whole'))
          target.resume()
          assert.equal(await answerOf(client), 'whole')
          assert.equal(hash.digest('hex'), digest(data))
        },
      )
    }),
  )

  it(
    'a target that refuses resets the client',
    using(async (relay) => {
      relay.open(request(), TARGET)
      const client = connect(3000, ADDRESS)
      assert.equal(await answerOf(client), 'ECONNRESET')
    }),
  )

  it(
    'a reset of either end resets the other',
    using(async (relay) => {
      relay.open(request(), TARGET)
      const { promise: accepted, resolve } = deferred<Socket>()
      await serving(resolve, async () => {
        const client = connect(3000, ADDRESS)
        const target = await accepted
        target.resetAndDestroy()
        assert.equal(await answerOf(client), 'ECONNRESET')
      })
      const second = deferred<Socket>()
      await serving(second.resolve, async () => {
        const client = connect(3000, ADDRESS)
        client.write('x')
        const target = await second.promise
        await once(target, 'data')
        client.resetAndDestroy()
        assert.equal(await answerOf(target), 'ECONNRESET')
      })
    }),
  )

  it('a reset while an end is on its way leaves nothing behind', async () => {
    const before = openDescriptors().length
    const relay = new TcpRelay(sockets, failing)
    relay.open(request(), TARGET)
    const client = new Socket({ allowHalfOpen: true })
    const end = Object.getOwnPropertyDescriptor(Socket.prototype, 'end')!.value as () => Socket
    const ends = mock.method(Socket.prototype, 'end', function (this: Socket, ...args: unknown[]): Socket {
      Reflect.apply(end, this, args)
      // The relay's end towards the client has not been shut down yet: libuv does that in its next turn.
      if (client.localPort !== undefined && this.remotePort === client.localPort) relay.close()
      return this
    })
    try {
      await serving(
        (socket) => socket.end(),
        async () => {
          client.connect(3000, ADDRESS)
          assert.equal(await answerOf(client), 'ECONNRESET')
        },
      )
    } finally {
      ends.mock.restore()
      relay.close()
    }
    await descriptorsUpTo(before)
  })

  it(
    'no more connections than the maximum are accepted; the others wait, and get their turn',
    using(
      async (relay) => {
        relay.open(request(), TARGET)
        let open = 0
        let most = 0
        const serve = (socket: Socket): void => {
          most = Math.max(most, ++open)
          socket.on('close', () => open--)
          socket.on('data', () => socket.end('served'))
        }
        await serving(serve, async () => {
          const clients = Array.from({ length: 20 }, () => {
            const client = connect(3000, ADDRESS)
            client.write('x')
            return answerOf(client)
          })
          assert.deepEqual(await Promise.all(clients), Array<string>(20).fill('served'))
          assert.ok(most <= 3, `${most} at once`)
        })
      },
      { max: 3 },
    ),
  )

  it(
    'connections end with their reservation, and others go on',
    using(async (relay) => {
      const close = relay.open(request(), TARGET)
      relay.open(request({ first: 3001, last: 3001 }), TARGET)
      await serving(
        (socket) => socket.pipe(socket),
        async () => {
          const [ended, other] = [connect(3000, ADDRESS), connect(3001, ADDRESS)]
          for (const client of [ended, other]) {
            client.write('x')
            await once(client, 'data')
          }
          const end = answerOf(ended)
          await Promise.all([close(), close()])
          await close()
          assert.equal(await end, 'ECONNRESET')
          other.end('y')
          assert.equal(await answerOf(other), 'y')
        },
      )
    }),
  )

  it('leaves no descriptor behind', async () => {
    const before = openDescriptors().length
    await using(async (relay) => {
      relay.open(request(), TARGET)
      await serving(
        (socket) => socket.end(),
        async () => {
          for (let times = 0; times < 50; times++) await answerOf(connect(3000, ADDRESS))
        },
      )
      await answerOf(connect(3000, ADDRESS))
    })()
    await descriptorsUpTo(before)
  })

  it('does not spin, and goes on, when it has no descriptor for a while', async () => {
    const warnings: string[] = []
    let failing = 3
    const scarce: RelaySockets = {
      openSocket: (protocol) => {
        if (failing-- > 0) throw new Error('too many open files')
        return sockets.openSocket(protocol)
      },
    }
    const relay = new TcpRelay(scarce, (message) => warnings.push(message))
    relay.open(request(), TARGET)
    await serving(
      (socket) => socket.end('served'),
      async () => {
        const answers: string[] = []
        for (let times = 0; times < 4; times++) answers.push(await answerOf(connect(3000, ADDRESS)))
        assert.equal(answers.at(-1), 'served')
        assert.equal(warnings.length, 3)
      },
    )
    relay.close()
  })
}

function udp(sockets: RelaySockets): void {
  let target: DatagramSocket
  /** Ports that the target has heard from. */
  const sources = new Set<number>()
  before(async () => {
    target = createSocket('udp4').bind(TARGET_PORT, ADDRESS)
    target.on('message', (bytes, { port, address }) => {
      sources.add(port)
      target.send(`${bytes.toString()}!`, port, address)
    })
    await once(target, 'listening')
  })
  after(() => target.close())

  const using =
    (body: (relay: UdpRelay) => Promise<void>, limits = {}) =>
    async () => {
      sources.clear()
      const all = { clients: 100, clientsPerPort: 50, idleMs: 90_000, ...limits }
      const relay = new UdpRelay(sockets, failing, all)
      relay.open(request({ protocol: 'udp', last: 3001 }), { ...TARGET, first: TARGET_PORT })
      try {
        await body(relay)
      } finally {
        relay.close()
        assert.equal(relay.clients, 0)
      }
    }

  async function ask(client: DatagramSocket, text: string, address = ADDRESS, port = 3000): Promise<string> {
    const answered = once(client, 'message') as Promise<[Buffer, { address: string; port: number }]>
    client.send(text, port, address)
    const [bytes, from] = await answered
    assert.deepEqual([from.address, from.port], [address, port])
    return bytes.toString()
  }

  it(
    'each client has a socket of its own, and answers come from where it asked',
    using(async (relay) => {
      const clients = [createSocket('udp4'), createSocket('udp4'), createSocket('udp6')]
      for (const [index, client] of clients.entries()) {
        const address = index === 2 ? '::1' : ADDRESS
        assert.equal(await ask(client, 'one', address), 'one!')
        assert.equal(await ask(client, 'two', address), 'two!')
      }
      assert.equal(await ask(clients[0]!, 'there', '127.0.0.8'), 'there!')
      assert.equal(relay.clients, 4)
      assert.equal(sources.size, 4)
      for (const client of clients) client.close()
    }),
  )

  it(
    'whole datagrams, none and the longest too',
    using(async () => {
      const client = createSocket('udp4')
      for (const length of [0, 1, 65_000]) {
        assert.equal(await ask(client, 'x'.repeat(length)), `${'x'.repeat(length)}!`)
      }
      client.close()
    }),
  )

  it(
    'a client that is silent is forgotten',
    using(
      async (relay) => {
        mock.timers.enable({ apis: ['setTimeout'] })
        try {
          const client = createSocket('udp4')
          await ask(client, 'x')
          mock.timers.tick(29)
          assert.equal(relay.clients, 1)
          mock.timers.tick(1)
          assert.equal(relay.clients, 0)
          assert.equal(await ask(client, 'y'), 'y!')
          client.close()
        } finally {
          mock.timers.reset()
        }
      },
      { idleMs: 30 },
    ),
  )

  for (const limits of [{ clients: 3 }, { clientsPerPort: 3 }]) {
    it(
      `the longest silent goes first where ${JSON.stringify(limits)} are known`,
      using(async (relay) => {
        const before = openDescriptors().length
        const clients = Array.from({ length: 4 }, () => createSocket('udp4'))
        for (const client of [...clients.slice(0, 3), clients[0]!, clients[3]!]) await ask(client, 'x')
        assert.equal(relay.clients, 3)
        assert.equal(sources.size, 4)
        sources.clear()
        await ask(clients[0]!, 'still known')
        await ask(clients[1]!, 'known anew')
        assert.equal(relay.clients, 3)
        for (const client of clients) client.close()
        assert.ok(openDescriptors().length <= before + 8)
      }, limits),
    )
  }

  it(
    'nobody at the target is silence, until there is somebody',
    using(async () => {
      const client = createSocket('udp4')
      client.send('lost', 3001, ADDRESS)
      // The refusal of the first comes back to the relay before the second is answered.
      assert.equal(await ask(client, 'x'), 'x!')
      const late = createSocket('udp4').bind(TARGET_PORT + 1, ADDRESS)
      await once(late, 'listening')
      late.on('message', (bytes, { port, address }) => late.send(bytes, port, address))
      assert.equal(await ask(client, 'found', ADDRESS, 3001), 'found')
      late.close()
      client.close()
    }),
  )
}

function refusals(sockets: RelaySockets): void {
  it('an address that the machine does not have is no port in use', async () => {
    const ports = new MachineHostPorts(sockets, failing)
    await assert.rejects(ports.open(request({ address: '198.51.100.7' })), {
      code: 'PORT_INVALID',
      message: 'failed to bind host port 198.51.100.7:3000/tcp: cannot assign requested address',
      hint: '`ip address` lists those it has; without an address a port is published on all of them.',
    })
    ports.close()
  })
}

function ephemeral(sockets: RelaySockets): void {
  it('are what the kernel is set to', () => {
    const set = (name: string, value: string): void => writeFileSync(`/proc/sys/net/ipv4/${name}`, value)
    const ports = new MachineHostPorts(sockets, failing)
    try {
      assert.deepEqual(ports.ephemeralPorts().reserved, [])
      set('ip_local_port_range', '40000 50001')
      set('ip_local_reserved_ports', '41000,42000-42010')
      assert.deepEqual(ports.ephemeralPorts(), {
        first: 40_000,
        last: 50_001,
        reserved: [
          [41_000, 41_000],
          [42_000, 42_010],
        ],
      })
    } finally {
      ports.close()
      set('ip_local_port_range', '32768 60999')
      set('ip_local_reserved_ports', '\n')
    }
  })

  it('refuses a target that has no such ports', async () => {
    const ports = new MachineHostPorts(sockets, failing)
    await assert.rejects(
      ports.open(request({ last: 3001, target: { address: ADDRESS, first: 65_535 } })),
      RangeError,
    )
    ports.close()
  })
}

/** The relay's namespace and a target's, joined by the switch. */
function throughTheSwitch(): void {
  let datapath: Datapath
  let relay: RelayNamespace
  let target: NetworkNamespace
  let ports: MachineHostPorts
  before(async () => {
    datapath = await Datapath.start()
    target = new NetworkNamespace()
    relay = new RelayNamespace({ address: '10.77.0.9', prefixLength: 24, router: '10.77.0.1' })
    await datapath.addDomain({ id: 1 })
    const { namespace, name, mtu } = relay.tap
    await datapath.addPort({ namespace, name, mtu, port: 1, domain: 1 })
    await relay.configure()
    await datapath.addPort({ namespace: target.path, name: 'eth0', mtu: 1500, port: 2, domain: 1 })
    target.ip('address', 'add', '10.77.0.2/24', 'dev', 'eth0')
    target.ip('link', 'set', 'eth0', 'up')
    ports = new MachineHostPorts(relay, failing)
  })
  after(async () => {
    ports.close()
    await datapath.stop()
    relay.close()
    target.remove()
  })

  it('curl of a local port is answered by a server in the target', async () => {
    const script = `require('node:http').createServer((request, response) => response.end(request.socket.remoteAddress))
      .listen(80, '10.77.0.2', () => console.log('listening'))`
    const server = spawn('ip', ['netns', 'exec', target.name, process.execPath, '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: plainEnvironment(),
    })
    try {
      await once(server.stdout, 'data')
      const reservation = await ports.open(request({ target: { address: '10.77.0.2', first: 80 } }))
      for (const host of ['localhost', '127.0.0.1', '[::1]']) {
        const { stdout } = await promisify(execFile)(
          'curl',
          ['-sS', '--max-time', '60', `http://${host}:3000/`],
          {
            env: plainEnvironment(),
          },
        )
        assert.equal(stdout, '10.77.0.9')
      }
      await reservation.close()
    } finally {
      server.kill()
      await once(server, 'exit')
    }
  })

  it('a port at which nothing listens resets, and one that is not there at all does in the end', async () => {
    const reservation = await ports.open(request({ target: { address: '10.77.0.2', first: 81 } }))
    assert.equal(await answerOf(connect(3000, ADDRESS)), 'ECONNRESET')
    await reservation.close()
    const nowhere = await ports.open(request({ target: { address: '10.77.0.3', first: 81 } }))
    assert.equal(await answerOf(connect(3000, ADDRESS)), 'ECONNRESET')
    await nowhere.close()
  })

  it('its sockets see nothing of the machine', () => {
    const output = execFileSync('nsenter', [`--net=${relay.tap.namespace}`, 'ip', '-j', 'address'], {
      encoding: 'utf8',
      env: plainEnvironment(),
    })
    const links = JSON.parse(output) as { ifname: string }[]
    assert.deepEqual(links.map(({ ifname }) => ifname).toSorted(), ['lo', 'relay0'])
  })
}
