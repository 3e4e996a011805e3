/** Which daemon a command talks to, how it is started where none runs, and how the client judges its answers. */
import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { daemonAddress } from '../../src/cli/daemon-address.ts'
import { CliHarness, type CliResult } from './cli-harness.ts'
import { FakeControl } from './fake-control.ts'

const daemonProgram = fileURLToPath(new URL('fake-root-daemon.js', import.meta.url))

let harness: CliHarness

beforeEach(() => {
  harness = new CliHarness()
})

afterEach(async () => {
  if (existsSync(join(harness.root, 'lock'))) await tapwire(['daemon', 'stop'])
  harness.remove()
})

function tapwire(args: readonly string[], env: Record<string, string> = {}): Promise<CliResult> {
  return harness.tapwire(args, { env, daemonProgram })
}

const EMPTY_LIST = 'NETWORK ID   NAME      DRIVER    SCOPE\n'

describe('a command without a daemon', () => {
  it('starts one, which the next one finds', async () => {
    assert.deepEqual(await tapwire(['network', 'ls']), { code: 0, out: EMPTY_LIST, err: '' })
    assert.deepEqual(await tapwire(['--root', harness.root, 'network', 'ls'], { TAPWIRE_ROOT: '' }), {
      code: 0,
      out: EMPTY_LIST,
      err: '',
    })
    assert.match((await tapwire(['version'])).out, /^Server:\n Version: +0\.1\.0$/m)
  })

  it('finds the daemon of another one that is faster', async () => {
    const results = await Promise.all([1, 2, 3].map(() => tapwire(['network', 'ls', '-q'])))
    for (const result of results) assert.deepEqual(result, { code: 0, out: '', err: '' })
  })

  it('tells why the daemon cannot start, from its pipe or from its log', async () => {
    assert.deepEqual(await tapwire(['network', 'ls'], { FAKE_DAEMON: 'refuse' }), {
      code: 1,
      out: '',
      err: 'tapwire: Opening /dev/net/tun is forbidden.\nhint: Run as root.\n',
    })
    assert.equal(
      (await tapwire(['network', 'ls'], { FAKE_DAEMON: 'crash' })).err,
      `tapwire: The daemon has ended: Error: nothing works\nhint: Its log is ${harness.root}/daemon.log.\n`,
    )
  })

  it('starts none where only a socket is named, and where it only looks', async () => {
    const socket = join(harness.folder, 's')
    for (const args of [
      ['--host', `unix://${socket}`],
      ['--socket', socket],
    ]) {
      const { code, err } = await tapwire([...args, 'network', 'ls'], { TAPWIRE_ROOT: '' })
      assert.equal(code, 1)
      assert.match(
        err,
        /^tapwire: Cannot connect to the Tapwire daemon at unix:.*\/s\. Is the daemon running\?\nhint: Start one with/,
      )
    }
    assert.match((await tapwire(['version'])).out, /\nServer: does not run\n$/)
    assert.equal((await tapwire(['info'])).code, 1)
    assert.equal((await tapwire(['daemon', 'stop'])).code, 1)
    assert.equal(existsSync(harness.root), false)
  })
})

describe('tapwire daemon stop', () => {
  it('ends the daemon', async () => {
    await tapwire(['network', 'ls'])
    assert.deepEqual(await tapwire(['daemon', 'stop']), { code: 0, out: '', err: '' })
    assert.match((await tapwire(['version'])).out, /Server: does not run/)
  })
})

