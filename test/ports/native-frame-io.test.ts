import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { FRAME_MAX } from '../../src/datapath/frame-memory.ts'
import { BURST_MAX, PORTS_MAX, TRANSMIT_MAX } from '../../src/limits.ts'
import { NativeFrameIo, openWake, wake } from '../../src/ports/native-frame-io.ts'
import { openDescriptors } from '../support/descriptors.ts'
import { FarEnd } from '../support/far-end.ts'
import {
  assertFrames,
  byPort,
  events,
  failures,
  frameBytes,
  placeInArena,
  receive,
  receiveNothing,
  result,
  setTransmit,
  testFrame,
  testFrames,
  woken,
} from '../support/frame-io.ts'
import {
  interfaceName,
  type NativeBackend,
  type NativeSetup,
  OpenedNativeFrameIo,
} from '../support/native-frame-io.ts'
import { NetworkNamespace, plainEnvironment } from '../support/network-namespace.ts'
import { repositoryRoot } from '../support/repository.ts'
import { needs, needsTap } from '../support/requirements.ts'
import { type FrameIoUnderTest, frameIoConformance } from './frame-io.conformance.ts'

const skip = needsTap() || needs('gcc', 'ip')

/** errno(3), Linux. */
const EIO = 5
const EBADFD = 77

/**
 * To make a TAP and take it away takes a kernel some 40 ms, so that many of them come once. With io_uring, where they are more
 * than the reads that a kernel may complete in one call; without the sanitizers.
 */
const manyPorts = (backend: NativeBackend): number =>
  backend === 'io_uring' && process.env['TAPWIRE_ADDON'] === undefined ? 40 : 10

/** The other ends are packet sockets in a namespace, on the TAPs' interfaces. */
function subject(backend: NativeBackend): FrameIoUnderTest {
  let setup: NativeSetup | undefined
  return {
    name: `NativeFrameIo by ${backend} as a FrameIo`,
    manyPorts: manyPorts(backend),
    modelRuns: 3,
    skip,
    start() {
      setup = { backend, namespace: new NetworkNamespace(), farEnd: FarEnd.start() }
    },
    async open(slots) {
      assert.ok(setup)
      return new OpenedNativeFrameIo(setup, slots)
    },
    async stop() {
      await setup?.farEnd.stop()
      setup?.namespace.remove()
    },
  }
}

for (const backend of ['io_uring', 'epoll'] as const) {
  frameIoConformance(subject(backend))
  describe(`NativeFrameIo by ${backend}`, { skip }, () => devices(backend))
  describe(`NativeFrameIo by ${backend}, without devices`, () => descriptors(backend))
}

