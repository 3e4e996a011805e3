/** The daemons of hosts as another daemon reaches them: their places, and what happens where they hang or go away. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { ErrorCode, TapwireError } from '../../src/control/errors.ts'
import { parseLab } from '../../src/control/lab-file.ts'
import { HostDaemons } from '../../src/daemon/lab-hosts.ts'
import { RemoteLabs } from '../../src/daemon/remote-labs.ts'
import { SOCKET_PATH_MAX } from '../../src/limits.ts'

let folder: string
let server: Server | undefined

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tw-hosts-'))
})

afterEach(async () => {
  server?.closeAllConnections()
  server?.close()
  server = undefined
  rmSync(folder, { recursive: true, force: true })
})

async function serve(socket: string, listener: RequestListener): Promise<Server> {
  server = createServer(listener)
  server.listen(socket)
  await once(server, 'listening')
  return server
}

const running = { State: { Running: true, ExitCode: 0 } }

function hostsIn(root: string): HostDaemons {
  return new HostDaemons({
    root,
    io: 'auto',
    control: { inspectSandbox: () => running as never },
    readyTimeoutMs: 50,
  })
}

const failed = (code: string, text: RegExp) => (error: unknown) => {
  assert.ok(error instanceof TapwireError, String(error))
  assert.equal(error.code, code)
  assert.match(error.message, text)
  return true
}

const LAB = parseLab('networks: { web: }\n', 'lab.yaml', '/')
const STEPS = { step: async (_: string, action: () => Promise<unknown>) => void (await action()) }
const QUICK = { probeIntervalMs: 5, probeTimeoutMs: 50 }

describe('the folder of a host', () => {
  const NAMES: readonly (readonly [string, string])[] = [
    ['../..', 'x'],
    ['lab', '../../x'],
    ['..', '.'],
    ['a/b', 'x'],
    ['lab', ''],
    ['', ''],
    ['lab\0', 'x'],
    ['Lab', 'x'],
    ['a'.repeat(33), 'x'],
  ]

  it('is in the root, whatever the lab and the host are called', async () => {
    const root = join(folder, 'a/b/root')
    const outside = join(folder, 'a/b/x')
    mkdirSync(outside, { recursive: true })
    const hosts = hostsIn(root)
    for (const [lab, host] of NAMES) {
      const refused = failed(ErrorCode.badRequest, /does not name a lab and a host/)
      await assert.rejects(hosts.remove(lab, host), refused)
      await assert.rejects(hosts.labs(lab, host), refused)
      assert.throws(() => hosts.command(lab, host), refused)
      assert.throws(() => hosts.socket(lab, host), refused)
    }
    assert.ok(existsSync(outside))
    const inside = join(root, 'hosts/lab.left')
    mkdirSync(inside, { recursive: true })
    await hosts.remove('lab', 'left')
    assert.ok(!existsSync(inside))
  })

  it('is refused where its socket would have too long a path, before there is anything', () => {
    const root = `/${'r'.repeat(50)}`
    const room = SOCKET_PATH_MAX - `${root}/hosts/.left/tapwire.sock`.length
    const hosts = hostsIn(root)
    assert.ok(hosts.command('a'.repeat(room), 'left').includes('--socket'))
    assert.throws(
      () => hosts.command('a'.repeat(room + 1), 'left'),
      failed(ErrorCode.labFileInvalid, /host 'left' would be .*, of 108 bytes; a socket's path can have 107/),
    )
  })
})

describe('the daemon of a host', () => {
  it('that takes connections and never answers is not waited for without end', async () => {
    const hosts = hostsIn(folder)
    mkdirSync(join(folder, 'hosts/lab.left'), { recursive: true })
    await serve(hosts.socket('lab', 'left'), () => {})
    await assert.rejects(
      hosts.labs('lab', 'left'),
      failed(ErrorCode.daemonUnreachable, /^The daemon of host 'left' does not answer within 0.05 s\.$/),
    )
  })

  it('that hangs while it does something is given up', async () => {
    const socket = join(folder, 's')
    await serve(socket, () => {})
    const labs = new RemoteLabs({ socket, name: "host 'left'", ...QUICK })
    const silent = failed(ErrorCode.daemonUnreachable, /^The daemon of host 'left' no longer answers\.$/)
    await assert.rejects(labs.up(LAB, STEPS), silent)
    await assert.rejects(labs.down('lab', STEPS), silent)
    await assert.rejects(labs.plan(LAB), silent)
    await assert.rejects(labs.save(undefined), silent)
  })

  it('that takes long and answers beside it is waited for', async () => {
    const socket = join(folder, 's')
    let probes = 0
    await serve(socket, ({ url }, response) => {
      if (url !== '/version') {
        response.write('{"step":"Make it","state":"start"}\n')
        server!.on('enough', () => response.end('{"ready":true,"actions":[]}\n'))
        return
      }
      response.end('{}')
      if (++probes === 5) server!.emit('enough')
    })
    const labs = new RemoteLabs({ socket, name: "host 'left'", ...QUICK, probeTimeoutMs: 10_000 })
    assert.deepEqual(await labs.up(LAB, STEPS), [])
  })

  it('that is killed in the middle has hung up', async () => {
    const socket = join(folder, 's')
    await serve(socket, (request, response) => {
      response.write('{"step":"Make it","state":"start"}\n', () => request.socket.destroy())
    })
    await assert.rejects(
      new RemoteLabs({ socket, name: "host 'left'" }).up(LAB, STEPS),
      failed(ErrorCode.daemonUnreachable, /^The daemon of host 'left' has hung up\.$/),
    )
  })

  it('is left when the one who asked goes away', async () => {
    const socket = join(folder, 's')
    const stop = new AbortController()
    await serve(socket, () => stop.abort())
    await assert.rejects(
      new RemoteLabs({ socket, name: "host 'left'" }).up(LAB, STEPS, stop.signal),
      failed(ErrorCode.interrupted, /^Interrupted\.$/),
    )
  })
})
