import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { createSecureContext } from 'node:tls'
import { Worker } from 'node:worker_threads'
import { frameLayout, HEADROOM, SLOT_SIZE } from '../../src/datapath/frame-memory.ts'
import {
  BURST_MAX,
  GATHER_WORDS_MAX,
  PORT_EVENTS_MAX,
  PORTS_MAX,
  TRANSMIT_MAX,
  TUNNEL_DATAGRAMS_MAX,
} from '../../src/limits.ts'
import { type NativeAddon, type NativeFrameIoOptions, native } from '../../src/ports/native.ts'
import { NativeFrameIo, openWake } from '../../src/ports/native-frame-io.ts'
import { openDescriptors } from '../support/descriptors.ts'
import type { WorkerEnd } from '../support/frame-io-worker.ts'
import { NetworkNamespace, plainEnvironment } from '../support/network-namespace.ts'
import { repositoryRoot } from '../support/repository.ts'
import { needsTap } from '../support/requirements.ts'

const BACKENDS = ['io_uring', 'epoll'] as const

function layoutOptions(overrides: object = {}): NativeFrameIoOptions {
  const layout = frameLayout(16)
  return {
    backend: 'epoll',
    memorySize: layout.size,
    status: layout.status,
    events: layout.events,
    eventsMax: PORT_EVENTS_MAX,
    received: layout.received,
    burstMax: BURST_MAX,
    transmits: layout.transmits,
    transmitMax: TRANSMIT_MAX,
    slots: layout.slots,
    slotSize: SLOT_SIZE,
    slotCount: layout.slotCount,
    headroom: HEADROOM,
    gathers: layout.gathers,
    gatherWords: GATHER_WORDS_MAX,
    sums: layout.sums,
    datagramsMax: TUNNEL_DATAGRAMS_MAX,
    portsMax: PORTS_MAX,
    wakeDescriptor: 0,
    ...overrides,
  }
}

/** Everything that is no 32-bit integer. */
const NO_INTEGERS: readonly unknown[] = [
  undefined,
  null,
  '1',
  true,
  {},
  [],
  () => 1,
  Symbol('1'),
  1n,
  1.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  2 ** 31,
  -(2 ** 31) - 1,
  2 ** 32,
  1e300,
]

/** An External of somebody else's: OpenSSL's context. */
const foreignExternal: unknown = Reflect.get(createSecureContext().context as object, '_external')

type AnyFunction = (...args: unknown[]) => unknown

/** The addon's functions, to be called with what their types forbid. */
const untyped = (name: keyof NativeAddon): AnyFunction => native()[name] as unknown as AnyFunction

