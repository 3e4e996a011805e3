/**
 * What every FrameIo does, whatever its frames come from. Each implementation brings the other end of its ports and runs
 * all of this.
 */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import {
  DESCRIPTOR_SHIFT,
  DESCRIPTOR_WORDS,
  FRAME_IN_SLOT,
  OFFSET,
  SLOT_SIZE,
  VIRTIO_NET_HEADER_SIZE,
} from '../../src/datapath/frame-memory.ts'
import { BURST_MAX, PORT_EVENTS_MAX, PORTS_MAX, TRANSMIT_MAX } from '../../src/limits.ts'
import type { FrameIo } from '../../src/ports/frame-io.ts'
import {
  assertFrames,
  byPort,
  copyBurst,
  events,
  failures,
  frameBytes,
  placeInArena,
  type ReceivedFrame,
  receive,
  receiveNothing,
  result,
  setTransmit,
  testFrame,
  testFrames,
  woken,
} from '../support/frame-io.ts'
import type { Skip } from '../support/requirements.ts'
import { runSteps, steps } from './frame-io.model.ts'

/** A FrameIo, and the other end of its ports. */
export interface OpenedFrameIo {
  readonly io: FrameIo
  /** Attaches a port for which the frames `waiting` stand in the queue already. */
  readonly attach: (port: number, waiting?: readonly Uint8Array[]) => Promise<void>
  /** Lets frames arrive at the port. They can be received when this has resolved. */
  readonly inject: (port: number, frames: readonly Uint8Array[]) => Promise<void>
  /** What was transmitted to the port since the last call. */
  readonly collect: (port: number) => Promise<Uint8Array[]>
  /** Makes the port's device vanish. */
  readonly vanish: (port: number) => Promise<void>
  readonly wake: () => void
  readonly close: () => Promise<void>
}

export interface FrameIoUnderTest {
  readonly name: string
  /** Before the first case and after the last. */
  start?(): void
  stop?(): Promise<void>
  open(slots?: number): Promise<OpenedFrameIo>
  /** How many ports "many" are: devices take their time. */
  readonly manyPorts: number
  /** How often random steps are tried. */
  readonly modelRuns: number
  readonly skip?: Skip
}

/** Lengths around which something changes: headers alone, Ethernet's least, Ethernet's most, the longest of all. */
const LENGTHS = [18, 19, 59, 60, 61, 63, 64, 65, 1513, 1514, 9014, 32_767, 65_535]

/** A queue of a TAP holds no more. */
const QUEUE = 1000

export function frameIoConformance(subject: FrameIoUnderTest): void {
  /** Opens, runs, and closes whatever happened. */
  const using = (slots: number | undefined, body: (opened: OpenedFrameIo) => Promise<void>) => async () => {
    const opened = await subject.open(slots)
    try {
      await body(opened)
    } finally {
      await opened.close()
    }
  }
  const opened = (body: (opened: OpenedFrameIo) => Promise<void>) => using(undefined, body)

  describe(subject.name, { skip: subject.skip ?? false }, () => {
    before(() => subject.start?.())
    after(() => subject.stop?.())
    describe('receiving', () => receiving(opened, using))
    describe('transmitting', () => transmitting(opened, using))
    describe('many ports', () => manyPortsAtOnce(opened, subject.manyPorts))
    describe('anything in any order', () => anything(subject))
    describe('refused transmissions', () => refusals(opened))
    describe('waking', () => waking(opened))
    describe('ports that come and go', () => comingAndGoing(opened, using, subject.manyPorts))
  })
}

type Body = (opened: OpenedFrameIo) => Promise<void>
type Opened = (body: Body) => () => Promise<void>
type Using = (slots: number | undefined, body: Body) => () => Promise<void>

