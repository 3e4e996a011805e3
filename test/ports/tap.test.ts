import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import {
  DESCRIPTOR_SHIFT,
  DESCRIPTOR_WORDS,
  VIRTIO_NET_HEADER_SIZE,
} from '../../src/datapath/frame-memory.ts'
import { MTU_MAX } from '../../src/limits.ts'
import { NativeFrameIo, openWake } from '../../src/ports/native-frame-io.ts'
import { discardTap, openTap, type Tap, TapError, TapFeature, type TapOptions } from '../../src/ports/tap.ts'
import * as virtio from '../../src/wire/virtio-net.ts'
import { openDescriptors } from '../support/descriptors.ts'
import { failures } from '../support/frame-io.ts'
import { NetworkNamespace, plainEnvironment } from '../support/network-namespace.ts'
import { repositoryRoot } from '../support/repository.ts'
import { needs, needsTap } from '../support/requirements.ts'

const MAC = Uint8Array.of(0x02, 0x42, 0x0a, 0x00, 0x00, 0x02)

describe('openTap', { skip: needsTap() || needs('ip') }, () => {
  let namespace: NetworkNamespace
  before(() => {
    namespace = new NetworkNamespace()
  })
  after(() => namespace.remove())

  /** Opens a TAP in the namespace, and closes it whatever happened. */
  async function withTap(
    options: Partial<TapOptions>,
    body: (tap: Tap) => void | Promise<void>,
  ): Promise<void> {
    const tap = openTap({ namespace: namespace.path, name: 't0', mtu: 1500, ...options })
    try {
      await body(tap)
    } finally {
      closeSync(tap.descriptor)
    }
  }

  describe('options', () => options(() => namespace, withTap))
  describe('persistence and queues', () => persistence(() => namespace, withTap))
  describe('errors', () => errors(() => namespace, withTap))
})

type WithTap = (options: Partial<TapOptions>, body: (tap: Tap) => void | Promise<void>) => Promise<void>

function options(namespace: () => NetworkNamespace, withTap: WithTap): void {
  it('name, MAC address, MTU and queue length are those of the interface', () =>
    withTap({ name: 'fifteen-bytes-x', mac: MAC, mtu: 9000 }, (tap) => {
      const link = namespace().link('fifteen-bytes-x')
      assert.equal(tap.name, 'fifteen-bytes-x')
      assert.equal(link?.address, '02:42:0a:00:00:02')
      assert.equal(link?.mtu, 9000)
      assert.equal(link?.txqlen, 1000)
      assert.equal(link?.linkinfo?.info_kind, 'tun')
      const { type, pi, vnet_hdr, multi_queue, persist } = link?.linkinfo?.info_data ?? {}
      assert.deepEqual(
        { type, pi, vnet_hdr, multi_queue, persist },
        { type: 'tap', pi: false, vnet_hdr: true, multi_queue: false, persist: false },
      )
    }))

  for (const mtu of [68, 576, MTU_MAX]) {
    it(`takes an MTU of ${mtu}`, () => withTap({ mtu }, () => assert.equal(namespace().link('t0')?.mtu, mtu)))
  }

  it('the kernel chooses a unicast MAC address of its own where none is given', () =>
    withTap({}, () => {
      const first = Number.parseInt(namespace().link('t0')?.address.slice(0, 2) ?? '', 16)
      assert.equal(first & 0b11, 0b10)
    }))

  it('the interface has the offloads that are said to be granted', { skip: needs('ethtool') }, () =>
    withTap({}, (tap) => {
      assert.ok(tap.virtio)
      for (const bit of [TapFeature.checksum, TapFeature.tso4, TapFeature.tso6]) {
        assert.ok((tap.features & bit) !== 0)
      }
      const shown = features(namespace(), 't0')
      assert.equal(shown.get('tx-checksumming'), 'on')
      assert.equal(shown.get('tx-tcp-segmentation'), 'on')
      assert.equal(shown.get('tx-tcp6-segmentation'), 'on')
      const uso = (tap.features & TapFeature.uso4) !== 0
      assert.equal(shown.get('tx-udp-segmentation')?.startsWith('on') ?? false, uso)
    }),
  )

  it('without offload there is none, and no virtio-net header', { skip: needs('ethtool') }, () =>
    withTap({ offload: false }, (tap) => {
      assert.equal(tap.virtio, false)
      assert.equal(tap.features, 0)
      assert.equal(namespace().link('t0')?.linkinfo?.info_data['vnet_hdr'], false)
      const shown = features(namespace(), 't0')
      for (const name of ['tx-checksumming', 'tx-tcp-segmentation', 'tx-tcp6-segmentation']) {
        assert.ok(shown.get(name)?.startsWith('off'), name)
      }
    }),
  )

  it('opens in the namespace that the process is in where none is given', () => {
    const output = runIn(
      ['ip', 'netns', 'exec', namespace().name],
      `openTap({ name: 'own', mtu: 1400 })
       console.log(execFileSync('ip', ['-o', 'link', 'show', 'own'], { encoding: 'utf8' }))`,
    )
    assert.match(output, /own: .* mtu 1400 /)
    assert.equal(namespace().link('own'), undefined)
  })

  it("takes the namespace as a path of any kind, as a process's", async () => {
    const resident = spawnIn(namespace(), `process.stdin.resume(); console.log('there')`)
    try {
      await once(resident.stdout, 'data')
      await withTap({ namespace: `/proc/${resident.pid}/ns/net` }, () => {
        assert.equal(namespace().links().length, 1)
      })
    } finally {
      resident.kill()
    }
  })

  it('leaves the process in its own namespace, however it ends', async () => {
    const own = (): string[] => ['self', 'thread-self'].map((which) => readlinkSync(`/proc/${which}/ns/net`))
    const before = own()
    await withTap({}, () => assert.deepEqual(own(), before))
    await withTap({ persistent: true }, () => assert.deepEqual(own(), before))
    namespace().ip('link', 'delete', 't0')
    for (const persistent of [false, true]) {
      assert.throws(() => openTap({ namespace: namespace().path, name: 't0', mtu: 1, persistent }))
      assert.deepEqual(own(), before)
    }
  })

  it('vanishes with its descriptor', async () => {
    const before = openDescriptors()
    await withTap({}, () => assert.equal(namespace().links().length, 1))
    assert.deepEqual(namespace().links(), [])
    assert.deepEqual(openDescriptors(), before)
  })
}

