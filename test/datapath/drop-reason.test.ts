import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DROP_REASON_COUNT, DROP_REASONS, DropReason } from '../../src/datapath/drop-reason.ts'
import { DESCRIPTOR_SHIFT, RESULT, STATUS_TRANSMIT_FAILURES } from '../../src/datapath/frame-memory.ts'
import type { QueuedFrame } from '../../src/ports/memory-frame-io.ts'
import { assertAllAccountedFor, play, type Scenario } from '../support/scenario.ts'
import { pattern, transportFrame } from '../support/transport-frame.ts'

const TWO_PORTS = `
  network 1
  port 1,2 network=1
`

/** For each reason something that makes the data path drop one frame or more for it, and none for another. */
const PROVOCATIONS: Readonly<Partial<Record<Exclude<keyof typeof DropReason, 'none'>, () => Scenario>>> = {
  runtFrame: () => playOn(TWO_PORTS, '1> b a cut=13', '1! runt-frame'),
  frameTooLong: () => playOn(TWO_PORTS, '1> b a length=1515', '1! frame-too-long'),
  sourceMulticast: () => playOn(TWO_PORTS, '1> b * hello', '1! source-multicast'),
  offloadInvalid: () => playOn(TWO_PORTS, '1> b a virtio=255,0,0,0,0,0', '1! offload-invalid'),
  noDomain: () => {
    const scenario = play(TWO_PORTS)
    scenario.engine.removePort(1)
    scenario.io.inject(1, new Uint8Array(60))
    scenario.run()
    return scenario
  },
  reservedAddress: () => playOn(TWO_PORTS, '1> 01:80:c2:00:00:00 a bpdu', '1! reserved-address'),
  samePort: () => playOn(TWO_PORTS, '1> a a hello', '1! same-port'),
  noOtherPort: () => playOn('network 1', 'port 1 network=1', '1> * a hello', '1! no-other-port'),
  segmentLimit: () => {
    const scenario = superFramesTo(1)
    scenario.arrive(1, superFrame(10_000, 1))
    scenario.run()
    return scenario
  },
  transmitListFull: () => {
    const scenario = superFramesTo(9)
    scenario.arrive(1, superFrame(64_000, 48))
    scenario.run()
    // 9 x 1,334 segments are wanted, 8,192 fit.
    assert.equal(scenario.engine.counters.total().drops[DropReason.transmitListFull], 9 * 1334 - 8192)
    return scenario
  },
  deviceDown: () => refusedWith('EIO'),
  deviceQueueFull: () =>
    playOn(
      'network 1',
      'port 1 network=1',
      'port 2 network=1 queue=1',
      '1> b a hello',
      '1> b a hello',
      '2< b a hello',
      '2! device-queue-full',
    ),
  deviceRefused: () => refusedWith('EINVAL'),
  deviceGone: () => refusedWith('ENODEV'),
}

/** Linux's numbers, asm-generic/errno-base.h and errno.h, and what they mean on a transmission. */
const ERRORS = {
  EPERM: [1, DropReason.deviceRefused],
  EIO: [5, DropReason.deviceDown],
  ENXIO: [6, DropReason.deviceGone],
  EBADF: [9, DropReason.deviceGone],
  EAGAIN: [11, DropReason.deviceQueueFull],
  ENOMEM: [12, DropReason.deviceQueueFull],
  ENODEV: [19, DropReason.deviceGone],
  EINVAL: [22, DropReason.deviceRefused],
  EBADFD: [77, DropReason.deviceGone],
  EMSGSIZE: [90, DropReason.deviceRefused],
  ENETDOWN: [100, DropReason.deviceDown],
  ENOBUFS: [105, DropReason.deviceQueueFull],
} as const

describe('each drop reason', () => {
  for (const [key, provoke] of Object.entries(PROVOCATIONS)) {
    const reason = DropReason[key as keyof typeof DropReason]

    it(`${DROP_REASONS[reason]!.name} is counted when it occurs`, () => {
      const { drops } = provoke().engine.counters.total()
      const counted = drops.flatMap((count, index) => (count > 0 ? [DROP_REASONS[index]!.name] : []))
      assert.deepEqual(counted, [DROP_REASONS[reason]!.name])
    })
  }

  it('has a number of its own, a name in kebab-case like its key, and a sentence', () => {
    const entries = Object.entries(DropReason)
    assert.equal(DROP_REASON_COUNT, entries.length)
    for (const [index, [key, value]] of entries.entries()) {
      assert.equal(value, index)
      const { name, sentence } = DROP_REASONS[value]!
      assert.equal(
        name,
        key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
      )
      assert.match(name, /^[a-z]+(-[a-z]+)*$/)
      assert.match(sentence, /^[A-Z].*[^.]\.$/)
    }
    assert.equal(new Set(DROP_REASONS.map(({ name }) => name)).size, DROP_REASON_COUNT)
    assert.equal(new Set(DROP_REASONS.map(({ sentence }) => sentence)).size, DROP_REASON_COUNT)
  })
})

describe('what a device answers', () => {
  for (const [name, [, reason]] of Object.entries(ERRORS)) {
    it(`${name} counts as ${DROP_REASONS[reason]!.name}, and not as transmitted`, () => {
      const { engine } = refusedWith(name as keyof typeof ERRORS)
      const { transmittedFrames, transmittedBytes, drops } = engine.counters.port(2)
      assert.equal(drops[reason], 1)
      assert.deepEqual(
        { transmittedFrames, transmittedBytes },
        { transmittedFrames: 1, transmittedBytes: 19 },
      )
    })
  }
})

function playOn(...lines: readonly string[]): Scenario {
  return play(lines.join('\n'))
}

/** Two frames to port 2, the first of which its device refuses. */
function refusedWith(name: keyof typeof ERRORS): Scenario {
  const scenario = playOn(TWO_PORTS)
  const { io, engine } = scenario
  const { status, transmits } = io.memory
  io.inject(1, frame(60))
  io.inject(1, frame(19))
  scenario.turn()
  assert.equal(engine.transmitCount, 2)
  transmits[(0 << DESCRIPTOR_SHIFT) + RESULT] = -ERRORS[name][0]
  transmits[(1 << DESCRIPTOR_SHIFT) + RESULT] = 0
  status[STATUS_TRANSMIT_FAILURES] = 1
  engine.settle()
  assertAllAccountedFor(engine.counters.total())
  return scenario
}

function frame(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  bytes.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2])
  return bytes
}

/** Port 1, and as many others as told, none of which takes super-frames. */
function superFramesTo(plainPorts: number): Scenario {
  const scenario = playOn('network 1', 'port 1 network=1')
  for (let port = 2; port < 2 + plainPorts; port++) scenario.port(port, { plain: true })
  return scenario
}

const superFrame = (length: number, gsoSize: number): QueuedFrame =>
  transportFrame({
    protocol: 'tcp',
    version: 4,
    payload: pattern(length),
    target: '*',
    source: 'a',
    left: 'segmentation',
    gsoSize,
  })