function receiving(opened: Opened, using: Using): void {
  it(
    'hands out the exact bytes, the port, the length and a virtio-net header that asks for nothing',
    opened(async ({ io, attach, inject }) => {
      await attach(7)
      const frames = LENGTHS.map((length, index) => testFrame(index, length))
      await inject(7, frames)
      const received = receive(io, frames.length)
      assertFrames(received.map(frameBytes), frames)
      for (const frame of received) {
        assert.equal(frame.port, 7)
        assert.deepEqual(frame.header, new Uint8Array(VIRTIO_NET_HEADER_SIZE))
      }
      receiveNothing(io)
    }),
  )

  it(
    'gives each frame of a burst a slot of its own',
    opened(async ({ io, attach, inject }) => {
      await attach(0)
      await inject(0, testFrames(BURST_MAX))
      const { layout, received } = io.memory
      receive(io, BURST_MAX, (count) => {
        const slots = Array.from({ length: count }, (_, index) => {
          const inSlots = (received[(index << DESCRIPTOR_SHIFT) + OFFSET] ?? 0) - layout.slots
          assert.equal(inSlots % SLOT_SIZE, FRAME_IN_SLOT)
          return Math.floor(inSlots / SLOT_SIZE)
        })
        assert.ok(slots.every((slot) => slot >= 0 && slot < layout.slotCount))
        assert.equal(new Set(slots).size, count)
      })
    }),
  )

  it(
    'hands a queue longer than a burst out over several polls, in order, without loss or duplicate',
    opened(async ({ io, attach, inject }) => {
      await attach(3)
      const frames = testFrames(3 * BURST_MAX + 7)
      await inject(3, frames)
      const received = receive(io, frames.length, (count) => assert.ok(count <= BURST_MAX))
      assertFrames(received.map(frameBytes), frames)
      receiveNothing(io)
    }),
  )

  it(
    'keeps the order within each port',
    opened(async ({ io, attach, inject }) => {
      const sent = [0, 1, 2].map((port) => testFrames(90, { first: port * 1000 }))
      for (const port of sent.keys()) await attach(port)
      for (let at = 0; at < 90; at += 30) {
        for (const [port, frames] of sent.entries()) await inject(port, frames.slice(at, at + 30))
      }
      const received = byPort(receive(io, 270))
      for (const [port, frames] of sent.entries()) assertFrames(received.get(port) ?? [], frames)
    }),
  )

  it(
    'gives busy ports their turns, and a quiet one its own',
    opened(async ({ io, attach, inject }) => {
      const [busy, quiet] = [[1, 2, 3], 4]
      for (const port of [...busy, quiet]) await attach(port)
      for (const port of busy) await inject(port, testFrames(QUEUE, { first: port * QUEUE }))
      await inject(quiet, testFrames(30))
      const received = receive(io, 3 * QUEUE + 30)
      const framesOf = (port: number, end: number) =>
        received.slice(0, end).filter((frame) => frame.port === port).length
      const ends = busy.map((port) => received.findLastIndex((frame) => frame.port === port))
      const firstEnd = Math.min(...ends)
      for (const port of busy) assert.ok(framesOf(port, firstEnd) > QUEUE / 4, `port ${port} was passed over`)
      assert.ok(received.findLastIndex(({ port }) => port === quiet) < firstEnd, 'the quiet port came last')
      for (const port of busy) {
        assertFrames(byPort(received).get(port) ?? [], testFrames(QUEUE, { first: port * QUEUE }))
      }
    }),
  )

  it(
    'serves more ports in turn than there are slots',
    using(2, async ({ io, attach, inject }) => {
      const ports = [0, 1, 2, 3, 4]
      for (const port of ports) await attach(port)
      for (const port of ports) await inject(port, testFrames(12, { first: port * 100 }))
      const received = receive(io, 60)
      const firsts = ports.map((port) => received.findIndex((frame) => frame.port === port))
      assert.ok(Math.max(...firsts) < 20, `first frames of the ports stand at ${firsts.join(', ')}`)
      for (const [port, frames] of byPort(received)) {
        assertFrames(frames, testFrames(12, { first: port * 100 }))
      }
    }),
  )
}

