import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { HostServers } from '../../../src/daemon/dns/host-servers.ts'
import { openDescriptors } from '../../support/descriptors.ts'

let folder: string
let open: HostServers[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tapwire-resolv-'))
})
afterEach(() => {
  for (const servers of open) servers.close()
  open = []
  rmSync(folder, { recursive: true, force: true })
})

const at = (name: string): string => join(folder, name)
const file = (...servers: readonly string[]): string =>
  `# the machine's\nsearch example\n${servers.map((server) => `nameserver ${server}\n`).join('')}`

/** Watches `resolv.conf` of the folder; `next` is the servers at the next change. */
function watching(path = at('resolv.conf')): {
  servers: HostServers
  next: () => Promise<readonly string[]>
} {
  const changes: (readonly string[])[] = []
  let told: (() => void) | undefined
  const servers = new HostServers({
    resolvConf: path,
    resolvConfBehindStub: at('behind.conf'),
    // Nothing but the watches tells of a change.
    lookMs: 2 ** 30,
    changed: (now) => {
      changes.push(now)
      told?.()
    },
  })
  open.push(servers)
  changes.length = 0
  return {
    servers,
    next: async () => {
      if (changes.length === 0) {
        // Watches alone keep no process from ending.
        const awake = setInterval(() => undefined, 1000)
        await new Promise<void>((resolve) => {
          told = resolve
        })
        clearInterval(awake)
      }
      return changes.shift()!
    },
  }
}

describe("the machine's name servers", () => {
  it('are those of the file: addresses, each once, three at most', () => {
    writeFileSync(
      at('resolv.conf'),
      file('192.0.2.1', 'example.org', '192.0.2.1', 'fe80::1%eth0', '1.2.3', '2001:db8::1', '192.0.2.4'),
    )
    assert.deepEqual(watching().servers.servers, ['192.0.2.1', 'fe80::1%eth0', '2001:db8::1'])
  })

  it('are those behind the stub of systemd-resolved, as long as they are known', async () => {
    writeFileSync(at('resolv.conf'), file('127.0.0.53'))
    writeFileSync(at('behind.conf'), file('192.0.2.1'))
    const { servers, next } = watching()
    assert.deepEqual(servers.servers, ['192.0.2.1'])
    writeFileSync(at('behind.conf.new'), file('192.0.2.2'))
    renameSync(at('behind.conf.new'), at('behind.conf'))
    assert.deepEqual(await next(), ['192.0.2.2'])
    unlinkSync(at('behind.conf'))
    assert.deepEqual(await next(), ['127.0.0.53'])
  })

  it('follow a file that is written anew', async () => {
    writeFileSync(at('resolv.conf'), file('192.0.2.1'))
    const { next } = watching()
    writeFileSync(at('resolv.conf'), file('192.0.2.2'))
    assert.deepEqual(await next(), ['192.0.2.2'])
  })

  it('follow a file that is replaced, again and again', async () => {
    writeFileSync(at('resolv.conf'), file('192.0.2.1'))
    const { next } = watching()
    for (const server of ['192.0.2.2', '192.0.2.3', '192.0.2.4']) {
      writeFileSync(at('new'), file(server))
      renameSync(at('new'), at('resolv.conf'))
      assert.deepEqual(await next(), [server])
    }
  })

  it('follow a link that leads elsewhere, and the file that it leads to', async () => {
    for (const name of ['a', 'b']) {
      mkdirSync(at(name))
      writeFileSync(at(`${name}/resolv.conf`), file(`192.0.2.${name === 'a' ? 1 : 2}`))
    }
    symlinkSync('a/resolv.conf', at('resolv.conf'))
    const { servers, next } = watching()
    assert.deepEqual(servers.servers, ['192.0.2.1'])
    symlinkSync('b/resolv.conf', at('link'))
    renameSync(at('link'), at('resolv.conf'))
    assert.deepEqual(await next(), ['192.0.2.2'])
    writeFileSync(at('b/new'), file('192.0.2.3'))
    renameSync(at('b/new'), at('b/resolv.conf'))
    assert.deepEqual(await next(), ['192.0.2.3'])
  })

  it('are none while there is no file', async () => {
    const { servers, next } = watching()
    assert.deepEqual(servers.servers, [])
    writeFileSync(at('resolv.conf'), file('192.0.2.1'))
    assert.deepEqual(await next(), ['192.0.2.1'])
    unlinkSync(at('resolv.conf'))
    assert.deepEqual(await next(), [])
  })

  it('are no news where another line has changed', async () => {
    writeFileSync(at('resolv.conf'), file('192.0.2.1'))
    const { servers, next } = watching()
    writeFileSync(at('resolv.conf'), `${file('192.0.2.1')}options ndots:2\n`)
    servers.look()
    writeFileSync(at('resolv.conf'), file('192.0.2.9'))
    assert.deepEqual(await next(), ['192.0.2.9'])
  })

  it('are found in a folder that comes later', () => {
    const { servers } = watching(at('later/resolv.conf'))
    mkdirSync(at('later'))
    writeFileSync(at('later/resolv.conf'), file('192.0.2.1'))
    servers.look()
    assert.deepEqual(servers.servers, ['192.0.2.1'])
  })

  it('are watched no more when it is closed, and nothing is left open', () => {
    writeFileSync(at('resolv.conf'), file('192.0.2.1'))
    // libuv has one descriptor for all watches, which stays.
    const first = watching().servers
    const before = openDescriptors()
    for (let times = 0; times < 20; times++) watching().servers.close()
    assert.deepEqual(openDescriptors(), before)
    first.close()
  })
})