function persistence(namespace: () => NetworkNamespace, withTap: WithTap): void {
  it('a persistent TAP outlives its descriptor, and is taken up again by name', async () => {
    await withTap({ persistent: true, mac: MAC }, ({ takenUp }) => assert.equal(takenUp, false))
    assert.equal(namespace().link('t0')?.linkinfo?.info_data['persist'], true)
    await withTap({ persistent: true }, ({ takenUp }) => {
      assert.equal(takenUp, true)
      assert.equal(namespace().link('t0')?.address, '02:42:0a:00:00:02')
      assert.equal(namespace().links().length, 1)
      assert.throws(() => openTap({ namespace: namespace().path, name: 't0', mtu: 1500, persistent: true }), {
        name: 'TapError',
        code: 'EBUSY',
        message: `the interface name t0 is taken in ${namespace().path} (EBUSY)`,
      })
    })
    namespace().ip('link', 'delete', 't0')
    assert.deepEqual(namespace().links(), [])
  })

  it('a persistent TAP is taken up as it is, with all that was changed about it meanwhile', async () => {
    await withTap({ persistent: true, mac: MAC }, () => {
      namespace().ip(
        'link',
        'set',
        't0',
        'mtu',
        '1400',
        'address',
        '02:00:00:00:00:07',
        'txqueuelen',
        '77',
        'up',
      )
      namespace().ip('address', 'add', '10.1.2.3/24', 'dev', 't0')
    })
    assert.ok(!namespace().link('t0')?.flags.includes('LOWER_UP'))
    await withTap({ persistent: true, mac: MAC, mtu: 9000 }, () => {
      const { address, mtu, txqlen, flags } = namespace().link('t0')!
      assert.deepEqual({ address, mtu, txqlen }, { address: '02:00:00:00:00:07', mtu: 1400, txqlen: 77 })
      assert.ok(flags.includes('LOWER_UP'))
      assert.match(namespace().ip('-4', 'address', 'show', 't0'), /inet 10\.1\.2\.3\/24/)
    })
    namespace().ip('link', 'delete', 't0')
  })

  it('the offloads of a persistent TAP are those of whom it is taken up by', {
    skip: needs('ethtool'),
  }, async () => {
    for (const offload of [true, false, true]) {
      await withTap({ persistent: true, offload }, (tap) => {
        const wanted = offload ? TapFeature.checksum | TapFeature.tso4 : 0
        assert.equal(tap.features & (TapFeature.checksum | TapFeature.tso4), wanted)
        const shown = features(namespace(), 't0').get('tx-checksumming')
        assert.ok(shown?.startsWith(offload ? 'on' : 'off'), shown)
      })
    }
    namespace().ip('link', 'delete', 't0')
  })

  it('a TAP that nobody has use for goes again where it was made for it, and stays where it was there', () => {
    const first = openTap({ namespace: namespace().path, name: 't0', mtu: 1500, persistent: true })
    closeSync(first.descriptor)
    discardTap(openTap({ namespace: namespace().path, name: 't0', mtu: 1500, persistent: true }))
    assert.equal(namespace().links().length, 1)
    namespace().ip('link', 'delete', 't0')
    discardTap(openTap({ namespace: namespace().path, name: 't0', mtu: 1500, persistent: true }))
    assert.deepEqual(namespace().links(), [])
  })

  it('a persistent TAP that cannot be made as it should be leaves nothing behind', () => {
    for (const wrong of [{ mac: Uint8Array.of(1, 0, 0, 0, 0, 1) }, { mtu: 70_000 }]) {
      assert.throws(() =>
        openTap({ namespace: namespace().path, name: 't0', mtu: 1500, persistent: true, ...wrong }),
      )
      assert.deepEqual(namespace().links(), [])
    }
  })

  it('opens several queues of a persistent multi-queue TAP, but not as one of a single queue', () =>
    withTap({ persistent: true, multiQueue: true }, async () => {
      assert.equal(namespace().link('t0')?.linkinfo?.info_data['multi_queue'], true)
      await withTap({ persistent: true, multiQueue: true }, () => {
        assert.equal(namespace().link('t0')?.linkinfo?.info_data['numqueues'], 2)
      })
      assert.throws(() => openTap({ namespace: namespace().path, name: 't0', mtu: 1500, persistent: true }), {
        code: 'EINVAL',
        message: `the interface name t0 is taken in ${namespace().path} (EINVAL)`,
      })
      namespace().ip('link', 'delete', 't0')
    }))
}