function transmitting(opened: Opened, using: Using): void {
  it(
    'sends the exact bytes, from the arena too',
    opened(async ({ io, attach, collect }) => {
      await attach(7)
      const frames = LENGTHS.map((length, index) => testFrame(index, length))
      placeInArena(io, frames).forEach((offset, index) => {
        setTransmit(io, index, 7, offset, LENGTHS[index] ?? 0)
      })
      assert.equal(io.poll(frames.length, 0), 0)
      assert.equal(failures(io), 0)
      assertFrames(await collect(7), frames)
    }),
  )

  it(
    'sends a received frame on from where it stands, in the order of the list',
    opened(async ({ io, attach, inject, collect }) => {
      await attach(1)
      await attach(2)
      const frames = testFrames(100)
      await inject(1, frames)
      const received: ReceivedFrame[] = []
      // One poll at a time: what it returned is sent by the next.
      let transmits = 0
      while (received.length < frames.length || transmits > 0) {
        const count = io.poll(transmits, transmits > 0 ? 0 : 1_000_000)
        assert.equal(failures(io), 0)
        assert.ok(count > 0 || transmits > 0, 'waited in vain')
        received.push(...copyBurst(io, count))
        for (let index = 0; index < count; index++) forward(io, index, index, 2)
        transmits = count
      }
      assertFrames(await collect(2), frames)
      assert.deepEqual(await collect(1), [])
    }),
  )

  it(
    'gets slots back with each poll: far more frames pass than there are slots',
    using(16, async ({ io, attach, inject, collect }) => {
      await attach(1)
      await attach(2)
      const frames = testFrames(400, { length: 1514 })
      await inject(1, frames)
      let transmits = 0
      let done = 0
      while (done < frames.length || transmits > 0) {
        const count = io.poll(transmits, transmits > 0 ? 0 : 1_000_000)
        assert.ok(count > 0 || transmits > 0, 'waited in vain')
        assert.ok(count <= 16)
        for (let index = 0; index < count; index++) forward(io, index, index, 2)
        transmits = count
        done += count
      }
      assertFrames(await collect(2), frames)
    }),
  )

  it(
    'sends what the burst still holds, though a port that comes just then has frames waiting',
    using(4, async ({ io, attach, inject, collect }) => {
      await attach(1)
      await attach(2)
      const frames = testFrames(4)
      await inject(1, frames)
      assert.equal(receiveWhole(io, 4), 4)
      for (let index = 0; index < 4; index++) forward(io, index, index, 2)
      const waiting = testFrames(4, { first: 500 })
      await attach(3, waiting)
      const count = io.poll(4, 1_000_000)
      const burst = copyBurst(io, count)
      assertFrames(await collect(2), frames)
      const received = [...burst, ...receive(io, 4 - count)]
      assertFrames(received.map(frameBytes), waiting)
    }),
  )

  it(
    `carries out ${TRANSMIT_MAX} transmissions in one poll, in order`,
    opened(async ({ io, attach, collect }) => {
      await attach(1)
      await attach(2)
      const frames = testFrames(TRANSMIT_MAX, { length: 64 })
      placeInArena(io, frames).forEach((offset, index) => setTransmit(io, index, 1 + (index % 2), offset, 64))
      assert.equal(io.poll(TRANSMIT_MAX, 0), 0)
      assert.equal(failures(io), 0)
      assertFrames(
        await collect(1),
        frames.filter((_, index) => index % 2 === 0),
      )
      assertFrames(
        await collect(2),
        frames.filter((_, index) => index % 2 === 1),
      )
    }),
  )

  it(
    'refuses lists that no memory holds, and goes on',
    opened(async ({ io, attach, collect }) => {
      await attach(1)
      for (const count of [TRANSMIT_MAX + 1, -1, 2 ** 31 - 1]) {
        assert.throws(() => io.poll(count, 0), /transmit|poll|ERANGE/i)
        assert.throws(() => io.transmit(count), /transmit|ERANGE/i)
      }
      const [offset = 0] = placeInArena(io, testFrames(1))
      setTransmit(io, 0, 1, offset, 60)
      io.poll(1, 0)
      assertFrames(await collect(1), testFrames(1))
    }),
  )

  it(
    'transmit() receives nothing and leaves the burst as it is',
    opened(async ({ io, attach, inject, collect }) => {
      await attach(1)
      await attach(2)
      const frames = testFrames(5)
      await inject(1, frames)
      assert.equal(receiveWhole(io, 5), 5)
      const burst = copyBurst(io, 5)
      await inject(1, testFrames(5, { first: 100 }))
      for (let round = 0; round < 3; round++) {
        for (let index = 0; index < 5; index++) forward(io, index, index, 2)
        io.transmit(5)
        assert.equal(failures(io), 0)
        assert.deepEqual(copyBurst(io, 5), burst)
      }
      assertFrames(await collect(2), [...frames, ...frames, ...frames])
      assertFrames(receive(io, 5).map(frameBytes), testFrames(5, { first: 100 }))
    }),
  )
}