describe('arguments that are not what they should be', () => {
  it('a handle that is none is refused by every function', () => {
    const strangers = [
      undefined,
      null,
      0,
      'handle',
      {},
      [],
      new Proxy({}, {}),
      foreignExternal,
      Symbol('handle'),
      1n,
    ]
    assert.equal(typeof foreignExternal, 'object')
    for (const name of [
      'closeFrameIo',
      'attach',
      'attachTunnel',
      'attachPeer',
      'detach',
      'release',
      'transmit',
      'poll',
    ] as const) {
      assert.throws(() => untyped(name)(), TypeError)
      for (const stranger of strangers) {
        assert.throws(() => untyped(name)(stranger, 0, 0, true), TypeError)
      }
    }
  })

  for (const backend of BACKENDS) {
    it(`what is no 32-bit integer is refused, ${backend}`, () => {
      const wakeDescriptor = openWake()
      const { handle } = native().openFrameIo(layoutOptions({ backend, wakeDescriptor }))
      const refused = { code: 'ERR_INVALID_ARG_TYPE' }
      for (const value of NO_INTEGERS) {
        assert.throws(() => untyped('poll')(handle, value, 0), refused)
        assert.throws(() => untyped('poll')(handle, 0, value), refused)
        assert.throws(() => untyped('transmit')(handle, value), refused)
        assert.throws(() => untyped('detach')(handle, value), refused)
        assert.throws(() => untyped('release')(handle, value), refused)
        assert.throws(() => untyped('attach')(handle, value, 0, true), refused)
        assert.throws(() => untyped('attach')(handle, 1, value, true), refused)
        assert.throws(() => untyped('attachTunnel')(handle, value, 0, [0]), refused)
        assert.throws(() => untyped('attachTunnel')(handle, 1, value, [0]), refused)
        assert.throws(() => untyped('attachTunnel')(handle, 1, 0, [0, value]), refused)
        assert.throws(() => untyped('attachPeer')(handle, value, 1, new Uint8Array(16), 4789), refused)
        assert.throws(() => untyped('attachPeer')(handle, 2, value, new Uint8Array(16), 4789), refused)
        assert.throws(() => untyped('attachPeer')(handle, 2, 1, new Uint8Array(16), value), refused)
      }
      for (const sources of [undefined, null, 1, 'text', {}, [], Array.from({ length: 257 }, () => 0)]) {
        assert.throws(() => untyped('attachTunnel')(handle, 1, 0, sources), refused)
      }
      for (const address of [undefined, null, '192.0.2.1', [], new Uint8Array(4), new Int8Array(16)]) {
        assert.throws(() => untyped('attachPeer')(handle, 2, 1, address, 4789), refused)
      }
      for (const port of [0, -1, 65_536]) {
        assert.throws(() => untyped('attachPeer')(handle, 2, 1, new Uint8Array(16), port), refused)
      }
      for (const port of [PORTS_MAX, -1, 2 ** 31 - 1]) {
        const outside = { code: 'ERANGE' }
        assert.throws(() => native().attachPeer(handle, port, 1, new Uint8Array(16), 4789), outside)
        assert.throws(() => native().attachPeer(handle, 2, port, new Uint8Array(16), 4789), outside)
      }
      assert.throws(() => untyped('attach')(handle, 1, 0, 1), refused)
      assert.throws(() => untyped('attach')(handle, 1, 0), refused)
      assert.equal(native().poll(handle, 0, 0), 0)
      native().closeFrameIo(handle)
      closeSync(wakeDescriptor)
    })

    it(`a layout that does not fit its memory is refused, ${backend}`, () => {
      const wakeDescriptor = openWake()
      const before = openDescriptors()
      const { size, slots } = frameLayout(16)
      const unfit: readonly Partial<NativeFrameIoOptions>[] = [
        { memorySize: 0 },
        { memorySize: slots + 16 * SLOT_SIZE - 1 },
        { memorySize: 2 ** 31 },
        { memorySize: 2 ** 32 - 1 },
        { status: size },
        { status: 2 ** 32 - 4 },
        { status: 2 },
        { events: size - 8 },
        { eventsMax: 0 },
        { eventsMax: 2 ** 32 - 1 },
        { received: size - 16 },
        { received: 4097 },
        { burstMax: 0 },
        { burstMax: 2 ** 28 },
        { transmits: 2 ** 32 - 16 },
        { transmitMax: 2 ** 32 - 1 },
        { slots: size - SLOT_SIZE },
        { slots: 2 ** 32 - 4 },
        { slotCount: 0 },
        { slotCount: 40_000, slotSize: 256 },
        { slotCount: 2 ** 32 - 1 },
        { slotSize: 0 },
        { slotSize: HEADROOM },
        { slotSize: HEADROOM + 10 },
        { slotSize: 2 ** 32 - 1 },
        { headroom: 0 },
        { headroom: 9 },
        { headroom: 2 ** 32 - 1 },
        { portsMax: 0 },
        { portsMax: 2 ** 32 - 1 },
      ]
      for (const overrides of unfit) {
        assert.throws(
          () => native().openFrameIo(layoutOptions({ backend, wakeDescriptor, ...overrides })),
          { code: 'EINVAL' },
          JSON.stringify(overrides),
        )
      }
      for (const wrong of [2 ** 32 - 1, 2 ** 31 - 1, 999_999]) {
        assert.throws(() => native().openFrameIo(layoutOptions({ backend, wakeDescriptor: wrong })), {
          code: 'EBADF',
        })
      }
      assert.deepEqual(openDescriptors(), before)
      closeSync(wakeDescriptor)
    })
  }

  it('an option that is missing or of another type is refused', () => {
    const refused = { code: 'ERR_INVALID_ARG_TYPE' }
    for (const options of [undefined, null, 1, 'options', {}, [], () => 1]) {
      assert.throws(() => untyped('openFrameIo')(options))
      assert.throws(() => untyped('openTap')(options))
    }
    for (const name of Object.keys(layoutOptions())) {
      for (const value of [undefined, null, {}, -1, 0.5, Number.NaN, 2 ** 32, 'x'.repeat(100)]) {
        assert.throws(() => untyped('openFrameIo')(layoutOptions({ [name]: value })), refused, name)
      }
    }
    assert.throws(() => untyped('openFrameIo')(layoutOptions({ backend: 'kqueue' })), refused)
    assert.throws(() => untyped('openFrameIo')(layoutOptions({ backend: 'epoll\0' })), refused)
  })

  it("an exception in an option's getter comes through", () => {
    const options = Object.defineProperty(layoutOptions(), 'slots', {
      get: () => {
        throw new RangeError('mine')
      },
    })
    assert.throws(() => untyped('openFrameIo')(options), { name: 'RangeError', message: 'mine' })
  })

  it('openTap refuses what is no name, no MAC address, no number and no truth value', () => {
    const options = (overrides: object): object => ({
      namespace: '/nowhere',
      name: 't0',
      mac: undefined,
      mtu: 1500,
      transmitQueueLength: 1000,
      virtio: true,
      multiQueue: false,
      persistent: false,
      ...overrides,
    })
    // What all the following differ in.
    assert.throws(() => untyped('openTap')(options({})), { code: 'ENOENT', step: 'open-namespace' })
    const wrong: readonly object[] = [
      { name: undefined },
      { name: 5 },
      { name: 'sixteen-bytes-ab' },
      { name: 't\u00000' },
      { namespace: 5 },
      { namespace: '/run\0' },
      { namespace: 'x'.repeat(5000) },
      { mac: 5 },
      { mac: '02:00:00:00:00:01' },
      { mac: {} },
      { mac: [2, 0, 0, 0, 0, 1] },
      { mac: new ArrayBuffer(6) },
      { mac: new DataView(new ArrayBuffer(6)) },
      { mac: new Uint8Array(5) },
      { mac: new Uint8Array(7) },
      { mac: new Uint8Array(0) },
      { mac: new Uint16Array(6) },
      { mac: new Int8Array(6) },
      { mtu: -1 },
      { mtu: 1.5 },
      { mtu: '1500' },
      { mtu: undefined },
      { transmitQueueLength: 2 ** 32 },
      { virtio: 1 },
      { virtio: undefined },
      { multiQueue: 'yes' },
      { persistent: null },
    ]
    for (const overrides of wrong) {
      assert.throws(() => untyped('openTap')(options(overrides)), { code: 'ERR_INVALID_ARG_TYPE' })
    }
  })

  it('setOffload refuses descriptors of other kinds', () => {
    assert.throws(() => native().setOffload(-1, 0), { code: 'EBADF', step: 'set-offload' })
    assert.throws(() => native().setOffload(0, 0), { step: 'set-offload' })
    for (const value of NO_INTEGERS) {
      assert.throws(() => untyped('setOffload')(value, 0), { code: 'ERR_INVALID_ARG_TYPE' })
      assert.throws(() => untyped('setOffload')(0, value), { code: 'ERR_INVALID_ARG_TYPE' })
    }
  })
})

