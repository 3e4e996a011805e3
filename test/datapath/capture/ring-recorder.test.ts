/** What a capture's ring holds after frames have passed: which copies, how much of them, and what is said of each. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  CaptureRingReader,
  CaptureRingWriter,
  RecordKind,
  ringSize,
} from '../../../src/datapath/capture/capture-ring.ts'
import { FrameCollector } from '../../../src/datapath/capture/frame-collector.ts'
import { RecordedPath } from '../../../src/datapath/capture/recorded-path.ts'
import { Point, RingRecorder, type RingRecorderOptions } from '../../../src/datapath/capture/ring-recorder.ts'
import { DROP_REASONS } from '../../../src/datapath/drop-reason.ts'
import { LinkDirection, NO_IMPAIRMENT } from '../../../src/datapath/impairment/impairment-settings.ts'
import { compileFilter } from '../../../src/inspect/filter/compile-filter.ts'
import { frameOf } from '../../support/frame-text.ts'
import { Scenario } from '../../support/scenario.ts'
import { pattern, transportFrame } from '../../support/transport-frame.ts'

const NAMES = new Map(Object.entries(RecordKind).map(([name, number]) => [number as number, name]))
const BROADCAST = ['*', 'a', 'hello']

interface Told {
  readonly line: string
  readonly length: number
  readonly captured: number
}

class Scene {
  readonly scenario = new Scenario()
  readonly path: RecordedPath
  readonly reader: CaptureRingReader
  readonly recorder: RingRecorder
  wakes = 0

  /** Ports 1 to 3, of which 3 takes one frame a turn; what is captured of them is that of the interfaces 11 to 13. */
  constructor(options: Partial<RingRecorderOptions> = {}, size = 1 << 20) {
    const { io, engine } = this.scenario
    this.scenario.network(1)
    for (const port of [1, 2]) this.scenario.port(port)
    this.scenario.port(3, {}, 1)
    this.path = new RecordedPath(engine, io.memory, () => io.transmit(engine.transmitCount))
    const buffer = new SharedArrayBuffer(ringSize(size))
    this.reader = new CaptureRingReader(buffer)
    const all = { filter: new Int32Array(0), snapLength: 0, raw: false, drops: false, ...options }
    const writer = new CaptureRingWriter(buffer)
    this.recorder = new RingRecorder(writer, io.memory, engine.connections, all, () => this.wakes++)
    for (const port of [1, 2, 3]) this.recorder.setPort(port, port + 10, Point.both)
    this.path.add(this.recorder)
  }

  take(...arrivals: readonly (readonly [port: number, words: readonly string[]])[]): void {
    for (const [port, words] of arrivals) this.scenario.arrive(port, frameOf([...words]))
    this.turn()
  }

  turn(): void {
    const { io, engine } = this.scenario
    const count = io.poll(engine.transmitCount, 0)
    this.path.settle()
    this.path.process(this.path.arrive(count, 1000, 1_000_000), 1000)
  }

  told(): Told[] {
    const { reader } = this
    const told: Told[] = []
    while (reader.next()) {
      const { kind, number, interface: of, length, captured, reason } = reader
      const why = reason === 0 ? '' : ` ${DROP_REASONS[reason]!.name}`
      assert.equal(reader.frame.length, captured + 10)
      told.push({ line: `${number} ${NAMES.get(kind)} ${of}${why}`, length, captured })
      reader.release()
    }
    return told
  }

  lines(): string[] {
    return this.told().map(({ line }) => line)
  }
}

