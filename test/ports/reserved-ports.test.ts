import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { closeSync, writeFileSync } from 'node:fs'
import { connect, createServer, Socket } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import {
  ArrivalWatch,
  type PortRange,
  ReservedPorts,
  ReservedPortsError,
} from '../../src/ports/reserved-ports.ts'
import { openDescriptors } from '../support/descriptors.ts'
import { insideNamespace } from '../support/inside-namespace.ts'
import { plainEnvironment, plainNodeEnvironment } from '../support/network-namespace.ts'
import { RemoteHost } from '../support/remote-host.ts'
import { repositoryRoot } from '../support/repository.ts'
import { needs } from '../support/requirements.ts'
import { until } from '../system/support/until.ts'

const FREE_PORT = 9

/** Asks for what is the machine's own behind the link `one`. */
const LOCAL_OF_ONE = ['-6', 'route', 'show', 'table', 'local', 'dev', 'one']

const range = (overrides: Partial<PortRange> = {}): PortRange => ({
  address: '',
  protocol: 'tcp',
  first: 3000,
  last: 3000,
  ...overrides,
})

/** Reserves, runs, and gives back whatever happened. */
async function reserved(wanted: PortRange, body: (ports: ReservedPorts) => unknown): Promise<void> {
  const ports = new ReservedPorts(wanted)
  try {
    await body(ports)
  } finally {
    ports.close()
  }
}

/** The same, with the arrivals; `ready` resolves when something has arrived. */
async function watched(
  wanted: PortRange,
  body: (watch: ArrivalWatch, ready: () => Promise<void>, ports: ReservedPorts) => unknown,
): Promise<void> {
  let calls = 0
  let told = (): void => undefined
  const watch = new ArrivalWatch(() => {
    calls++
    told()
  })
  const ready = async (): Promise<void> => {
    if (calls === 0) {
      await new Promise<void>((resolve) => {
        told = resolve
      })
    }
    calls--
  }
  // What waits keeps no process alive, and a test has nothing else.
  const alive = setInterval(() => undefined, 1000)
  const ports = new ReservedPorts(wanted, { watch, tag: 7 })
  try {
    await body(watch, ready, ports)
  } finally {
    ports.close()
    watch.close()
    clearInterval(alive)
  }
}

function fails(wanted: PortRange, code: string, port: number, message: RegExp, hint: RegExp): void {
  const descriptors = openDescriptors()
  assert.throws(
    () => new ReservedPorts(wanted),
    (error) => {
      assert.ok(error instanceof ReservedPortsError)
      assert.equal(error.code, code)
      assert.equal(error.port, port)
      assert.match(error.message, message)
      assert.match(error.hint, hint)
      return true
    },
  )
  assert.deepEqual(openDescriptors(), descriptors)
}

insideNamespace(import.meta.url, () => {
  describe('to the network', fromOutside)
  describe('among programs', among)
  describe('arrivals', arrivals)
  describe('errors', errors)
})