describe('frame I/O that is opened and closed', () => {
  for (const backend of BACKENDS) {
    it(`leaves nothing behind after 200 times, ${backend}`, () => {
      const wakeDescriptor = openWake()
      const cycle = (): void => {
        const io = new NativeFrameIo({ backend, wakeDescriptor })
        for (let port = 0; port < 3; port++) io.attach(port, openWake(), port === 1)
        io.poll(0, 0)
        io.memory.bytes[io.memory.layout.arena] = 1
        io.close()
      }
      cycle()
      const descriptors = openDescriptors()
      const memory = addressSpaceKb()
      for (let times = 0; times < 200; times++) cycle()
      assert.deepEqual(openDescriptors(), descriptors)
      // One that was not given back would be some 37 MB; what V8 takes for itself stays far below ten of them.
      const growth = addressSpaceKb() - memory
      assert.ok(growth < (10 * frameLayout().size) / 1024, `grew by ${growth} kB`)
      closeSync(wakeDescriptor)
    })

    it(`is closed by the garbage collector where nobody closes it, and its memory is empty then, ${backend}`, () => {
      const output = runScript(
        ['--expose-gc'],
        `import { readdirSync } from 'node:fs'
         import { setImmediate } from 'node:timers/promises'
         import { NativeFrameIo, openWake } from './dist/src/ports/native-frame-io.js'
         const wakeDescriptor = openWake()
         const count = () => readdirSync('/proc/self/fd').length
         const before = count()
         let io = new NativeFrameIo({ backend: '${backend}', wakeDescriptor })
         io.attach(1, openWake(), true)
         const { bytes } = io.memory
         bytes[0] = 1
         io = undefined
         for (let turns = 0; turns < 100 && bytes.length > 0; turns++) {
           gc()
           await setImmediate()
         }
         console.log(bytes.length, count() - before)`,
      )
      assert.equal(output.trim(), '0 0')
    })
  }
})