function devices(backend: NativeBackend): void {
  let farEnd: FarEnd
  before(() => {
    farEnd = FarEnd.start()
  })
  after(() => farEnd.stop())

  /** Each case has a namespace of its own, which it may delete. */
  const using =
    (
      slots: number | undefined,
      body: (opened: OpenedNativeFrameIo, namespace: NetworkNamespace) => Promise<void>,
    ) =>
    async () => {
      const namespace = new NetworkNamespace()
      try {
        const opened = new OpenedNativeFrameIo({ backend, namespace, farEnd }, slots)
        try {
          await body(opened, namespace)
        } finally {
          await opened.close()
        }
      } finally {
        namespace.remove()
      }
    }

  it(
    'drops what goes to an interface that is down, and keeps the port',
    using(undefined, async ({ io, attach, inject, collect }, namespace) => {
      await attach(1)
      await attach(2)
      const [offset = 0] = placeInArena(io, testFrames(1))
      const list = (): void => {
        setTransmit(io, 0, 1, offset, 60)
        setTransmit(io, 1, 2, offset, 60)
      }
      namespace.ip('link', 'set', interfaceName(1), 'down')
      list()
      io.poll(2, 0)
      assert.deepEqual([failures(io), result(io, 0), result(io, 1)], [1, -EIO, 0])
      receiveNothing(io)
      namespace.ip('link', 'set', interfaceName(1), 'up')
      list()
      io.poll(2, 0)
      assert.equal(failures(io), 0)
      receiveNothing(io)
      assertFrames(await collect(1), testFrames(1))
      await inject(1, testFrames(2))
      assertFrames(receive(io, 2).map(frameBytes), testFrames(2))
    }),
  )

  it(
    'counts each of more failures than the kernel keeps completions for',
    using(undefined, async ({ io, attach, inject }, namespace) => {
      await attach(1)
      await attach(2)
      const [offset = 0] = placeInArena(io, testFrames(1))
      namespace.ip('link', 'set', interfaceName(1), 'down')
      await inject(2, testFrames(300))
      for (let index = 0; index < TRANSMIT_MAX; index++) setTransmit(io, index, 1, offset, 60)
      io.transmit(TRANSMIT_MAX)
      assert.equal(failures(io), TRANSMIT_MAX)
      for (let index = 0; index < TRANSMIT_MAX; index++) assert.equal(result(io, index), -EIO)
      assertFrames(receive(io, 300).map(frameBytes), testFrames(300))
      receiveNothing(io)
    }),
  )

  it(
    'loses no frame where more arrive at once than the kernel keeps completions for',
    using(4096, async ({ io, attach, inject }) => {
      const ports = [1, 2, 3, 4]
      for (const port of ports) await attach(port)
      for (const port of ports) await inject(port, testFrames(900, { first: port * 1000 }))
      const received = byPort(receive(io, 3600, (count) => assert.ok(count <= BURST_MAX)))
      for (const port of ports) {
        assertFrames(received.get(port) ?? [], testFrames(900, { first: port * 1000 }))
      }
      receiveNothing(io)
    }),
  )

  it(
    'a device that is deleted is reported as EBADFD, and its descriptor is released',
    using(undefined, async ({ io, attach, vanish }) => {
      await attach(2)
      const before = openDescriptors()
      await attach(1)
      io.poll(0, 0)
      await vanish(1)
      io.poll(0, 10_000_000)
      assert.deepEqual(events(io), [[1, EBADFD]])
      assert.deepEqual(openDescriptors(), before)
      receiveNothing(io)
    }),
  )

  it(
    'the devices of a namespace that is deleted vanish with it; the others go on',
    using(undefined, async (opened, namespace) => {
      const { io } = opened
      const other = new NetworkNamespace()
      try {
        await opened.attach(1)
        await opened.attach(2)
        await opened.attach(3, [], { namespace: other })
        io.poll(0, 0)
        const before = openDescriptors().filter((target) => target.includes('/dev/net/tun')).length
        await opened.closeFarEnd(1)
        await opened.closeFarEnd(2)
        namespace.remove()
        const gone: number[] = []
        while (gone.length < 2) {
          assert.equal(io.poll(0, 10_000_000), 0)
          assert.ok(events(io).length > 0, 'waited in vain')
          for (const [port, error] of events(io)) {
            gone.push(port)
            assert.equal(error, EBADFD)
          }
        }
        assert.deepEqual(
          gone.toSorted((a, b) => a - b),
          [1, 2],
        )
        const left = openDescriptors().filter((target) => target.includes('/dev/net/tun')).length
        assert.equal(left, before - 2)
        await opened.inject(3, testFrames(3))
        assertFrames(receive(io, 3).map(frameBytes), testFrames(3))
        receiveNothing(io)
      } finally {
        await opened.closeFarEnd(3)
        other.remove()
      }
    }),
  )

  it(
    'a detached device is gone when detach returns',
    using(undefined, async ({ io, attach }, namespace) => {
      const before = openDescriptors()
      await attach(1)
      await attach(2)
      io.poll(0, 0)
      io.detach(1)
      // Never polled with: its read was not even started.
      await attach(3)
      io.detach(3)
      assert.deepEqual(
        namespace.links().map((link) => link.ifname),
        [interfaceName(2)],
      )
      io.detach(2)
      assert.deepEqual(namespace.links(), [])
      assert.deepEqual(openDescriptors(), before)
    }),
  )

  it(
    'a detached device is gone when detach returns, however much else there is to be done',
    using(undefined, async ({ io, attach }, namespace) => {
      await attach(0)
      const others = Array.from({ length: 60 }, () => openWake())
      others.forEach((descriptor, index) => io.attach(1 + index, descriptor, false))
      io.poll(0, 0)
      // Sixty reads are about to complete; a kernel may take twenty of them a call.
      for (const descriptor of others) wake(descriptor)
      io.detach(0)
      assert.deepEqual(namespace.links(), [])
      assert.equal(byPort(receive(io, 60)).size, 60)
    }),
  )

  it(
    'a released device stays open for whoever asked for it, and no frame of it comes any more',
    using(undefined, async ({ io, attach, inject }, namespace) => {
      const before = openDescriptors()
      await attach(1)
      await attach(2)
      io.poll(0, 0)
      const descriptor = io.release(1)
      assert.equal(openDescriptors().length, before.length + 2)
      await inject(1, testFrames(1))
      receiveNothing(io)
      assert.equal(io.release(1), -1)
      closeSync(descriptor)
      assert.deepEqual(
        namespace.links().map((link) => link.ifname),
        [interfaceName(2)],
      )
      io.detach(2)
      assert.deepEqual(openDescriptors(), before)
    }),
  )

  it(
    'forwards between ports with and without virtio-net headers',
    using(undefined, async ({ io, attach, inject, collect }) => {
      await attach(1)
      await attach(2, [], { offload: false })
      const frames = [
        testFrame(1, 60),
        testFrame(2, 1514),
        testFrame(3, FRAME_MAX < 65_535 ? FRAME_MAX : 65_535),
      ]
      for (const [from, to] of [
        [1, 2],
        [2, 1],
        [2, 2],
      ] as const) {
        await inject(from, frames)
        for (let done = 0; done < frames.length; ) {
          const count = io.poll(0, 1_000_000)
          assert.ok(count > 0, 'waited in vain')
          for (let index = 0; index < count; index++) {
            const [, offset = 0, length = 0] = io.memory.received.subarray(index * 4, index * 4 + 3)
            assert.deepEqual(io.memory.bytes.slice(offset - 10, offset), new Uint8Array(10))
            setTransmit(io, index, to, offset, length)
          }
          io.transmit(count)
          assert.equal(failures(io), 0)
          done += count
        }
        assertFrames(await collect(to), frames)
      }
    }),
  )
}

