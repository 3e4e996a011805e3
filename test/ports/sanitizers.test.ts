import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, it } from 'node:test'
import { repositoryRoot } from '../support/repository.ts'
import { needsTap } from '../support/requirements.ts'
import { needsSanitizedAddon, sanitizedEnvironment } from '../support/sanitizers.ts'

/** In a namespace of its own, whose ports are all free. The last watch is left to the end of the process. */
const MACHINE = `
  import { closeSync } from 'node:fs'
  import { openListener, openSocket } from './dist/src/ports/namespace-sockets.js'
  import { openPacketSocket } from './dist/src/ports/packet-socket.js'
  import { PrivateNamespace } from './dist/src/ports/private-namespace.js'
  import { ArrivalWatch, ReservedPorts } from './dist/src/ports/reserved-ports.js'
  const refused = (open) => {
    try {
      open()
    } catch {
      return
    }
    throw new Error('it is not refused')
  }
  for (const protocol of ['tcp', 'udp']) {
    for (let times = 0; times < 10; times++) {
      const watch = new ArrivalWatch(() => undefined)
      const range = { address: '127.0.0.1', protocol, first: 40_000, last: 40_019 }
      const ports = new ReservedPorts(range, { watch, tag: 1 })
      refused(() => new ReservedPorts({ ...range, first: 39_990 }, { watch, tag: 2 }))
      refused(() => new ReservedPorts({ ...range, address: '192.0.2.1' }))
      ports.close()
      watch.close()
    }
    const left = new ArrivalWatch(() => undefined)
    globalThis[protocol] = [left, new ReservedPorts({ address: '', protocol, first: 40_000, last: 40_000 }, { watch: left, tag: 0 })]
  }
  for (let times = 0; times < 5; times++) {
    const namespace = new PrivateNamespace()
    const place = { namespace: namespace.path, address: '127.0.0.11', port: 53 }
    for (const protocol of ['tcp', 'udp']) {
      const listener = openListener({ ...place, protocol })
      refused(() => openListener({ ...place, protocol }))
      closeSync(openSocket({ ...place, protocol }))
      closeSync(listener)
    }
    namespace.close()
  }
  refused(() => openSocket({ namespace: '/dev/null', protocol: 'udp' }))
  refused(() => openPacketSocket({ interface: 'nobody' }))
  refused(() => openPacketSocket({ interface: 'lo' }))
  console.log('closed')`

/** Runs a command in a network namespace of its own. */
const APART = ['unshare', '--net', 'sh', '-c', 'ip link set lo up; exec "$@"', 'sh']

const FRAME_IO = `
  import { closeSync } from 'node:fs'
  import { NativeFrameIo, openWake } from './dist/src/ports/native-frame-io.js'
  import { openUdpTunnel } from './dist/src/ports/udp-tunnel.js'
  const local = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 127, 0, 0, 1)
  for (const backend of ['io_uring', 'epoll']) {
    for (let times = 0; times < 20; times++) {
      const wakeDescriptor = openWake()
      const io = new NativeFrameIo({ backend, wakeDescriptor })
      io.attach(1, openWake(), true)
      io.attachTunnel(2, openUdpTunnel({ local, udpPort: 4789, sources: 2 }))
      io.attachPeer(3, 2, local, 4789)
      io.attachPeer(4, 2, local, 4789)
      io.memory.transmits.set([3, io.memory.layout.arena + 64, 100, 0])
      io.poll(1, 0)
      io.poll(0, 0)
      io.detach(1)
      io.detach(4)
      io.close()
      closeSync(wakeDescriptor)
    }
  }
  console.log('closed')`

/**
 * The tests that use the addon, once more, watched by AddressSanitizer and UBSan: a finding ends their process. Two at a time, for
 * they wait for the kernel, which makes and removes interfaces.
 */
describe('the addon under AddressSanitizer and UBSan', {
  skip: needsSanitizedAddon(),
  concurrency: 2,
}, () => {
  for (const name of [
    'native',
    'native-frame-io',
    'native-tunnel',
    'udp-tunnel',
    'packet-socket',
    'reserved-ports',
    'namespace-sockets',
  ]) {
    it(`passes test/ports/${name}.test.ts`, { skip: needsTap() }, async () => {
      const { code, output } = await run([
        '--enable-source-maps',
        '--test-reporter=tap',
        join(repositoryRoot, `dist/test/ports/${name}.test.js`),
      ])
      assert.equal(code, 0, output)
      assert.match(output, /^# pass [1-9]/m)
      assert.match(output, /^# fail 0$/m)
      assert.doesNotMatch(output, /Sanitizer|runtime error/)
    })
  }

  for (const [what, program] of [
    ['frame I/O is', FRAME_IO],
    ['ports are reserved, or cannot be, and namespaces and packet sockets are', MACHINE],
  ] as const) {
    it(`leaves no memory behind when ${what} opened, used and closed`, { skip: needsTap() }, async () => {
      const { output } = await run(['--input-type=module', '-e', program], { leaks: true, apart: true })
      assert.match(output, /^closed$/m)
      assert.doesNotMatch(output, /LeakSanitizer has encountered a fatal error/)
      // Node leaves memory behind too. What the addon allocated has one of its functions right above malloc's.
      assert.doesNotMatch(output, /^ +#1 \S+ in \w+ native\//m)
    })
  }
})

async function run(
  args: readonly string[],
  { leaks = false, apart = false } = {},
): Promise<{ code: number | null; output: string }> {
  // Without the mark of the runner above it, a test file reports for itself.
  const { NODE_TEST_CONTEXT: _, ...env } = sanitizedEnvironment()
  if (leaks) env['ASAN_OPTIONS'] = `${env['ASAN_OPTIONS']}:detect_leaks=1`
  const [program, ...line] = apart ? [...APART, process.execPath, ...args] : [process.execPath, ...args]
  const child = spawn(program!, line, { cwd: repositoryRoot, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const exit = once(child, 'exit')
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), exit])
  return { code: code as number | null, output: stdout + stderr }
}