function errors(namespace: () => NetworkNamespace, withTap: WithTap): void {
  const open = (overrides: Partial<TapOptions>) => () =>
    closeSync(openTap({ namespace: namespace().path, name: 't0', mtu: 1500, ...overrides }).descriptor)

  const fails = (overrides: Partial<TapOptions>, code: string, message: RegExp, hint: RegExp): void => {
    const before = openDescriptors()
    assert.throws(open(overrides), (error) => {
      assert.ok(error instanceof TapError)
      assert.equal(error.code, code)
      assert.match(error.message, message)
      assert.match(error.hint, hint)
      return true
    })
    assert.deepEqual(openDescriptors(), before)
  }

  it('namespace not found', () => {
    fails(
      { namespace: '/run/netns/there-is-none' },
      'ENOENT',
      /^network namespace \/run\/netns\/there-is-none was not found \(ENOENT\)$/,
      /ip netns list/,
    )
    fails({ namespace: '/etc/passwd/ns' }, 'ENOTDIR', /was not found \(ENOTDIR\)$/, /ip netns list/)
  })

  it('a path to something else than a namespace', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tapwire-test-'))
    try {
      const file = join(folder, 'file')
      const pipe = join(folder, 'pipe')
      writeFileSync(file, '')
      execFileSync('mkfifo', [pipe])
      for (const path of [file, pipe, folder, '/proc/self/ns/uts']) {
        for (const persistent of [false, true]) {
          fails({ namespace: path, persistent }, 'EINVAL', /is not a network namespace/, /ip netns delete/)
        }
      }
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('name taken, by a TAP', () =>
    withTap({}, () => {
      fails({}, 'EEXIST', /^the interface name t0 is taken in .* \(EEXIST\)$/, /another name/)
      assert.equal(namespace().links().length, 1)
    }))

  it('name taken, by an interface of another kind', () => {
    namespace().ip('link', 'add', 'br0', 'type', 'bridge')
    fails({ name: 'br0' }, 'EEXIST', /^the interface name br0 is taken/, /another name/)
    fails({ name: 'br0', persistent: true }, 'EINVAL', /^the interface name br0 is taken/, /another name/)
    fails({ name: 'lo' }, 'EINVAL', /^the interface name lo is taken/, /another name/)
    namespace().ip('link', 'delete', 'br0')
  })

  it('name too long, or none', () => {
    const limit = /1 to 15/
    fails({ name: 'sixteen-bytes-ab' }, 'ENAMETOOLONG', /has 16 bytes/, limit)
    fails({ name: 'ääää-ääää' }, 'ENAMETOOLONG', /has 17 bytes/, limit)
    fails({ name: '' }, 'ENAMETOOLONG', /has 0 bytes/, limit)
  })

  it('name of forbidden characters', () => {
    for (const name of ['a b', 'a/b', 'a:b', 'tap%d', '.', '..', 'a\tb', 'a\u0000b', 'a\n']) {
      fails({ name }, 'EINVAL', /cannot be an interface name/, /letters, digits/)
    }
  })

  it('MTU refused', () => {
    for (const mtu of [0, 67, MTU_MAX + 1, 1_000_000]) {
      fails({ mtu }, 'EINVAL', /^the kernel refused the MTU \d+ of t0 \(EINVAL\)$/, /68 to 65,521/)
    }
  })

  it('MAC address refused', () => {
    for (const mac of [Uint8Array.of(1, 0, 0x5e, 0, 0, 1), new Uint8Array(6), new Uint8Array(6).fill(255)]) {
      fails({ mac }, 'EADDRNOTAVAIL', /^the kernel refused the MAC address of t0/, /unicast/)
    }
  })

  const script = (options: object): string =>
    `try {
       openTap(${JSON.stringify({ name: 't0', mtu: 1500, ...options })})
       console.log('opened')
     } catch ({ name, code, message, hint }) {
       console.log(JSON.stringify({ name, code, message, hint }))
     }`

  it('no /dev/net/tun', { skip: needs('unshare', 'mount') }, () => {
    const shadowed = ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs none /dev/net && exec "$@"', 'sh']
    for (const persistent of [false, true]) {
      const error = JSON.parse(runIn(shadowed, script({ namespace: namespace().path, persistent })))
      assert.equal(error.name, 'TapError')
      assert.equal(error.code, 'ENOENT')
      assert.equal(error.message, '/dev/net/tun is missing (ENOENT)')
      assert.match(error.hint, /modprobe tun.*--device \/dev\/net\/tun/)
    }
  })

  it('no CAP_NET_ADMIN', { skip: needs('setpriv', 'ip') }, () => {
    const without = (...capabilities: readonly string[]): string[] => {
      const set = capabilities.map((capability) => `-${capability}`).join(',')
      return ['setpriv', `--bounding-set=${set}`, '--inh-caps=-all']
    }
    const inside = ['ip', 'netns', 'exec', namespace().name]
    const cases: readonly (readonly [readonly string[], object])[] = [
      [without('net_admin'), { namespace: namespace().path }],
      [without('net_admin', 'sys_admin'), { namespace: namespace().path }],
      [without('net_admin', 'sys_admin'), { namespace: namespace().path, persistent: true }],
      [[...inside, ...without('net_admin', 'sys_admin')], {}],
    ]
    for (const [command, options] of cases) {
      const error = JSON.parse(runIn(command, script(options)))
      assert.equal(error.name, 'TapError')
      assert.equal(error.code, 'EPERM')
      assert.match(error.message, /^not allowed to open the TAP t0 in .* \(EPERM at [a-z-]+\)$/)
      assert.match(error.hint, /CAP_NET_ADMIN/)
    }
    assert.deepEqual(namespace().links(), [])
  })
}

/** Bytes that a TCP connection carries: enough for many super-frames. */
const TCP_BYTES = 4 * 1024 * 1024
const MTU = 1500
const ETHERNET_HEADER = 14

describe('what a TCP connection over TAPs hands out', { skip: needsTap() || needs('ip') }, () => {
  it('with offload: super-frames, whose virtio-net header says how to cut them', async () => {
    const { long, unfinished, odd, digests } = await runTcp(true)
    assert.ok(long > 0, 'no super-frame was sent')
    assert.ok(unfinished > 0, 'no checksum was left to finish')
    assert.deepEqual(odd, [])
    assert.equal(digests.received, digests.sent)
  })

  it('without offload: frames that fit the MTU, and are finished', async () => {
    const { long, unfinished, odd, digests } = await runTcp(false)
    assert.equal(long, 0)
    assert.equal(unfinished, 0)
    assert.deepEqual(odd, [])
    assert.equal(digests.received, digests.sent)
  })
})

interface TcpFindings {
  /** Frames longer than the MTU allows, and frames with a checksum to finish. */
  readonly long: number
  readonly unfinished: number
  /** Long frames whose header does not say TCP segmentation, and short ones that say it for less than a segment. */
  readonly odd: readonly string[]
  readonly digests: { readonly sent: string; readonly received: string }
}

/** Two namespaces, a TAP in each; every frame of one is sent to the other, and looked at on its way. */
async function runTcp(offload: boolean): Promise<TcpFindings> {
  const namespaces = [new NetworkNamespace(), new NetworkNamespace()] as const
  const wakeDescriptor = openWake()
  const io = new NativeFrameIo({ backend: 'epoll', wakeDescriptor })
  const children: ChildProcess[] = []
  try {
    namespaces.forEach((namespace, port) => {
      const tap = openTap({ namespace: namespace.path, name: 'eth0', mtu: MTU, offload })
      io.attach(port, tap.descriptor, tap.virtio)
      namespace.ip('address', 'add', `10.0.0.${port + 1}/24`, 'dev', 'eth0')
      namespace.ip('link', 'set', 'eth0', 'up')
    })
    const server = spawnIn(
      namespaces[1],
      `const hash = createHash('sha256')
       const server = net.createServer((socket) => socket.on('data', (data) => hash.update(data)).on('end', () => {
         console.log(hash.digest('hex'))
         server.close()
       }))
       server.listen(5001, '10.0.0.2', () => console.error('listening'))`,
    )
    children.push(server)
    await once(server.stderr, 'data')
    const client = spawnIn(
      namespaces[0],
      `const data = randomBytes(${TCP_BYTES})
       console.log(createHash('sha256').update(data).digest('hex'))
       net.connect(5001, '10.0.0.2').end(data)`,
    )
    children.push(client)
    const findings = { long: 0, unfinished: 0, odd: [] as string[] }
    const state = { running: true }
    const ended = Promise.all([text(client.stdout), text(server.stdout)]).finally(() => {
      state.running = false
    })
    while (state.running) {
      relay(io, findings)
      await setImmediate()
    }
    const [sent, received] = await ended
    return { ...findings, digests: { sent, received } }
  } finally {
    for (const child of children) child.kill()
    io.close()
    closeSync(wakeDescriptor)
    for (const namespace of namespaces) namespace.remove()
  }
}

function relay(io: NativeFrameIo, findings: { long: number; unfinished: number; odd: string[] }): void {
  const { received, transmits, view } = io.memory
  const count = io.poll(0, 10_000)
  for (let index = 0; index < count; index++) {
    const at = index << DESCRIPTOR_SHIFT
    const [port = 0, offset = 0, length = 0] = received.subarray(at, at + 3)
    const header = offset - VIRTIO_NET_HEADER_SIZE
    const isLong = length > MTU + ETHERNET_HEADER
    const gso = virtio.gsoType(view, header) & ~virtio.GSO_ECN
    if (isLong) findings.long++
    if (virtio.flags(view, header) & virtio.FLAG_NEEDS_CSUM) findings.unfinished++
    const fits = virtio.gsoSize(view, header) > 0 && virtio.gsoSize(view, header) <= MTU - 40
    const isTcp = gso === virtio.GSO_TCPV4 && fits && virtio.flags(view, header) === virtio.FLAG_NEEDS_CSUM
    if (isLong ? !isTcp : gso !== virtio.GSO_NONE && !isTcp) {
      findings.odd.push(`${length} bytes, gso_type ${gso}, flags ${virtio.flags(view, header)}`)
    }
    transmits.set(received.subarray(at, at + DESCRIPTOR_WORDS), at)
    transmits[at] = 1 - port
  }
  io.transmit(count)
  assert.equal(failures(io), 0)
}

/** `ethtool -k` of an interface. */
function features(namespace: NetworkNamespace, name: string): Map<string, string> {
  const output = execFileSync('ip', ['netns', 'exec', namespace.name, 'ethtool', '-k', name], {
    encoding: 'utf8',
    env: plainEnvironment(),
  })
  return new Map(
    [...output.matchAll(/^\s*([a-z0-9-]+): (.*)$/gm)].map(([, key = '', value = '']) => [key, value]),
  )
}

/** Runs a script that may use openTap and execFileSync, in a Node that `command` starts; returns what it prints. */
function runIn(command: readonly string[], script: string): string {
  const args = [
    ...command.slice(1),
    process.execPath,
    '--input-type=module',
    '-e',
    `import { execFileSync } from 'node:child_process'
     import { openTap } from './dist/src/ports/tap.js'
     ${script}`,
  ]
  const env = plainEnvironment()
  return execFileSync(command[0] ?? '', args, { encoding: 'utf8', env, cwd: repositoryRoot })
}

/** Starts a script that may use net and crypto in a namespace. */
function spawnIn(namespace: NetworkNamespace, script: string) {
  const modules = `import net from 'node:net'
    import { createHash, randomBytes } from 'node:crypto'`
  const node = [process.execPath, '--input-type=module', '-e', `${modules}\n${script}`]
  return spawn('ip', ['netns', 'exec', namespace.name, ...node], {
    env: plainEnvironment(),
    stdio: ['pipe', 'pipe', 'pipe'],
  })
}