function manyPortsAtOnce(opened: Opened, manyPorts: number): void {
  it(
    `receives from ${manyPorts} ports at once, and floods a frame to all of them`,
    opened(async ({ io, attach, inject, collect }) => {
      // From the last number down, so that no number is also an order.
      const ports = Array.from({ length: manyPorts }, (_, index) => PORTS_MAX - 1 - index)
      for (const port of ports) await attach(port)
      for (const port of ports) await inject(port, testFrames(2, { first: port * 2 }))
      const received = byPort(receive(io, manyPorts * 2))
      assert.equal(received.size, manyPorts)
      for (const [port, frames] of received) assertFrames(frames, testFrames(2, { first: port * 2 }))
      receiveNothing(io)

      const [first = 0, ...others] = ports
      const flooded = testFrames(1, { length: 300 })
      await inject(first, flooded)
      assert.equal(receiveWhole(io, 1), 1)
      others.forEach((port, index) => forward(io, 0, index, port))
      io.poll(others.length, 0)
      assert.equal(failures(io), 0)
      assert.deepEqual(await collect(first), [])
      for (const port of others) assertFrames(await collect(port), flooded)
    }),
  )
}

function anything(subject: FrameIoUnderTest): void {
  for (const slots of [3, 64]) {
    it(`is what a model of queues says it is, with ${slots} slots`, async () => {
      const property = fc.asyncProperty(steps, async (sequence) => {
        const opened = await subject.open(slots)
        try {
          await runSteps(opened, sequence)
        } finally {
          await opened.close()
        }
      })
      await fc.assert(property, { numRuns: subject.modelRuns })
    })
  }
}

function refusals(opened: Opened): void {
  it(
    'names a port that is not attached, and sends the rest of the list',
    opened(async ({ io, attach, collect }) => {
      await attach(1)
      const frames = testFrames(2)
      const [first = 0, second = 0] = placeInArena(io, frames)
      const strangers = [0, 2, PORTS_MAX - 1, PORTS_MAX, -1, 2 ** 31 - 1, -(2 ** 31)]
      setTransmit(io, 0, 1, first, 60)
      strangers.forEach((port, index) => setTransmit(io, index + 1, port, first, 60))
      setTransmit(io, strangers.length + 1, 1, second, 60)
      io.poll(strangers.length + 2, 0)
      assert.equal(failures(io), strangers.length)
      assert.equal(result(io, 0), 0)
      for (const index of strangers.keys()) assert.equal(result(io, index + 1), -ENODEV)
      assert.equal(result(io, strangers.length + 1), 0)
      assertFrames(await collect(1), frames)
    }),
  )

  it(
    'refuses descriptors that point outside of the memory, and keeps the port',
    opened(async ({ io, attach, inject, collect }) => {
      await attach(1)
      const { size, slots, arena } = io.memory.layout
      const outside: readonly (readonly [number, number])[] = [
        [0, 60],
        [slots, 60],
        [slots + VIRTIO_NET_HEADER_SIZE - 1, 60],
        [-1, 60],
        [-(2 ** 31), 60],
        [size, 1],
        [size - 59, 60],
        [size + 1, 0],
        [2 ** 31 - 1, 60],
        [arena + 64, -1],
        [arena + 64, -(2 ** 31)],
        [arena + 64, size],
        [arena + 64, 2 ** 31 - 1],
      ]
      outside.forEach(([offset, length], index) => setTransmit(io, index, 1, offset, length))
      io.poll(outside.length, 0)
      assert.equal(failures(io), outside.length)
      for (const index of outside.keys()) assert.equal(result(io, index), -EFAULT, `case ${index}`)
      assert.deepEqual(events(io), [])
      io.transmit(outside.length)
      assert.equal(failures(io), outside.length)
      assert.deepEqual(await collect(1), [])
      await inject(1, testFrames(1))
      assertFrames(receive(io, 1).map(frameBytes), testFrames(1))
    }),
  )

  it(
    'forgets the results of the list before',
    opened(async ({ io, attach, collect }) => {
      await attach(1)
      const [offset = 0] = placeInArena(io, testFrames(1))
      setTransmit(io, 0, 2, offset, 60)
      io.transmit(1)
      assert.equal(failures(io), 1)
      io.memory.transmits[0] = 1
      io.transmit(1)
      assert.equal(failures(io), 0)
      assert.equal(result(io, 0), 0)
      io.memory.transmits[0] = 2
      io.poll(1, 0)
      assert.equal(failures(io), 1)
      io.poll(0, 0)
      assert.equal(failures(io), 0)
      assertFrames(await collect(1), testFrames(1))
    }),
  )
}