describe('a capture in the data path', () => {
  it('has each frame as it comes, and all that leaves for it behind it', () => {
    const scene = new Scene()
    scene.take([1, BROADCAST], [2, ['a', 'b', 'hi']])
    assert.deepEqual(scene.lines(), [
      '1 arrival 11',
      '1 departure 12',
      '1 departure 13',
      '2 arrival 12',
      '2 departure 11',
    ])
  })

  it('keeps to its ports and points, which may change', () => {
    const scene = new Scene()
    scene.recorder.setPort(1, 11, Point.arrival)
    scene.recorder.setPort(2, 12, Point.departure)
    scene.recorder.setPort(3, 0, 0)
    scene.take([1, BROADCAST], [2, ['a', 'b', 'hi']])
    assert.deepEqual(scene.lines(), ['1 arrival 11', '1 departure 12'])
    scene.recorder.setPort(1, 21, Point.both)
    scene.take([2, ['a', 'b', 'hi']])
    assert.deepEqual(scene.lines(), ['3 departure 21'])
    scene.path.remove(scene.recorder)
    assert.equal(scene.path.active, false)
  })

  it('keeps to its filter, and counts what passes and what is accepted', () => {
    const scene = new Scene({ filter: compileFilter('ether broadcast') })
    scene.take([1, BROADCAST], [2, ['a', 'b', 'hi']])
    assert.deepEqual(scene.lines(), ['1 arrival 11', '1 departure 12', '1 departure 13'])
    const counts = { dropped: 0, refused: 0 }
    assert.deepEqual(scene.reader.countsOf(11), { seen: 2, accepted: 1, ...counts })
    assert.deepEqual(scene.reader.countsOf(12), { seen: 2, accepted: 1, ...counts })
  })

  it('of what is dropped alone has what is dropped on the way in, and what a device does not take', () => {
    const scene = new Scene({ drops: true })
    scene.take([1, BROADCAST], [2, ['b', 'b', 'same']], [2, ['z', 'b', 'to all']])
    // What is to be told of them is known before the next poll, which takes their bytes.
    assert.deepEqual(scene.lines(), ['2 arrival 12 same-port', '3 refused 13 device-queue-full'])
    assert.equal(scene.reader.countsOf(13).refused, 1)
  })

  it('of what is dropped alone has what impaired links lose, once, and where they lose it', () => {
    const scene = new Scene({ drops: true })
    const { engine } = scene.scenario
    engine.setImpairment(1, LinkDirection.from, { ...NO_IMPAIRMENT, loss: 1 })
    scene.take([1, BROADCAST])
    assert.deepEqual(scene.lines(), ['1 arrival 11 link-loss'])
    assert.deepEqual(scene.reader.countsOf(11), { seen: 1, accepted: 1, dropped: 0, refused: 0 })
    engine.setImpairment(1, LinkDirection.from, undefined)
    engine.setImpairment(2, LinkDirection.to, { ...NO_IMPAIRMENT, loss: 1 })
    scene.take([1, BROADCAST])
    assert.deepEqual(scene.lines(), ['2 refused 12 link-loss'])
    const segments = { left: 'segmentation', gsoSize: 1000, payload: pattern(3000) } as const
    const options = { version: 4, protocol: 'tcp', target: 'b', source: 'a' } as const
    scene.take([2, ['a', 'b', 'here-is-b']])
    assert.deepEqual(scene.lines(), [])
    scene.scenario.arrive(1, transportFrame({ ...options, ...segments }))
    scene.turn()
    assert.deepEqual(scene.lines(), Array(3).fill('4 refused 12 link-loss'))
    // At the place that it came from where the other one is not looked at.
    scene.recorder.setPort(2, 0, 0)
    scene.recorder.setPort(3, 0, 0)
    scene.take([1, BROADCAST])
    assert.deepEqual(scene.lines(), ['5 arrival 11 link-loss'])
  })

  it('shows what is lost on its way in as what arrived, and nothing that its link holds back', () => {
    const scene = new Scene()
    const { engine } = scene.scenario
    engine.setImpairment(1, LinkDirection.from, { ...NO_IMPAIRMENT, loss: 1 })
    scene.take([1, BROADCAST])
    engine.setImpairment(1, LinkDirection.from, { ...NO_IMPAIRMENT, delayUs: 1000 })
    scene.take([1, BROADCAST])
    assert.deepEqual(scene.lines(), ['1 arrival 11 link-loss'])
  })

  it('has a frame of our own as one that arrives', () => {
    for (const filter of ['', 'ether broadcast']) {
      const scene = new Scene({ filter: compileFilter(filter) })
      scene.path.inject(1, frameOf(BROADCAST).frame, 1000)
      assert.deepEqual(scene.lines(), ['1 arrival 11', '1 departure 12', '1 departure 13'])
    }
  })

  it('counts what a device does not take where all is captured, too', () => {
    const scene = new Scene()
    scene.take([1, BROADCAST], [1, BROADCAST])
    scene.turn()
    assert.equal(scene.reader.countsOf(13).refused, 1)
    assert.equal(scene.lines().length, 6)
  })

  it('keeps as many bytes as it is to, but whole what has to be finished first', () => {
    const payload = pattern(3000)
    const frame = transportFrame({
      version: 4,
      target: 'b',
      source: 'a',
      protocol: 'tcp',
      payload,
      left: 'segmentation',
      gsoSize: 1000,
    })
    const capturedOf = (raw: boolean): number[][] => {
      const scene = new Scene({ snapLength: 60, raw })
      scene.recorder.setPort(2, 0, 0)
      scene.recorder.setPort(3, 0, 0)
      scene.scenario.arrive(1, frame)
      scene.take([1, ['*', 'a', 'length=500']])
      return scene.told().map(({ captured, length }) => [captured, length])
    }
    const { length } = frame.frame
    assert.deepEqual(capturedOf(false), [
      [length, length],
      [60, 500],
    ])
    assert.deepEqual(capturedOf(true), [
      [60, length],
      [60, 500],
    ])
  })

  it('loses copies where its ring is full, and no frame', () => {
    const scene = new Scene({}, 2048)
    for (let i = 0; i < 20; i++) scene.take([1, ['*', 'a', 'length=200']])
    const told = scene.lines().length
    const dropped = [11, 12, 13].map((of) => scene.reader.countsOf(of).dropped)
    assert.equal(told + dropped[0]! + dropped[1]! + dropped[2]!, 60)
    assert.ok(told > 3 && dropped.every((count) => count > 10))
    scene.turn()
    assert.equal(scene.scenario.departures(2).length, 20)
    // There is room again.
    scene.take([1, BROADCAST])
    assert.equal(scene.lines().length, 3)
  })

  it('wakes its reader once, when that waits', () => {
    const scene = new Scene()
    scene.take([1, BROADCAST])
    assert.equal(scene.wakes, 0)
    scene.told()
    assert.equal(scene.reader.wait(), true)
    scene.take([1, BROADCAST])
    scene.take([1, BROADCAST])
    assert.equal(scene.wakes, 1)
  })
})