function fromOutside(): void {
  let remote: RemoteHost
  before(() => {
    remote = new RemoteHost()
  })
  after(() => remote.remove())

  const asked = (port: PortRange, address: string) =>
    remote.ask(port.protocol, address, port.first, FREE_PORT)

  for (const protocol of ['tcp', 'udp'] as const) {
    for (const [kind, address] of Object.entries(RemoteHost.near)) {
      it(`a reserved port of ${protocol} is silent over ${kind}, a free one refuses`, async () => {
        // One for itself, and one of a range so long that its filter is shared.
        for (const last of [3000, 3100]) {
          await reserved(range({ protocol, last }), async (ports) => {
            assert.equal(await asked(ports.range, address), 'silent')
          })
          await watched(range({ protocol, last }), async (watch, _ready, ports) => {
            assert.equal(await asked(ports.range, address), 'silent')
            assert.equal(protocol === 'tcp' ? watch.accept() : watch.receive(new Uint8Array(9)), undefined)
          })
        }
        assert.equal(await asked(range({ protocol }), address), 'ECONNREFUSED')
      })
    }
  }

  it('is silent without the right to share a filter as well', { skip: needs('setpriv') }, async () => {
    const script = `import { ReservedPorts } from './dist/src/ports/reserved-ports.js'
      globalThis.ports = new ReservedPorts({ address: '', protocol: 'tcp', first: 3000, last: 3100 })
      console.log('reserved')
      process.stdin.resume()`
    const without = ['--bounding-set=-sys_admin,-bpf', '--inh-caps=-all']
    const child = spawn('setpriv', [...without, process.execPath, '--input-type=module', '-e', script], {
      env: plainNodeEnvironment(),
      cwd: repositoryRoot,
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    try {
      await once(child.stdout, 'data')
      assert.equal(await asked(range(), RemoteHost.near.ipv4), 'silent')
    } finally {
      child.stdin.end()
      await once(child, 'exit')
    }
  })
}

function among(): void {
  const inUse = (overrides: Partial<PortRange>, port: number): void =>
    fails(
      range(overrides),
      'EADDRINUSE',
      port,
      new RegExp(`:${port}/.*: address already in use$`),
      /ss -[tu]lnp/,
    )

  it('two of ours conflict, whatever they deliver; and none is left of a range that was not to be had', async () => {
    for (const protocol of ['tcp', 'udp'] as const) {
      await reserved(range({ protocol, first: 3010, last: 3010 }), () => {
        inUse({ protocol, last: 3020 }, 3010)
        inUse({ protocol, address: '127.0.0.1', last: 3020 }, 3010)
        new ReservedPorts(range({ protocol, last: 3009 })).close()
      })
      await watched(range({ protocol, first: 3010, last: 3010 }), () => inUse({ protocol, last: 3020 }, 3010))
      new ReservedPorts(range({ protocol, last: 3020 })).close()
    }
  })

  it('TCP and UDP do not, nor do two addresses', async () => {
    await reserved(range(), async () => {
      await reserved(range({ protocol: 'udp' }), () => undefined)
    })
    await reserved(range({ address: '127.0.0.1' }), async () => {
      await reserved(range({ address: '127.0.0.2' }), async () => {
        await reserved(range({ address: '::1' }), () => undefined)
      })
    })
    await reserved(range({ address: '0.0.0.0' }), async () => {
      await reserved(range({ address: '::' }), () => undefined)
    })
  })

  it('a port that a program listens at is in use, on whichever address it does', async () => {
    for (const host of ['0.0.0.0', '::', '127.0.0.1', '::1']) {
      const server = createServer().listen(3005, host)
      await once(server, 'listening')
      inUse({ last: 3010 }, 3005)
      server.close()
      await once(server, 'close')
    }
    const socket = createSocket('udp4').bind(3005, '127.0.0.1')
    await once(socket, 'listening')
    inUse({ protocol: 'udp', last: 3010 }, 3005)
    socket.close()
  })

  it('a program cannot have a port of ours', async () => {
    await reserved(range(), async () => {
      for (const host of ['0.0.0.0', '::', '127.0.0.1']) {
        const server = createServer().listen(3000, host)
        const [error] = (await once(server, 'error')) as [NodeJS.ErrnoException]
        assert.equal(error.code, 'EADDRINUSE')
      }
    })
  })

  it('takes ten thousand ports, and gives all back', async () => {
    const before = openDescriptors().length
    for (const protocol of ['tcp', 'udp'] as const) {
      await watched(range({ protocol, first: 20_000, last: 29_999 }), () => {
        assert.ok(openDescriptors().length >= before + 10_000)
      })
      assert.equal(openDescriptors().length, before)
    }
  })

  it('names the lowest port that was not to be had, wherever in a long range it is', async () => {
    for (const protocol of ['tcp', 'udp'] as const) {
      const long = { protocol, first: 20_000, last: 29_999 }
      await reserved(range({ protocol, first: 28_000, last: 28_001 }), async () => {
        inUse(long, 28_000)
        await reserved(range({ protocol, first: 21_000, last: 21_000 }), () => inUse(long, 21_000))
      })
      new ReservedPorts(range(long)).close()
    }
  })

  it('a port can be had again while former connections rest', async () => {
    await watched(range(), async (watch, ready) => {
      const client = connect(3000, '127.0.0.1')
      await ready()
      const arrival = watch.accept()
      assert.ok(arrival)
      // Who closes first has the rest.
      closeSync(arrival.descriptor)
      client.resume()
      await once(client, 'close')
    })
    await reserved(range(), () => undefined)
  })
}

function arrivals(): void {
  for (const address of ['127.0.0.1', '::1', '127.9.9.9']) {
    it(`a connection to ${address}, with the port that it came to`, async () => {
      await watched(range({ last: 3020 }), async (watch, ready) => {
        const client = connect(3011, address)
        await ready()
        const arrival = watch.accept()
        assert.ok(arrival)
        assert.deepEqual([arrival.tag, arrival.index], [7, 11])
        assert.equal(watch.accept(), undefined)
        const accepted = new Socket({ fd: arrival.descriptor })
        accepted.end('hello')
        const [data] = (await once(client, 'data')) as [Buffer]
        assert.equal(data.toString(), 'hello')
        client.destroy()
        accepted.destroy()
      })
    })
  }

  it('datagrams, with who sent them to which address; the answer comes from there', async () => {
    await watched(range({ protocol: 'udp', last: 3020 }), async (watch, ready, ports) => {
      const room = new Uint8Array(2000)
      for (const [type, address] of [
        ['udp4', '127.0.0.1'],
        ['udp4', '127.9.9.9'],
        ['udp6', '::1'],
      ] as const) {
        const client = createSocket(type)
        client.send('question', 3012, address)
        await ready()
        const datagram = watch.receive(room)
        assert.ok(datagram)
        assert.deepEqual([datagram.tag, datagram.index, datagram.size], [7, 12, 8])
        assert.equal(datagram.localAddress, address)
        assert.equal(datagram.remotePort, client.address().port)
        assert.equal(watch.receive(room), undefined)
        watch.resume()
        ports.answer(datagram, Buffer.from('answer'))
        const [answer, from] = (await once(client, 'message')) as [Buffer, { address: string; port: number }]
        assert.deepEqual([answer.toString(), from.address, from.port], ['answer', address, 3012])
        client.close()
      }
    })
  })

  it('to a link-local address of the machine, which needs its link', async () => {
    execFileSync('ip', ['link', 'add', 'one', 'type', 'veth', 'peer', 'name', 'two'])
    execFileSync('ip', ['link', 'set', 'one', 'addrgenmode', 'none', 'up'])
    execFileSync('ip', ['address', 'add', 'fe80::77/64', 'dev', 'one', 'nodad'])
    // The kernel has a worker make it an address of its own, some time later.
    await until('the address is local', () =>
      execFileSync('ip', LOCAL_OF_ONE, { encoding: 'utf8', env: plainEnvironment() }).includes('fe80::77'),
    )
    await watched(range({ protocol: 'udp' }), async (watch, ready, ports) => {
      const client = createSocket('udp6')
      client.send('question', 3000, 'fe80::77%one')
      await ready()
      const datagram = watch.receive(new Uint8Array(2000))
      assert.ok(datagram)
      assert.match(datagram.remoteAddress, /^fe80::77%\d+$/)
      assert.equal(datagram.localAddress, datagram.remoteAddress)
      ports.answer(datagram, Buffer.from('answer'))
      const [answer, from] = (await once(client, 'message')) as [Buffer, { address: string }]
      assert.deepEqual([answer.toString(), from.address], ['answer', 'fe80::77%one'])
      client.close()
    })
    execFileSync('ip', ['link', 'delete', 'one'])
  })

  it('on an IPv4 socket as well', async () => {
    await watched(range({ protocol: 'udp', address: '0.0.0.0' }), async (watch, ready, ports) => {
      const client = createSocket('udp4')
      client.send('question', 3000, '127.0.0.5')
      await ready()
      const datagram = watch.receive(new Uint8Array(4))
      assert.equal(datagram?.localAddress, '127.0.0.5')
      assert.equal(datagram.size, 4)
      ports.answer(datagram, Buffer.from('answer'))
      const [, from] = (await once(client, 'message')) as [Buffer, { address: string }]
      assert.equal(from.address, '127.0.0.5')
      assert.throws(() => ports.answer({ ...datagram, index: 1 }, new Uint8Array(1)), { code: 'ERANGE' })
      assert.throws(() => ports.answer({ ...datagram, remoteAddress: 'x' }, new Uint8Array(1)), {
        code: 'EINVAL',
      })
      client.close()
    })
  })

  it('are told once, and again after each resume as long as something waits', async () => {
    const told = { calls: 0 }
    const watch = new ArrivalWatch(() => told.calls++)
    const ports = new ReservedPorts(range(), { watch, tag: 1 })
    const clients = [connect(3000, '127.0.0.1'), connect(3000, '127.0.0.1')]
    for (const client of clients) await once(client, 'connect')
    while (told.calls === 0) await setImmediate()
    watch.resume()
    while (told.calls === 1) await setImmediate()
    for (let taken = 0; taken < 2; taken++) {
      const arrival = watch.accept()
      assert.ok(arrival)
      closeSync(arrival.descriptor)
    }
    watch.resume()
    for (const client of clients) client.destroy()
    ports.close()
    watch.close()
    watch.close()
    assert.equal(told.calls, 2)
    assert.throws(() => watch.accept(), { code: 'EBADF' })
    assert.throws(() => watch.resume(), { code: 'EBADF' })
    assert.throws(() => new ReservedPorts(range(), { watch, tag: 1 }), TypeError)
  })

  it('are free again when they are released in the background, and nothing arrives meanwhile', async () => {
    const before = openDescriptors().length
    const watch = new ArrivalWatch(() => undefined)
    const many = range({ last: 3999 })
    const ports = new ReservedPorts(many, { watch, tag: 1 })
    const client = connect(3000, '127.0.0.1').on('error', () => undefined)
    await once(client, 'connect')
    const closed = new Promise((resolve) => client.once('close', resolve))
    const released = ports.release()
    assert.equal(watch.accept(), undefined)
    await Promise.all([released, ports.release(), closed])
    const again = new ReservedPorts(many, { watch, tag: 2 })
    ports.close()
    assert.throws(() => new ReservedPorts(many), { code: 'EADDRINUSE' })
    await again.release()
    again.close()
    await again.release()
    watch.close()
    assert.equal(openDescriptors().length, before)
  })

  it('a worker that ends while it releases ports leaves nothing behind', async () => {
    const { Worker } = await import('node:worker_threads')
    const before = openDescriptors().length
    const url = new URL('../../src/ports/reserved-ports.js', import.meta.url).href
    const script = `import(${JSON.stringify(url)}).then(({ ReservedPorts }) => {
      const ports = new ReservedPorts({ address: '', protocol: 'tcp', first: 3000, last: 3999 })
      void ports.release()
      process.exit()
    })`
    await once(new Worker(script, { eval: true }), 'exit')
    new ReservedPorts(range({ last: 3999 })).close()
    assert.equal(openDescriptors().length, before)
  })

  it('a worker that ends with ports and a watch open leaves nothing behind', async () => {
    const { Worker } = await import('node:worker_threads')
    const before = openDescriptors().length
    const url = new URL('../../src/ports/reserved-ports.js', import.meta.url).href
    const script = `import(${JSON.stringify(url)}).then(({ ArrivalWatch, ReservedPorts }) => {
      const watch = new ArrivalWatch(() => undefined)
      globalThis.kept = [watch, new ReservedPorts({ address: '', protocol: 'tcp', first: 3000, last: 3050 }, { watch, tag: 0 })]
      require('node:worker_threads').parentPort.postMessage('ready')
      setInterval(() => undefined, 1000)
    })`
    const worker = new Worker(script, { eval: true })
    await once(worker, 'message')
    const client = connect(3000, '127.0.0.1').on('error', () => undefined)
    await once(client, 'connect')
    const closed = new Promise((resolve) => client.once('close', resolve))
    await worker.terminate()
    await closed
    new ReservedPorts(range({ last: 3050 })).close()
    assert.equal(openDescriptors().length, before)
  })
}

function errors(): void {
  it('an address that the machine does not have', () => {
    fails(
      range({ address: '198.51.100.7' }),
      'EADDRNOTAVAIL',
      3000,
      /^198\.51\.100\.7 is not an address of this machine \(EADDRNOTAVAIL\)$/,
      /ip address/,
    )
    fails(range({ address: '2001:db8:7::7' }), 'EADDRNOTAVAIL', 3000, /^2001:db8:7::7 is not/, /ip address/)
  })

  it('what is no address', () => {
    for (const address of ['localhost', '1.2.3', '1.2.3.4.5', '::g', 'fe80::1%lo']) {
      fails(range({ address }), 'EINVAL', 3000, /is not an IP address/, /ip address/)
    }
  })

  it('more ports than there are descriptors', { skip: needs('prlimit') }, () => {
    const script = `import { ReservedPorts } from './dist/src/ports/reserved-ports.js'
      import { readdirSync } from 'node:fs'
      const before = readdirSync('/proc/self/fd').length
      try { new ReservedPorts({ address: '', protocol: 'udp', first: 3000, last: 3999 }) }
      catch ({ code, message, hint }) {
        console.log(JSON.stringify({ code, message, hint, left: readdirSync('/proc/self/fd').length - before }))
      }`
    const error = JSON.parse(runNode(['prlimit', '--nofile=256:256'], script)) as Record<string, unknown>
    assert.equal(error['code'], 'EMFILE')
    assert.match(String(error['message']), /^too few file descriptors for 1000 ports/)
    assert.match(String(error['hint']), /ulimit -n/)
    assert.equal(error['left'], 0)
  })

  it('a port that needs a capability', { skip: needs('setpriv') }, () => {
    const script = `import { ReservedPorts } from './dist/src/ports/reserved-ports.js'
      try { new ReservedPorts({ address: '', protocol: 'tcp', first: 80, last: 80 }) }
      catch ({ code, message, hint }) { console.log(JSON.stringify({ code, message, hint })) }`
    const without = ['setpriv', '--bounding-set=-net_bind_service', '--inh-caps=-all']
    const error = JSON.parse(runNode(without, script)) as Record<string, unknown>
    assert.equal(error['code'], 'EACCES')
    assert.equal(error['message'], 'not allowed to take 0.0.0.0:80/tcp (EACCES)')
    assert.match(String(error['hint']), /CAP_NET_BIND_SERVICE/)
  })

  it('filters that need a capability', { skip: needs('setpriv') }, () => {
    const script = `import { ReservedPorts } from './dist/src/ports/reserved-ports.js'
      try { new ReservedPorts({ address: '', protocol: 'tcp', first: 3000, last: 3000 }); console.log('{}') }
      catch ({ code, message, hint }) { console.log(JSON.stringify({ code, message, hint })) }`
    const without = ['setpriv', '--bounding-set=-net_admin,-bpf,-sys_admin', '--inh-caps=-all']
    const error = JSON.parse(runNode(without, script)) as Record<string, unknown>
    // Not every kernel asks for one.
    if (error['code'] === undefined) return
    assert.equal(error['code'], 'EPERM')
    assert.match(String(error['hint']), /CAP_NET_ADMIN/)
  })

  it('works where IPv6 is disabled', async () => {
    const setting = '/proc/sys/net/ipv6/conf/all/disable_ipv6'
    writeFileSync(setting, '1')
    try {
      await watched(range(), async (watch, ready) => {
        const client = connect(3000, '127.0.0.1')
        await ready()
        const arrival = watch.accept()
        assert.ok(arrival)
        closeSync(arrival.descriptor)
        client.destroy()
      })
    } finally {
      writeFileSync(setting, '0')
    }
  })

  it('refuses what is no range', () => {
    for (const wrong of [{ first: 0 }, { first: 3001 }, { last: 65_536 }, { last: 3000.5 }, { first: -1 }]) {
      assert.throws(() => new ReservedPorts(range(wrong)), TypeError)
    }
  })
}

function runNode(command: readonly string[], script: string): string {
  const [program = '', ...first] = command
  const args = [...first, process.execPath, '--input-type=module', '-e', script]
  return execFileSync(program, args, { encoding: 'utf8', env: plainNodeEnvironment(), cwd: repositoryRoot })
}
