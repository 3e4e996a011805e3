/**
 * What the backends do with a kernel that is short of memory, interrupted or old: a program of its own, because
 * stubborn-kernel.c has to be loaded before Node. Ends with an exception where something is wrong.
 */

import assert from 'node:assert/strict'
import fc from 'fast-check'
import { TRANSMIT_MAX } from '../../src/limits.ts'
import { runSteps, steps } from '../ports/frame-io.model.ts'
import { FarEnd } from './far-end.ts'
import {
  assertFrames,
  failures,
  frameBytes,
  placeInArena,
  receive,
  result,
  setTransmit,
  testFrames,
} from './frame-io.ts'
import { interfaceName, type NativeSetup, OpenedNativeFrameIo } from './native-frame-io.ts'
import { NetworkNamespace } from './network-namespace.ts'

/** errno(3), Linux. */
const EIO = 5
const ENOBUFS = 105

type Mode = 'parts' | 'refuses' | 'interrupts' | 'old' | 'sandboxed'

function kernel(mode: Mode | undefined): void {
  if (mode === undefined) delete process.env['STUBBORN_KERNEL']
  else process.env['STUBBORN_KERNEL'] = mode
}

/** Two ports are attached, the second's interface is down. */
async function withPorts(
  setup: NativeSetup,
  body: (opened: OpenedNativeFrameIo) => Promise<void>,
): Promise<void> {
  const opened = new OpenedNativeFrameIo(setup, 64)
  try {
    await opened.attach(1)
    await opened.attach(2)
    setup.namespace.ip('link', 'set', interfaceName(2), 'down')
    opened.io.poll(0, 0)
    await body(opened)
  } finally {
    kernel(undefined)
    await opened.close()
  }
}

/** Half of the list goes to a port that takes it, half to one that refuses it. */
async function sendsAndCounts({ io, collect }: OpenedNativeFrameIo, mode: Mode): Promise<void> {
  const frames = testFrames(TRANSMIT_MAX)
  placeInArena(io, frames).forEach((offset, index) => setTransmit(io, index, 1 + (index % 2), offset, 60))
  kernel(mode)
  io.poll(TRANSMIT_MAX, 0)
  kernel(undefined)
  assert.equal(failures(io), TRANSMIT_MAX / 2)
  for (const index of frames.keys()) assert.equal(result(io, index), index % 2 === 0 ? 0 : -EIO)
  assertFrames(
    await collect(1),
    frames.filter((_, index) => index % 2 === 0),
  )
}

/** What was not taken is refused, and never sent later, when the memory has other bytes. */
async function refuses({ io, attach, inject, collect }: OpenedNativeFrameIo): Promise<void> {
  const [offset = 0] = placeInArena(io, testFrames(1))
  for (let index = 0; index < 600; index++) setTransmit(io, index, 1, offset, 60)
  await attach(3)
  await inject(3, testFrames(5, { first: 100 }))
  kernel('refuses')
  assert.equal(io.poll(600, 0), 0)
  assert.equal(failures(io), 600)
  for (let index = 0; index < 600; index++) assert.equal(result(io, index), -ENOBUFS)
  assert.equal(io.poll(0, 0), 0)
  kernel(undefined)
  assertFrames(receive(io, 5).map(frameBytes), testFrames(5, { first: 100 }))
  assert.deepEqual(await collect(1), [])
  setTransmit(io, 0, 1, offset, 60)
  io.poll(1, 0)
  assertFrames(await collect(1), testFrames(1))
}

/** Waits all the same, if not to the microsecond, and receives what comes. */
async function waitsInMilliseconds({ io, attach, inject }: OpenedNativeFrameIo): Promise<void> {
  await attach(1)
  io.poll(0, 0)
  for (const timeoutUs of [1, 300, 1500]) {
    const before = performance.now()
    assert.equal(io.poll(0, timeoutUs), 0)
    assert.ok((performance.now() - before) * 1000 >= timeoutUs)
  }
  await inject(1, testFrames(3))
  assertFrames(receive(io, 3).map(frameBytes), testFrames(3))
}

const setup: NativeSetup = { backend: 'io_uring', namespace: new NetworkNamespace(), farEnd: FarEnd.start() }
try {
  for (const mode of ['parts', 'interrupts'] as const) {
    await withPorts(setup, (opened) => sendsAndCounts(opened, mode))
    const property = fc.asyncProperty(steps, async (sequence) => {
      const opened = new OpenedNativeFrameIo(setup, 64)
      kernel(mode)
      try {
        await runSteps(opened, sequence)
      } finally {
        kernel(undefined)
        await opened.close()
      }
    })
    await fc.assert(property, { numRuns: 2 })
  }
  await withPorts(setup, refuses)
  for (const mode of ['old', 'sandboxed'] as const) {
    const opened = new OpenedNativeFrameIo({ ...setup, backend: 'epoll' }, 64)
    kernel(mode)
    try {
      await waitsInMilliseconds(opened)
    } finally {
      kernel(undefined)
      await opened.close()
    }
  }
  process.stdout.write('done\n')
} finally {
  await setup.farEnd.stop()
  setup.namespace.remove()
}
