import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { COUNTERS_SIZE, Counters } from '../../src/datapath/counters.ts'
import { DROP_REASON_COUNT, DropReason } from '../../src/datapath/drop-reason.ts'
import { PORTS_MAX } from '../../src/limits.ts'

const ZERO = {
  receivedFrames: 0,
  receivedBytes: 0,
  transmittedFrames: 0,
  transmittedBytes: 0,
  flooded: 0,
  floodCopies: 0,
  segmentCopies: 0,
  originated: 0,
  consumed: 0,
  held: 0,
  drops: Array<number>(DROP_REASON_COUNT).fill(0),
}

describe('counters', () => {
  it('count each thing in its place, each port apart', () => {
    const counters = new Counters()
    counters.received(1, 60)
    counters.received(1, 1514)
    counters.transmitted(2, 100)
    counters.flooded(1, 1)
    counters.flooded(1, 5)
    counters.segmented(2, 44)
    counters.originated(4)
    counters.consumed(4)
    counters.consumed(4)
    counters.held(4, 1)
    counters.held(4, 1)
    counters.held(4, 1)
    counters.held(4, -1)
    counters.copied(4, 3)
    for (let reason = 1; reason < DROP_REASON_COUNT; reason++) {
      for (let i = 0; i < reason; i++) counters.dropped(3, reason as DropReason)
    }
    assert.deepEqual(counters.port(0), ZERO)
    assert.deepEqual(counters.port(1), {
      ...ZERO,
      receivedFrames: 2,
      receivedBytes: 1574,
      flooded: 2,
      floodCopies: 4,
    })
    assert.deepEqual(counters.port(2), {
      ...ZERO,
      transmittedFrames: 1,
      transmittedBytes: 100,
      segmentCopies: 43,
    })
    assert.deepEqual(counters.port(3), { ...ZERO, drops: ZERO.drops.map((_, reason) => reason) })
    assert.deepEqual(counters.port(4), { ...ZERO, originated: 1, consumed: 2, held: 2, floodCopies: 3 })
    assert.deepEqual(counters.port(5), ZERO)
  })

  it('take back what a device has refused', () => {
    const counters = new Counters()
    counters.transmitted(1, 100)
    counters.transmitted(1, 200)
    counters.refused(1, 100, DropReason.deviceQueueFull)
    const { transmittedFrames, transmittedBytes, drops } = counters.port(1)
    assert.deepEqual({ transmittedFrames, transmittedBytes }, { transmittedFrames: 1, transmittedBytes: 200 })
    assert.equal(drops[DropReason.deviceQueueFull], 1)
  })

  it('keep the counts of removed ports in the total', () => {
    const counters = new Counters()
    counters.received(PORTS_MAX - 1, 60)
    counters.dropped(PORTS_MAX - 1, DropReason.deviceGone)
    counters.remove(PORTS_MAX - 1)
    assert.deepEqual(counters.port(PORTS_MAX - 1), ZERO)
    counters.received(PORTS_MAX - 1, 60)
    const { receivedFrames, receivedBytes, drops } = counters.total()
    assert.deepEqual({ receivedFrames, receivedBytes }, { receivedFrames: 2, receivedBytes: 120 })
    assert.equal(drops[DropReason.deviceGone], 1)
    assert.deepEqual(counters.totalOf([PORTS_MAX - 1]), counters.total())
    assert.equal(counters.totalOf([]).receivedFrames, 1)
  })

  it('are summed over the ports that one names', () => {
    const counters = new Counters()
    for (const port of [0, 1, 2]) counters.received(port, 60)
    counters.held(1, 1)
    counters.dropped(2, DropReason.deviceGone)
    const { receivedFrames, held, drops } = counters.totalOf([0, 1])
    assert.deepEqual({ receivedFrames, held }, { receivedFrames: 2, held: 1 })
    assert.equal(drops[DropReason.deviceGone], 0)
    assert.deepEqual(counters.totalOf([0, 1, 2]), counters.total())
  })

  it('are seen by another reader of the same memory', () => {
    const buffer = new SharedArrayBuffer(COUNTERS_SIZE)
    const writer = new Counters(buffer)
    const reader = new Counters(buffer)
    writer.received(7, 60)
    assert.equal(reader.port(7).receivedFrames, 1)
    assert.equal(reader.total().receivedBytes, 60)
  })

  it('stay exact far beyond 32 bits', () => {
    const counters = new Counters()
    counters.received(0, 2 ** 52)
    counters.received(0, 1)
    assert.equal(counters.port(0).receivedBytes, 2 ** 52 + 1)
  })
})
