import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Counters } from '../../../src/datapath/counters.ts'
import { DropReason } from '../../../src/datapath/drop-reason.ts'
import { StoreMemory } from '../../../src/datapath/impairment/frame-store.ts'
import { ImpairedLink } from '../../../src/datapath/impairment/impaired-link.ts'
import {
  type ImpairmentSettings,
  LinkDirection,
  NO_IMPAIRMENT,
} from '../../../src/datapath/impairment/impairment-settings.ts'
import { RandomNumbers } from '../../../src/datapath/impairment/random-numbers.ts'
import { IMPAIRMENT_MEMORY_MAX } from '../../../src/limits.ts'

const PORT = 3
const ARRIVAL = 128
const DEPARTURE = 70_008

/** A frame that has left: which one, when, and whether it is as it came. */
interface Left {
  readonly id: number
  readonly atUs: number
  readonly bitsTurned: number
}

/** A link, and the clock of whoever uses it. */
class LinkBed {
  readonly counters = new Counters()
  readonly memory = new StoreMemory()
  readonly link: ImpairedLink
  readonly left: Left[] = []
  readonly #bytes = new Uint8Array(160_000)
  readonly #clock = new Float64Array(1)
  #departed = new Uint8Array()

  constructor(settings: Partial<ImpairmentSettings>) {
    this.link = new ImpairedLink({
      port: PORT,
      direction: LinkDirection.to,
      bytes: this.#bytes,
      words: new Int32Array(this.#bytes.buffer),
      counters: this.counters,
      memory: this.memory,
      clock: this.#clock,
    })
    this.change(settings)
  }

  change(settings: Partial<ImpairmentSettings>): void {
    this.link.change({ ...NO_IMPAIRMENT, ...settings })
  }

  /** Frame `id` arrives, of at least four bytes. */
  arrive(id: number, length: number, nowUs: number): void {
    this.#write(ARRIVAL, id, length)
    this.counters.received(PORT, length)
    this.#clock[0] = nowUs
    if (this.link.submit(ARRIVAL, length, true)) this.#leave(ARRIVAL, length, nowUs)
  }

  /** Everything leaves that is due by then, each at its time. */
  run(untilUs: number): void {
    this.#clock[0] = untilUs
    while (this.link.isDue) {
      const { nextDueUs, nextLength } = this.link
      this.#bytes.fill(0xee, DEPARTURE - 10, DEPARTURE + nextLength + 4)
      this.link.release(DEPARTURE)
      this.#leave(DEPARTURE, nextLength, nextDueUs)
    }
  }

  /** Each frame is somewhere. */
  check(): void {
    const { receivedFrames, floodCopies, transmittedFrames, held, drops } = this.counters.port(PORT)
    const dropped = drops.reduce((sum, count) => sum + count, 0)
    assert.equal(receivedFrames + floodCopies, transmittedFrames + dropped + held)
    const { passed, lost, duplicated, queueFull, down, waiting } = this.link.counts
    assert.deepEqual(
      { passed, lost, duplicated, waiting },
      { passed: transmittedFrames, lost: drops[DropReason.linkLoss], duplicated: floodCopies, waiting: held },
    )
    assert.deepEqual([queueFull, down], [drops[DropReason.linkQueueFull], drops[DropReason.linkDown]])
  }

  /** Which bit the frame that left last came with turned; it must have been frame 0. */
  turnedBit(length: number): number {
    for (let i = 0; i < length; i++) {
      const turned = this.#departed[i]! ^ (i < 12 ? 0 : i)
      if (turned !== 0) return 8 * i + (31 - Math.clz32(turned))
    }
    return -1
  }

  #leave(offset: number, length: number, atUs: number): void {
    this.counters.transmitted(PORT, length)
    const view = new DataView(this.#bytes.buffer, offset, length)
    const [a, b, c] = [view.getUint32(0), view.getUint32(4), view.getUint32(8)]
    // Two of the three are as they were.
    const id = ((a & b) | (b & c) | (a & c)) >>> 0
    const before = this.#bytes.slice(offset, offset + length)
    this.#departed = before
    this.#write(DEPARTURE, id, length)
    let bitsTurned = 0
    for (let i = 0; i < length; i++) bitsTurned += bitsOf(before[i]! ^ this.#bytes[DEPARTURE + i]!)
    this.left.push({ id, atUs, bitsTurned })
  }

  #write(offset: number, id: number, length: number): void {
    const view = new DataView(this.#bytes.buffer, offset, length)
    for (let i = 0; i < length; i++) view.setUint8(i, i & 0xff)
    for (const at of [0, 4, 8]) view.setUint32(at, id)
  }
}

function bitsOf(byte: number): number {
  let count = 0
  for (let rest = byte; rest !== 0; rest >>>= 1) count += rest & 1
  return count
}

const inOrder = (one: Left, other: Left): number =>
  one.atUs - other.atUs || one.id - other.id || one.bitsTurned - other.bitsTurned

const idsOf = (left: readonly Left[]): number[] => left.map(({ id }) => id)

interface Arrival {
  readonly afterUs: number
  readonly length: number
}

/** The same link as people would write it who have all the memory and all the time: a list that is sorted. */
function modelOf(settings: ImpairmentSettings, arrivals: readonly Arrival[]): Left[] {
  const random = new RandomNumbers(settings.seed)
  const left: Left[] = []
  let waiting: Left[] = []
  let nowUs = 0
  let freeUs = 0
  const draws = (probability: number): boolean =>
    probability > 0 && random.next() >>> 0 < probability * 2 ** 32
  const leaveUntil = (untilUs: number): void => {
    waiting = waiting.toSorted((one, other) => one.atUs - other.atUs)
    left.push(...waiting.filter(({ atUs }) => atUs <= untilUs))
    waiting = waiting.filter(({ atUs }) => atUs > untilUs)
  }
  const pass = (id: number, length: number): void => {
    if (draws(settings.loss)) return
    const isCorrupt = draws(settings.corrupt)
    const ahead = draws(settings.reorder)
    let atUs = nowUs
    if (!ahead) {
      const isLate = settings.delayUs + settings.jitterUs + settings.rate > 0
      if (isLate && waiting.length >= settings.queue) return
      const jitter = settings.jitterUs === 0 ? 0 : random.below(2 * settings.jitterUs + 1) - settings.jitterUs
      if (settings.rate > 0) {
        freeUs = Math.max(nowUs, freeUs) + length * (8_000_000 / settings.rate)
        atUs = freeUs
      }
      atUs += Math.max(0, settings.delayUs + jitter)
    }
    if (isCorrupt) random.below(8 * length)
    waiting.push({ id, atUs, bitsTurned: isCorrupt ? 1 : 0 })
  }
  for (const [id, { afterUs, length }] of arrivals.entries()) {
    nowUs += afterUs
    leaveUntil(nowUs)
    const isTwice = draws(settings.duplicate)
    pass(id, length)
    if (isTwice) pass(id, length)
    leaveUntil(nowUs)
  }
  leaveUntil(Number.POSITIVE_INFINITY)
  return left
}

const probability = fc.constantFrom(0, 0, 0.01, 0.3, 1)
const anySettings: fc.Arbitrary<ImpairmentSettings> = fc
  .record({
    delayUs: fc.constantFrom(0, 0, 1, 50, 10_000),
    jitterUs: fc.constantFrom(0, 0, 3, 100, 20_000),
    loss: fc.constantFrom(0, 0, 0.3),
    duplicate: probability,
    reorder: fc.constantFrom(0, 0, 0.5),
    corrupt: probability,
    rate: fc.constantFrom(0, 0, 1_000_000, 333_333_333),
    queue: fc.constantFrom(1, 3, 1000),
    down: fc.constant(false),
    seed: fc.integer(),
  })
  // Of two that come at the same time, the model keeps the first until both have drawn.
  .map((settings) => (settings.duplicate > 0 ? { ...settings, queue: 1000 } : settings))
const anyArrivals = fc.array(
  fc.record({ afterUs: fc.constantFrom(0, 0, 1, 20, 700), length: fc.integer({ min: 14, max: 1514 }) }),
  { maxLength: 120 },
)

function play(settings: Partial<ImpairmentSettings>, arrivals: readonly Arrival[]): LinkBed {
  const bed = new LinkBed(settings)
  let nowUs = 0
  for (const [id, { afterUs, length }] of arrivals.entries()) {
    nowUs += afterUs
    bed.run(nowUs)
    bed.arrive(id, length, nowUs)
    // What is due at once waits for nobody.
    bed.run(nowUs)
    bed.check()
  }
  bed.run(Number.MAX_SAFE_INTEGER)
  bed.check()
  return bed
}

/** `count` frames, one each millisecond. */
const steady = (count: number, length = 100): Arrival[] =>
  Array.from({ length: count }, () => ({ afterUs: 1000, length }))

/** Whether `hits` of `tries` are what a probability makes of them but once in three million runs: five standard deviations. */
function assertBinomial(hits: number, tries: number, probability: number): void {
  const deviation = Math.sqrt(tries * probability * (1 - probability))
  assert.ok(
    Math.abs(hits - tries * probability) <= 5 * deviation,
    `${hits} of ${tries}, where ${tries * probability} are expected, give or take ${5 * deviation}`,
  )
}

describe('a link', () => {
  it('does with every frame what a sorted list would, whatever it is asked for', () => {
    fc.assert(
      fc.property(anySettings, anyArrivals, (settings, arrivals) => {
        const { left } = play(settings, arrivals)
        const wanted = modelOf(settings, arrivals)
        // What goes ahead may pass what is due at the very same time.
        if (settings.reorder === 0) assert.deepEqual(left, wanted)
        else assert.deepEqual(left.toSorted(inOrder), wanted.toSorted(inOrder))
      }),
      { numRuns: 300 },
    )
  })

  it('makes the same fates of the same seed, and others of another', () => {
    const settings = { loss: 0.1, duplicate: 0.1, corrupt: 0.1, reorder: 0.1, jitterUs: 50, delayUs: 100 }
    const fates = (seed: number): Left[] => play({ ...settings, seed }, steady(500)).left
    assert.deepEqual(fates(7), fates(7))
    assert.notDeepEqual(fates(7), fates(8))
  })

  it('begins its random numbers anew with each change', () => {
    const bed = new LinkBed({ loss: 0.5, seed: 7 })
    for (let id = 0; id < 100; id++) bed.arrive(id, 60, 0)
    bed.change({ loss: 0.5, seed: 7 })
    for (let id = 100; id < 200; id++) bed.arrive(id, 60, 0)
    const ids = idsOf(bed.left)
    assert.deepEqual(
      ids.filter((id) => id < 100),
      ids.filter((id) => id >= 100).map((id) => id - 100),
    )
  })

  it('does nothing to frames where nothing is asked for, and keeps no copy', () => {
    const bed = play({}, steady(100))
    assert.deepEqual(
      bed.left,
      steady(100).map((_, id) => ({ id, atUs: 1000 * (id + 1), bitsTurned: 0 })),
    )
    assert.equal(bed.memory.left, IMPAIRMENT_MEMORY_MAX)
  })
})

describe('delay', () => {
  it('is the same for each frame, which stay in order', () => {
    const { left } = play({ delayUs: 50_000 }, steady(200))
    assert.deepEqual(
      left,
      steady(200).map((_, id) => ({ id, atUs: 1000 * (id + 1) + 50_000, bitsTurned: 0 })),
    )
  })

  it('has a jitter that is spread evenly, to both sides', () => {
    const { left } = play({ delayUs: 1000, jitterUs: 100, queue: 10_000, seed: 5 }, steady(20_100))
    const counts = new Int32Array(201)
    for (const { id, atUs } of left) counts[atUs - 1000 * (id + 1) - 900]!++
    // A hundred for each of 201 delays, and a standard deviation of ten.
    assert.ok(counts.every((count) => count > 50 && count < 150))
  })

  it('is never negative', () => {
    const { left } = play({ delayUs: 10, jitterUs: 100 }, steady(1000))
    assert.ok(left.every(({ id, atUs }) => atUs >= 1000 * (id + 1) && atUs <= 1000 * (id + 1) + 110))
  })
})

describe('of many frames', () => {
  const FRAMES = 50_000
  const PROBABILITIES = [0.001, 0.01, 0.25]
  for (const [name, count] of [
    ['loss', 'lost'],
    ['duplicate', 'duplicated'],
    ['corrupt', 'corrupted'],
    ['reorder', 'reordered'],
  ] as const) {
    it(`as many have the fate "${name}" as its probability says`, () => {
      for (const probability of PROBABILITIES) {
        const bed = new LinkBed({ [name]: probability, seed: 42 })
        for (let id = 0; id < FRAMES; id++) {
          bed.arrive(id, 20, id)
          bed.run(id)
        }
        bed.check()
        assertBinomial(bed.link.counts[count], FRAMES, probability)
        const bits = bed.left.reduce((sum, { bitsTurned }) => sum + bitsTurned, 0)
        assert.equal(bits, bed.link.counts.corrupted, 'one bit of each corrupt frame')
      }
    })
  }

  it('each bit is as likely to be turned as another', () => {
    const bed = new LinkBed({ corrupt: 1, seed: 3 })
    const counts = new Int32Array(8 * 20)
    for (let id = 0; id < FRAMES; id++) {
      bed.arrive(0, 20, id)
      bed.run(id)
      counts[bed.turnedBit(20)]!++
    }
    for (const count of counts) assertBinomial(count, FRAMES, 1 / counts.length)
  })
})

describe('the rate', () => {
  it('is exact over 10,000 frames of any length', () => {
    const bed = new LinkBed({ rate: 10_000_000, queue: 10_000 })
    let bits = 0
    for (let id = 0; id < 10_000; id++) {
      const length = 60 + ((id * 7919) % 1455)
      bits += 8 * length
      bed.arrive(id, length, 0)
    }
    bed.run(Number.MAX_SAFE_INTEGER)
    assert.deepEqual(
      idsOf(bed.left),
      Array.from({ length: 10_000 }, (_, id) => id),
    )
    const lastUs = bed.left.at(-1)!.atUs
    assert.ok(Math.abs(lastUs - bits / 10) < 1, `${lastUs} us for ${bits} bits`)
  })

  it('holds for those who look seldom, too', () => {
    const bed = new LinkBed({ rate: 8_000_000, queue: 10_000 })
    // A byte a microsecond; what has left by some time is what fits, however coarse the looks are.
    for (let id = 0; id < 1000; id++) bed.arrive(id, 100, 0)
    for (const atUs of [50, 1234, 40_000]) {
      bed.run(atUs)
      assert.equal(bed.left.length, Math.floor(atUs / 100))
    }
  })

  it('is not saved up while the link is idle', () => {
    const bed = new LinkBed({ rate: 8_000_000 })
    bed.arrive(0, 100, 0)
    bed.run(1_000_000)
    bed.arrive(1, 100, 1_000_000)
    bed.arrive(2, 100, 1_000_000)
    bed.run(2_000_000)
    assert.deepEqual(
      bed.left.map(({ atUs }) => atUs),
      [100, 1_000_100, 1_000_200],
    )
  })

  it('comes before the delay, which does not hold the next frame up', () => {
    const bed = new LinkBed({ rate: 8_000_000, delayUs: 1000 })
    for (let id = 0; id < 3; id++) bed.arrive(id, 100, 0)
    bed.run(10_000)
    assert.deepEqual(
      bed.left.map(({ atUs }) => atUs),
      [1100, 1200, 1300],
    )
  })
})

describe('the queue', () => {
  it('takes as many frames as it was asked to, and drops the next ones', () => {
    const bed = new LinkBed({ delayUs: 1000, queue: 5 })
    for (let id = 0; id < 8; id++) bed.arrive(id, 60, 0)
    assert.deepEqual([bed.link.counts.waiting, bed.link.counts.queueFull], [5, 3])
    bed.run(1000)
    bed.arrive(8, 60, 1001)
    bed.run(5000)
    assert.deepEqual(idsOf(bed.left), [0, 1, 2, 3, 4, 8])
    bed.check()
  })

  it('drops nothing of a link that only loses, doubles or corrupts: there nobody has to wait', () => {
    const bed = new LinkBed({ corrupt: 1, duplicate: 1, queue: 1 })
    for (let id = 0; id < 100; id++) bed.arrive(id, 60, 0)
    bed.run(0)
    assert.equal(bed.left.length, 200)
    assert.equal(bed.link.counts.queueFull, 0)
  })

  it('does not let a frame that it refuses take the time of others', () => {
    const bed = new LinkBed({ rate: 8_000_000, queue: 1 })
    for (let id = 0; id < 3; id++) bed.arrive(id, 100, 0)
    bed.run(100)
    bed.arrive(3, 100, 100)
    bed.run(1000)
    assert.deepEqual(
      bed.left.map(({ id, atUs }) => [id, atUs]),
      [
        [0, 100],
        [3, 200],
      ],
    )
  })
})

describe('a link that changes', () => {
  it('loses what waits when it goes down, and passes nothing until it is up', () => {
    const bed = new LinkBed({ delayUs: 1000 })
    bed.arrive(0, 60, 0)
    bed.change({ down: true })
    bed.arrive(1, 60, 1)
    bed.run(10_000)
    bed.check()
    assert.equal(bed.link.counts.down, 2)
    assert.equal(bed.memory.left, IMPAIRMENT_MEMORY_MAX)
    bed.change({})
    bed.arrive(2, 60, 10_000)
    assert.deepEqual(idsOf(bed.left), [2])
  })

  it('lets what waits keep its time', () => {
    const bed = new LinkBed({ delayUs: 1000 })
    bed.arrive(0, 60, 0)
    bed.change({ delayUs: 10 })
    bed.arrive(1, 60, 0)
    bed.run(5000)
    assert.deepEqual(
      bed.left.map(({ id, atUs }) => [id, atUs]),
      [
        [1, 10],
        [0, 1000],
      ],
    )
  })

  it('carries no more than its rate while all else of it changes, and another rate from the next frame on', () => {
    const bed = new LinkBed({ rate: 8_000_000 })
    for (const id of [0, 1, 2]) bed.arrive(id, 100, 0)
    bed.change({ rate: 8_000_000, loss: 1e-9 })
    bed.arrive(3, 100, 50)
    bed.change({ rate: 80_000_000 })
    bed.arrive(4, 100, 60)
    bed.run(1000)
    assert.deepEqual(
      bed.left.map(({ id, atUs }) => [id, atUs]),
      [
        [4, 70],
        [0, 100],
        [1, 200],
        [2, 300],
        [3, 400],
      ],
    )
  })

  it('is free at once when it is up again', () => {
    const bed = new LinkBed({ rate: 8_000_000 })
    for (const id of [0, 1, 2]) bed.arrive(id, 100, 0)
    bed.change({ rate: 8_000_000, down: true })
    bed.change({ rate: 8_000_000 })
    bed.arrive(3, 100, 50)
    bed.run(1000)
    assert.deepEqual(
      bed.left.map(({ id, atUs }) => [id, atUs]),
      [[3, 150]],
    )
  })

  it('lets what waits go at once when it ends, in the order in which it would have gone, and what comes then behind it', () => {
    const bed = new LinkBed({ delayUs: 1000, jitterUs: 900, seed: 1 })
    for (let id = 0; id < 20; id++) bed.arrive(id, 60, 0)
    const wanted = modelOf(
      { ...NO_IMPAIRMENT, delayUs: 1000, jitterUs: 900, seed: 1 },
      Array.from({ length: 20 }, () => ({ afterUs: 0, length: 60 })),
    )
    bed.link.end()
    for (let id = 20; id < 23; id++) bed.arrive(id, 60, 5)
    bed.run(5)
    assert.deepEqual(idsOf(bed.left), [...idsOf(wanted), 20, 21, 22])
    bed.arrive(23, 60, 6)
    assert.equal(bed.left.at(-1)!.id, 23)
    bed.check()
  })
})