describe('the address', () => {
  const usual = { root: '/var/lib/tapwire', socket: '/run/tapwire/tapwire.sock' }

  it('is of the usual daemon, or what options and the environment say, options first', () => {
    assert.deepEqual(daemonAddress({}, {}), usual)
    assert.deepEqual(daemonAddress({ root: '/var/lib/tapwire/' }, {}), usual)
    assert.deepEqual(daemonAddress({ root: '/a' }, {}), { root: '/a', socket: '/a/tapwire.sock' })
    assert.deepEqual(daemonAddress({}, { TAPWIRE_ROOT: '/b' }), { root: '/b', socket: '/b/tapwire.sock' })
    assert.deepEqual(daemonAddress({ root: '/a' }, { TAPWIRE_ROOT: '/b', TAPWIRE_HOST: '/c' }), {
      root: '/a',
      socket: '/a/tapwire.sock',
    })
    assert.deepEqual(daemonAddress({}, { TAPWIRE_HOST: 'unix:///c' }), { root: undefined, socket: '/c' })
    assert.deepEqual(daemonAddress({ root: '/a', socket: '/s' }, {}), { root: '/a', socket: '/s' })
    assert.deepEqual(daemonAddress({ host: '/s' }, { TAPWIRE_ROOT: '/b' }), { root: undefined, socket: '/s' })
    assert.deepEqual(daemonAddress({ host: '/s' }, {}), { root: undefined, socket: '/s' })
  })

  it('is refused where it is none', () => {
    assert.throws(() => daemonAddress({ host: 'tcp://1.2.3.4:5' }, {}), /is on a Unix socket, not at tcp:/)
    for (const [options, env] of [
      [{ host: 'foo' }, {}],
      [{ host: './x.sock' }, {}],
      [{}, { TAPWIRE_HOST: 'foo' }],
    ] as const) {
      assert.throws(() => daemonAddress(options, env), /^TapwireError: '.*' names no daemon\.$/)
    }
    assert.deepEqual(daemonAddress({}, { TAPWIRE_HOST: '' }), usual)
    assert.throws(() => daemonAddress({ host: 'unix://x' }, {}), /is no absolute path/)
    assert.throws(() => daemonAddress({ host: '/s', socket: '/s' }, {}), /both name the socket/)
    assert.throws(
      () => daemonAddress({ root: `/${'x'.repeat(100)}` }, {}),
      /has 114 bytes; a socket's path can have 107/,
    )
  })
})

describe('an answer', () => {
  it('of another version of the API is refused', async () => {
    const control = await FakeControl.serve(join(harness.folder, 's'))
    control.answers.set('GET /networks', () => [])
    for (const [version, told] of [
      ['2', 'version 2'],
      [undefined, 'no version'],
    ] as const) {
      control.version = version
      const { code, err } = await tapwire(['--host', control.socket, 'network', 'ls'])
      assert.equal(code, 1)
      assert.match(
        err,
        new RegExp(
          `^tapwire: The daemon at unix:.* speaks ${told} of the API, and this program version 1\\.\nhint: `,
        ),
      )
    }
    await control.close()
  })

  it('that is broken, or breaks off, is told', async () => {
    const head = 'HTTP/1.1 200 OK\r\nTapwire-Api-Version: 1\r\n'
    const broken: [string, RegExp][] = [
      [`${head}Content-Length: 1\r\n\r\n[`, /The daemon answers \/networks with something unknown\./],
      [`${head}Content-Length: 100\r\n\r\n[`, /cannot be reached: aborted\./],
      ['nonsense\r\n\r\n', /cannot be reached: Parse Error/],
      ['', /cannot be reached: socket hang up\./],
      ['HTTP/1.1 500 No\r\nTapwire-Api-Version: 1\r\nContent-Length: 0\r\n\r\n', /with something unknown\./],
    ]
    const socket = join(harness.folder, 's')
    let text = ''
    const server: Server = createServer((connection) => connection.resume().end(text))
    await new Promise<void>((resolve) => server.listen(socket, resolve))
    for (const [answer, expected] of broken) {
      text = answer
      const { code, err } = await tapwire(['--host', socket, 'network', 'ls'])
      assert.equal(code, 1)
      assert.match(err, expected)
    }
    await new Promise((resolve) => server.close(resolve))
  })

  it('cannot come from a file', async () => {
    const path = join(harness.folder, 'file')
    writeFileSync(path, '')
    assert.match(
      (await tapwire(['--host', path, 'network', 'ls'])).err,
      /Cannot connect to the Tapwire daemon/,
    )
  })
})