function waking(opened: Opened): void {
  it(
    'does not wait where it is told not to',
    opened(async ({ io, attach }) => {
      receiveNothing(io)
      await attach(1)
      receiveNothing(io)
      assert.equal(woken(io), false)
    }),
  )

  it(
    'ends a wait, and says so once',
    opened(async ({ io, attach, wake }) => {
      await attach(1)
      wake()
      wake()
      pollUntilWoken(io)
      assert.equal(io.poll(0, 0), 0)
      assert.equal(woken(io), false)
      wake()
      pollUntilWoken(io)
    }),
  )

  it(
    'keeps a wake that comes during transmit() for the next poll',
    opened(async ({ io, wake }) => {
      io.poll(0, 0)
      wake()
      io.transmit(0)
      assert.equal(woken(io), false)
      pollUntilWoken(io)
    }),
  )

  it(
    'tells of a wake and hands out frames all the same',
    opened(async ({ io, attach, inject, wake }) => {
      await attach(1)
      await inject(1, testFrames(3))
      wake()
      let wakes = 0
      receive(io, 3, () => {
        wakes += woken(io) ? 1 : 0
      })
      if (wakes === 0) {
        pollUntilWoken(io)
        wakes++
      }
      assert.equal(wakes, 1)
    }),
  )
}