describe('NativeFrameIo, where the kernel is short of memory, or old', { skip }, () => {
  it('submits in parts, refuses what is not taken, waits on after a signal, and without epoll_pwait2', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tapwire-test-'))
    try {
      const library = join(folder, 'stubborn-kernel.so')
      const source = join(repositoryRoot, 'test/support/stubborn-kernel.c')
      const flags = ['-shared', '-fPIC', '-O1', '-std=gnu11', '-Wall', '-Wextra', '-Werror']
      execFileSync('gcc', [...flags, '-o', library, source], { env: plainEnvironment() })
      // Two libraries that want to be first do not go together: without the sanitizers, whoever asks.
      const { TAPWIRE_ADDON: _, ...env } = plainEnvironment()
      const output = execFileSync(
        process.execPath,
        [fileURLToPath(new URL('../support/stubborn-kernel.js', import.meta.url))],
        {
          encoding: 'utf8',
          env: { ...env, LD_PRELOAD: library },
        },
      )
      assert.equal(output, 'done\n')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

function descriptors(backend: NativeBackend): void {
  const using = (body: (io: NativeFrameIo, wakeDescriptor: number) => void | Promise<void>) => async () => {
    const wakeDescriptor = openWake()
    try {
      const io = new NativeFrameIo({ backend, wakeDescriptor, slots: 16 })
      try {
        await body(io, wakeDescriptor)
      } finally {
        io.close()
      }
    } finally {
      closeSync(wakeDescriptor)
    }
  }

  it(
    'a poll that waits is ended by a wake from another thread',
    using(async (io, wakeDescriptor) => {
      io.poll(0, 0)
      const worker = new Worker(
        `const { workerData } = require('node:worker_threads')
         require('node:fs').writeSync(workerData, new Uint8Array(new BigUint64Array([1n]).buffer))`,
        { eval: true, workerData: wakeDescriptor },
      )
      const exit = once(worker, 'exit')
      let polls = 0
      do {
        assert.equal(io.poll(0, 60_000_000), 0)
        polls++
      } while (!woken(io) && polls < 5)
      assert.ok(woken(io))
      assert.ok(polls < 5, 'it did not wait')
      await exit
    }),
  )

  it(
    'a poll waits no shorter than it was told, to the microsecond',
    using((io) => {
      io.poll(0, 0)
      for (const timeoutUs of [1, 80, 300, 999, 1000, 1001, 2500]) {
        const before = performance.now()
        assert.equal(io.poll(0, timeoutUs), 0)
        const waitedUs = (performance.now() - before) * 1000
        assert.ok(waitedUs >= timeoutUs, `${waitedUs} us instead of ${timeoutUs}`)
        assert.equal(woken(io), false)
      }
    }),
  )

  it(
    'survives ports that come and go by the thousand without a poll between',
    using((io, wakeDescriptor) => {
      const before = openDescriptors()
      const comeAndGo = (rounds: number, between: () => void): void => {
        for (let round = 0; round < rounds; round++) {
          io.attach(round % 3, openWake(), false)
          between()
          io.detach(round % 3)
        }
      }
      // More than there are ports and slots: what is kept for later is kept for so many.
      comeAndGo(PORTS_MAX + 1000, () => undefined)
      io.transmit(0)
      comeAndGo(500, () => io.transmit(0))
      comeAndGo(500, () => io.poll(0, 0))
      io.poll(0, 0)
      assert.deepEqual(openDescriptors(), before)
      wake(wakeDescriptor)
      io.poll(0, 1_000_000)
      assert.ok(woken(io))
    }),
  )

  it(
    'gives the slots back whose reads ended with their ports',
    using((io) => {
      // An eventfd is the cheapest descriptor that something can be read from: here the eight bytes of its counter.
      for (let round = 0; round < 100; round++) {
        const descriptor = openWake()
        io.attach(1, descriptor, false)
        wake(descriptor)
        if (round % 4 === 1) io.transmit(0)
        if (round % 4 === 2) io.poll(0, 0)
        if (round % 4 === 3) {
          io.poll(0, 0)
          wake(descriptor)
          io.transmit(0)
        }
        io.detach(1)
      }
      for (let port = 0; port < 16; port++) {
        const descriptor = openWake()
        io.attach(port, descriptor, false)
        wake(descriptor)
      }
      assert.equal(byPort(receive(io, 16)).size, 16)
    }),
  )

  it(
    'a descriptor at its end of file is a port that vanished',
    using((io) => {
      const folder = mkdtempSync(join(tmpdir(), 'tapwire-test-'))
      try {
        const pipe = join(folder, 'pipe')
        execFileSync('mkfifo', [pipe])
        for (const [port, virtio] of [
          [1, true],
          [2, false],
        ] as const) {
          const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK)
          closeSync(openSync(pipe, constants.O_WRONLY))
          io.attach(port, reader, virtio)
        }
        const gone: number[] = []
        for (let polls = 0; gone.length < 2 && polls < 5; polls++) {
          assert.equal(io.poll(0, 1_000_000), 0)
          gone.push(...events(io).map(([port]) => port))
        }
        assert.deepEqual(
          gone.toSorted((a, b) => a - b),
          [1, 2],
        )
      } finally {
        rmSync(folder, { recursive: true })
      }
    }),
  )

  it(
    'leaves a descriptor that it refuses to its owner',
    using((io) => {
      const descriptor = openWake()
      const second = openWake()
      try {
        io.attach(1, descriptor, false)
        assert.throws(() => io.attach(1, second, false), { code: 'EEXIST' })
        assert.throws(() => io.attach(PORTS_MAX, second, false), { code: 'ERANGE' })
        assert.throws(() => io.attach(-1, second, false), { code: 'ERANGE' })
        for (const none of [-1, -2, 1_000_000]) {
          assert.throws(() => io.attach(2, none, false), { code: 'EBADF' })
        }
        wake(second)
        io.attach(2, second, false)
        assert.equal(receive(io, 1)[0]?.port, 2)
      } finally {
        io.detach(1)
        io.detach(2)
      }
    }),
  )

  it(
    'refuses everything after it was closed, but to be closed again',
    using((io) => {
      const { bytes } = io.memory
      io.close()
      io.close()
      assert.equal(bytes.length, 0)
      for (const use of [
        () => io.poll(0, 0),
        () => io.transmit(0),
        () => io.detach(1),
        () => io.attach(1, 0, false),
      ]) {
        assert.throws(use, { code: 'EBADF' })
      }
    }),
  )
}