describe('frames that are followed', () => {
  function follow(
    ports: readonly number[],
    limit: number,
    looks = 100,
  ): { scene: Scene; collector: FrameCollector } {
    const scene = new Scene()
    const { io } = scene.scenario
    const options = { ports: new Set(ports), explained: true, limit, looks }
    const collector = new FrameCollector(scene.path, io.memory, options)
    scene.path.remove(scene.recorder)
    scene.path.add(collector)
    return { scene, collector }
  }

  it('are those that come from or go to one of the places, with what was decided', () => {
    const { scene, collector } = follow([2], 10)
    scene.take([1, BROADCAST], [2, ['a', 'b', 'hi']], [1, ['a', 'a', 'same']])
    const frames = collector.take()
    assert.deepEqual(
      frames.map(({ number, departures }) => [number, departures.map(({ port }) => port)]),
      [
        [1, [2, 3]],
        [2, [1]],
      ],
    )
    assert.deepEqual(
      frames.map(({ steps }) => steps.map(({ stage, verdict }) => `${stage} ${verdict}`)),
      [
        ['ingress accept', 'bridge flood'],
        ['ingress accept', 'bridge forward', 'egress transmit'],
      ],
    )
    assert.equal(collector.missed, 0)
  })

  it('are told of where a link loses them, with no more than that', () => {
    const { scene, collector } = follow([2], 10)
    const { engine } = scene.scenario
    engine.setImpairment(2, LinkDirection.from, { ...NO_IMPAIRMENT, down: true })
    scene.take([2, BROADCAST])
    engine.setImpairment(2, LinkDirection.from, undefined)
    engine.setImpairment(2, LinkDirection.to, { ...NO_IMPAIRMENT, loss: 1 })
    engine.setImpairment(3, LinkDirection.to, { ...NO_IMPAIRMENT, loss: 1 })
    scene.take([1, BROADCAST])
    const frames = collector.take()
    assert.deepEqual(
      frames.map(({ arrival, reason, departures }) => [
        arrival?.port,
        DROP_REASONS[reason]!.name,
        departures.length,
      ]),
      [
        [2, 'link-down', 0],
        [1, 'link-loss', 0],
      ],
    )
    assert.deepEqual(frames[0]?.steps, [
      { stage: 'link', verdict: 'drop', reason: 'link-down', values: { port: 2, way: 'from' } },
    ])
  })

  it('are explained as they came where they are our own', () => {
    const { scene, collector } = follow([1], 10)
    const { frame } = frameOf(BROADCAST)
    scene.path.inject(1, frame, 1000)
    const [told] = collector.take()
    assert.deepEqual(
      told?.departures.map(({ bytes }) => Buffer.from(bytes).equals(frame)),
      [true, true],
    )
    assert.equal(told.steps.length, 2)
  })

  it('are no more than asked for until that begins anew, and the others are counted', () => {
    const { scene, collector } = follow([2], 3)
    for (let i = 0; i < 5; i++) scene.take([1, BROADCAST])
    assert.equal(collector.take().length, 3)
    assert.equal(collector.missed, 2)
    collector.renew()
    scene.take([1, BROADCAST])
    assert.equal(collector.take().length, 1)
  })

  it('are looked for among no more than so many, of which those at other places are not missed', () => {
    const { scene, collector } = follow([2], 10, 2)
    scene.take([1, BROADCAST], [1, ['a', 'a', 'same']], [1, ['a', 'a', 'same']], [1, BROADCAST])
    assert.equal(collector.take().length, 1)
    assert.equal(collector.missed, 1)
  })
})