function comingAndGoing(opened: Opened, using: Using, manyPorts: number): void {
  it(
    'reports a port that vanished once, with an errno, and goes on with the others',
    opened(async ({ io, attach, inject, collect, vanish }) => {
      await attach(1)
      await attach(2)
      await vanish(1)
      await inject(2, testFrames(2))
      const reported: [number, number][] = []
      const received = receive(io, 2, () => reported.push(...events(io)))
      while (reported.length === 0) {
        io.poll(0, 1_000_000)
        reported.push(...events(io))
      }
      assertFrames(received.map(frameBytes), testFrames(2))
      assert.equal(reported.length, 1)
      const [[port, error] = [0, 0]] = reported
      assert.equal(port, 1)
      assert.ok(error > 0)
      receiveNothing(io)
      const [offset = 0] = placeInArena(io, testFrames(1))
      setTransmit(io, 0, 1, offset, 60)
      setTransmit(io, 1, 2, offset, 60)
      io.poll(2, 0)
      assert.equal(failures(io), 1)
      assert.equal(result(io, 0), -ENODEV)
      assert.deepEqual(events(io), [])
      assertFrames(await collect(2), testFrames(1))
    }),
  )

  it(
    'reports a port that vanished when it is written to as well, still once',
    opened(async ({ io, attach, vanish }) => {
      await attach(1)
      await vanish(1)
      const [offset = 0] = placeInArena(io, testFrames(1))
      setTransmit(io, 0, 1, offset, 60)
      setTransmit(io, 1, 1, offset, 60)
      io.transmit(2)
      assert.equal(failures(io), 2)
      io.poll(2, 1_000_000)
      assert.equal(failures(io), 2)
      assert.deepEqual(
        events(io).map(([port]) => port),
        [1],
      )
      io.poll(2, 0)
      assert.deepEqual([result(io, 0), result(io, 1)], [-ENODEV, -ENODEV])
      assert.deepEqual(events(io), [])
    }),
  )

  it(
    'a vanished port that is detached before it was reported is not reported, nor is its successor',
    opened(async ({ io, attach, inject, vanish }) => {
      await attach(1)
      io.poll(0, 0)
      await vanish(1)
      const [offset = 0] = placeInArena(io, testFrames(1))
      setTransmit(io, 0, 1, offset, 60)
      io.transmit(1)
      io.detach(1)
      await attach(1)
      receiveNothing(io)
      await inject(1, testFrames(1))
      assertFrames(receive(io, 1).map(frameBytes), testFrames(1))
      assert.deepEqual(events(io), [])
    }),
  )

  if (manyPorts > PORT_EVENTS_MAX) {
    it(
      `reports ${manyPorts} vanished ports over several polls, each once`,
      opened(async ({ io, attach, vanish }) => {
        const ports = Array.from({ length: manyPorts }, (_, index) => index)
        for (const port of ports) await attach(port)
        for (const port of ports) await vanish(port)
        const reported: number[] = []
        while (reported.length < manyPorts) {
          io.poll(0, 1_000_000)
          assert.ok(events(io).length > 0, 'waited in vain')
          reported.push(...events(io).map(([port]) => port))
        }
        assert.deepEqual(
          reported.toSorted((a, b) => a - b),
          ports,
        )
        receiveNothing(io)
      }),
    )
  }

  it(
    'a port attached anew hears nothing of its former life',
    opened(async ({ io, attach, inject, collect }) => {
      await attach(1)
      await attach(2)
      // So many that some have been read and wait for a later poll when the port goes.
      await inject(1, testFrames(BURST_MAX + 300))
      await inject(2, testFrames(20, { first: 9000 }))
      const before = io.poll(0, 1_000_000)
      assert.ok(before > 0)
      const other = copyBurst(io, before).filter(({ port }) => port === 2)
      io.detach(1)
      await attach(1)
      const fresh = testFrames(5, { first: 7000 })
      await inject(1, fresh)
      const received = byPort([...other, ...receive(io, 5 + 20 - other.length)])
      assertFrames(received.get(1) ?? [], fresh)
      assertFrames(received.get(2) ?? [], testFrames(20, { first: 9000 }))
      receiveNothing(io)
      const [offset = 0] = placeInArena(io, testFrames(1))
      setTransmit(io, 0, 1, offset, 60)
      io.poll(1, 0)
      assertFrames(await collect(1), testFrames(1))
    }),
  )

  it(
    'gets the slots of a port back that goes while its frames are on their way',
    using(8, async ({ io, attach, inject }) => {
      await attach(2)
      for (let round = 0; round < 10; round++) {
        await attach(1)
        await inject(1, testFrames(8))
        // Where they have got to by then must not matter: unread, read but not handed out, or handed out.
        if (round % 3 === 1) io.transmit(0)
        if (round % 3 === 2) io.poll(0, 0)
        io.detach(1)
      }
      await inject(2, testFrames(24))
      assertFrames(receive(io, 24).map(frameBytes), testFrames(24))
      receiveNothing(io)
    }),
  )

  it(
    'ignores the detaching of a port that is not attached',
    opened(async ({ io, attach, inject }) => {
      await attach(1)
      io.detach(1)
      for (const port of [1, 2, PORTS_MAX - 1, PORTS_MAX, -1]) io.detach(port)
      await attach(2)
      await inject(2, testFrames(1))
      assertFrames(receive(io, 1).map(frameBytes), testFrames(1))
    }),
  )
}

/** errno(3), Linux. */
const EFAULT = 14
const ENODEV = 19

/** Transmission `to` sends frame `from` of the burst to `port`. */
function forward(io: FrameIo, from: number, to: number, port: number): void {
  const { received, transmits } = io.memory
  const source = from << DESCRIPTOR_SHIFT
  transmits.set(received.subarray(source, source + DESCRIPTOR_WORDS), to << DESCRIPTOR_SHIFT)
  transmits[to << DESCRIPTOR_SHIFT] = port
}

/** Polls until a poll hands out `count` frames at once, in a case where no other comes. */
function receiveWhole(io: FrameIo, count: number): number {
  const received = io.poll(0, 1_000_000)
  return received === 0 ? io.poll(0, 1_000_000) : Math.min(received, count)
}

/** A poll may come back for nothing, but not again and again: that would be no waiting. */
function pollUntilWoken(io: FrameIo): void {
  for (let polls = 0; polls < 5; polls++) {
    assert.equal(io.poll(0, 10_000_000), 0)
    if (woken(io)) return
  }
  assert.fail('five polls came back without a wake')
}