describe('a worker thread with frame I/O', { skip: needsTap() }, () => {
  const ends: readonly WorkerEnd[] = ['exit', 'throw', 'terminate', 'return']
  for (const backend of BACKENDS) {
    for (const end of ends) {
      it(`leaves neither descriptor nor device behind when it ends by ${end}, ${backend}`, async () => {
        const namespace = new NetworkNamespace()
        const wakeDescriptor = openWake()
        try {
          // The process's first worker makes Node open some descriptors of its own.
          await once(new Worker('0', { eval: true }), 'exit')
          const before = withoutNursery()
          const worker = new Worker(new URL('../support/frame-io-worker.js', import.meta.url), {
            workerData: { backend, end, namespace: namespace.path, wakeDescriptor },
          })
          const errors: unknown[] = []
          worker.on('error', (error) => errors.push(error))
          // `once` would reject with the error.
          const exit = new Promise((resolve) => worker.once('exit', resolve))
          await once(worker, 'message')
          assert.equal(namespace.links().length, 2)
          if (end === 'terminate') await worker.terminate()
          else worker.postMessage('end')
          await exit
          assert.deepEqual(namespace.links(), [])
          assert.deepEqual(withoutNursery(), before)
          assert.equal(errors.length, end === 'throw' ? 1 : 0)
        } finally {
          closeSync(wakeDescriptor)
          namespace.remove()
        }
      })
    }
  }

  it('takes the nursery namespace with it where it alone had the addon', () => {
    const namespace = new NetworkNamespace()
    try {
      const output = runScript(
        [],
        `import { once } from 'node:events'
         import { readdirSync, readlinkSync } from 'node:fs'
         import { Worker } from 'node:worker_threads'
         for (let times = 0; times < 3; times++) {
           const worker = new Worker('./dist/test/support/frame-io-worker.js', {
             execArgv: [],
             workerData: { backend: 'epoll', end: 'exit', namespace: '${namespace.path}', wakeDescriptor: 0 },
           })
           const exit = once(worker, 'exit')
           await once(worker, 'message')
           worker.postMessage('end')
           await exit
         }
         const targets = readdirSync('/proc/self/fd').flatMap((fd) => {
           try { return [readlinkSync('/proc/self/fd/' + fd)] } catch { return [] }
         })
         console.log(targets.filter((target) => target.startsWith('net:')).length)`,
      )
      assert.equal(output.trim(), '0')
    } finally {
      namespace.remove()
    }
  })
})

/** Runs an ES module in a Node of its own, from the checkout's root. */
function runScript(options: readonly string[], script: string): string {
  return execFileSync(process.execPath, [...options, '--input-type=module', '-e', script], {
    cwd: repositoryRoot,
    encoding: 'utf8',
    env: process.env['TAPWIRE_ADDON'] === undefined ? plainEnvironment() : process.env,
  })
}

/** The namespace that TAPs are born in stays open as long as the addon is loaded. */
const withoutNursery = (): string[] => openDescriptors().filter((target) => !target.startsWith('net:'))

function addressSpaceKb(): number {
  const [, size = ''] = /^VmSize:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
  return Number(size)
}
