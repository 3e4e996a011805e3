import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Fact } from '../../src/datapath/capture/recorded-frame.ts'
import { RecordedPath } from '../../src/datapath/capture/recorded-path.ts'
import type { PortCount } from '../../src/datapath/counters.ts'
import { DROP_REASONS, DropReason } from '../../src/datapath/drop-reason.ts'
import {
  type ImpairmentSettings,
  LinkDirection,
  NO_IMPAIRMENT,
} from '../../src/datapath/impairment/impairment-settings.ts'
import { BURST_MAX, IMPAIRMENT_MEMORY_MAX } from '../../src/limits.ts'
import type { QueuedFrame } from '../../src/ports/memory-frame-io.ts'
import { frameOf, frameText } from '../support/frame-text.ts'
import { address, packetFrame } from '../support/packet-text.ts'
import { playLab } from '../support/router-lab.ts'
import { assertAllAccountedFor, Scenario } from '../support/scenario.ts'
import { pattern, readFinished, transportFrame } from '../support/transport-frame.ts'

const { from: FROM, to: TO } = LinkDirection
const DIRECTIONS = [
  ['from', FROM],
  ['to', TO],
] as const

/** Ports 1 to 3 on one network, where the stations a to c live; port 3 takes no offloads. */
function network(): Scenario {
  const scenario = new Scenario()
  scenario.network(1)
  for (const port of [1, 2, 3]) {
    scenario.port(port, { plain: port === 3, station: { high: 0x0200, low: 0x60 + port } })
  }
  return scenario
}

function impair(
  { engine }: Scenario,
  port: number,
  direction: LinkDirection,
  settings: Partial<ImpairmentSettings>,
): void {
  engine.setImpairment(port, direction, { ...NO_IMPAIRMENT, ...settings })
}

const frame = (words: string): QueuedFrame => frameOf(words.split(' '))

/** What has left by the port by now. */
function left(scenario: Scenario, port: number): string[] {
  scenario.run()
  return scenario.departures(port).map(frameText)
}

const after = (scenario: Scenario, us: number): Scenario => {
  scenario.laterUs += us
  return scenario
}

const total = ({ engine }: Scenario): PortCount => engine.counters.total()

/** Of the direction by which a's frames to b pass: port 1's, or port 2's. */
const portOf = (direction: LinkDirection): number => (direction === FROM ? 1 : 2)

const SUPER_FRAME = {
  protocol: 'tcp',
  version: 4,
  target: 'b',
  source: 'a',
  left: 'segmentation',
  gsoSize: 1460,
} as const

const superFrame = (size = 20_000): QueuedFrame => transportFrame({ ...SUPER_FRAME, payload: pattern(size) })

for (const [name, direction] of DIRECTIONS) {
  const port = portOf(direction)

  describe(`an impaired link, frames ${name} its port`, () => {
    it('holds frames back for as long as it was asked to, in order', () => {
      const scenario = network()
      impair(scenario, port, direction, { delayUs: 10_000 })
      scenario.arrive(1, frame('b a one'))
      assert.deepEqual(left(scenario, 2), [])
      assert.equal(scenario.engine.nextDueUs, 10_000)
      scenario.arrive(1, frame('b a two'))
      assert.deepEqual(left(after(scenario, 5000), 2), [])
      assert.deepEqual(left(after(scenario, 4999), 2), [])
      assert.deepEqual(left(after(scenario, 1), 2), [frameText(frame('b a one'))])
      assert.equal(scenario.engine.nextDueUs, 15_000)
      assert.deepEqual(left(after(scenario, 5000), 2), [frameText(frame('b a two'))])
      assert.equal(scenario.engine.nextDueUs, Number.POSITIVE_INFINITY)
    })

    it('counts what waits as received and held, and nothing twice', () => {
      const scenario = network()
      impair(scenario, port, direction, { delayUs: 10_000 })
      for (const word of ['one', 'two']) scenario.arrive(1, frame(`b a ${word}`))
      scenario.run()
      const { receivedFrames, receivedBytes } = scenario.engine.counters.port(1)
      assert.deepEqual([receivedFrames, receivedBytes], [2, 34])
      assert.equal(scenario.engine.counters.port(port).held, 2)
      after(scenario, 10_000).run()
      assert.equal(scenario.engine.counters.port(1).receivedFrames, 2)
      assert.equal(scenario.engine.counters.port(2).transmittedFrames, 2)
      assert.equal(total(scenario).held, 0)
    })

    it("is nobody else's: other ports and the other direction do not wait", () => {
      const scenario = network()
      impair(scenario, port, direction, { delayUs: 10_000 })
      scenario.arrive(2, frame('a b back'))
      scenario.arrive(3, frame('a c hello'))
      assert.equal(left(scenario, 1).length, 2)
    })

    it('doubles, and the two can be told apart by nothing but their order', () => {
      const scenario = network()
      impair(scenario, port, direction, { duplicate: 1 })
      scenario.arrive(1, frame('b a hello'))
      assert.deepEqual(left(scenario, 2), Array(2).fill(frameText(frame('b a hello'))))
      assert.equal(total(scenario).floodCopies, 1)
    })

    it('takes super-frames whole where it only delays', () => {
      const scenario = network()
      impair(scenario, port, direction, { delayUs: 10, jitterUs: 5 })
      scenario.arrive(1, superFrame(64_000))
      scenario.run()
      assert.deepEqual(left(after(scenario, 20), 2), [frameText(superFrame(64_000))])
      assert.equal(total(scenario).segmentCopies, 0)
    })

    it('cuts super-frames up where it does what only a frame on a wire can suffer', () => {
      for (const settings of [{ loss: 1e-9 }, { rate: 1_000_000_000 }, { delayUs: 10, reorder: 1e-9 }]) {
        const scenario = network()
        impair(scenario, port, direction, settings)
        scenario.arrive(1, superFrame())
        scenario.run()
        after(scenario, 100_000).run()
        const segments = scenario.departures(2).map(readFinished)
        assert.equal(segments.length, 14)
        assert.deepEqual(Buffer.concat(segments.map(({ payload }) => payload)), Buffer.from(pattern(20_000)))
        assert.equal(total(scenario).segmentCopies, 13)
      }
    })

    it('turns one bit behind complete checksums, of segments and of frames whose checksum was left open', () => {
      const scenario = network()
      impair(scenario, port, direction, { corrupt: 1, seed: 2 })
      const open = transportFrame({ ...SUPER_FRAME, left: 'checksum', payload: pattern(100) })
      const finished = transportFrame({ ...SUPER_FRAME, left: 'nothing', payload: pattern(100) })
      let turned = 0
      for (let i = 0; i < 40; i++) {
        scenario.arrive(1, open)
        scenario.run()
        for (const port of [1, 2, 3]) {
          for (const { frame: bytes, virtioHeader } of scenario.departures(port)) {
            assert.deepEqual(virtioHeader, new Uint8Array(10))
            turned += bitsBetween(bytes, finished.frame)
          }
        }
      }
      const { drops, transmittedFrames } = total(scenario)
      // Some are dropped for what was turned in their Ethernet header; some are flooded for it.
      assert.ok(drops.reduce((sum, count) => sum + count, 0) < 20)
      assert.equal(turned, transmittedFrames)
    })

    it('lets what waits go on when it ends, before what comes later', () => {
      const scenario = network()
      impair(scenario, port, direction, { delayUs: 1_000_000 })
      for (const word of ['one', 'two']) scenario.arrive(1, frame(`b a ${word}`))
      assert.deepEqual(left(scenario, 2), [])
      scenario.engine.setImpairment(port, direction, undefined)
      assert.equal(scenario.engine.impairmentCounts(port, direction), undefined)
      assert.deepEqual(scenario.engine.impairments(), [])
      assert.equal(scenario.engine.nextDueUs, 0)
      scenario.arrive(1, frame('b a three'))
      assert.deepEqual(
        left(scenario, 2),
        ['one', 'two', 'three'].map((word) => frameText(frame(`b a ${word}`))),
      )
      assert.equal(scenario.engine.nextDueUs, Number.POSITIVE_INFINITY)
    })

    it('drops what waits when its port goes, and the next port of that number has none of it', () => {
      const scenario = network()
      impair(scenario, port, direction, { delayUs: 1000 })
      for (let i = 0; i < 5; i++) scenario.arrive(1, frame('b a hello'))
      scenario.run()
      scenario.remove(port)
      assertAllAccountedFor(total(scenario))
      assert.deepEqual([total(scenario).held, total(scenario).drops[DropReason.deviceGone]], [0, 5])
      scenario.port(port, { station: { high: 0x0200, low: 0x60 + port } })
      assert.deepEqual(left(after(scenario, 2000), 2), [])
      scenario.arrive(1, frame('b a new'))
      assert.deepEqual(left(scenario, 2), [frameText(frame('b a new'))])
    })

    it('drops nothing while frames go on that fill many bursts at once', () => {
      const scenario = network()
      impair(scenario, port, direction, { delayUs: 1000, queue: 10_000 })
      const count = 5 * BURST_MAX + 7
      for (let i = 0; i < count; i++) scenario.arrive(1, frame(`b a ${i}`))
      for (let i = 0; i < 150; i++)
        scenario.arrive(3, transportFrame({ ...SUPER_FRAME, source: 'c', payload: pattern(60_000) }))
      scenario.run()
      const there = scenario.departures(2).length
      after(scenario, 1000).run()
      const departures = scenario.departures(2)
      assert.equal(there + departures.length, count + 150)
      assert.deepEqual(
        departures.filter(({ virtioHeader }) => virtioHeader[0] === 0).map(frameText),
        Array.from({ length: count }, (_, i) => frameText(frame(`b a ${i}`))),
      )
    })

    it('has the longest super-frames wait in a queue of 1,000', () => {
      const scenario = network()
      impair(scenario, port, direction, { delayUs: 1000, queue: 1000 })
      const long = superFrame(65_000)
      for (let i = 0; i < 1001; i++) scenario.arrive(1, long)
      scenario.run()
      const counts = scenario.engine.impairmentCounts(port, direction)!
      assert.deepEqual([counts.waiting, counts.queueFull], [1000, 1])
      after(scenario, 1000).run()
      const departures = scenario.departures(2)
      assert.equal(departures.length, 1000)
      assert.ok(departures.every(({ frame: bytes }) => Buffer.compare(bytes, long.frame) === 0))
    })
  })
}

describe('impaired links', () => {
  it('of some of the ports that a frame is flooded to delay only those', () => {
    const scenario = network()
    impair(scenario, 2, TO, { delayUs: 1000 })
    impair(scenario, 3, TO, { loss: 1 })
    scenario.port(4)
    const whole = transportFrame({ ...SUPER_FRAME, target: '*', payload: pattern(5000) })
    scenario.arrive(1, whole)
    scenario.run()
    assert.deepEqual(scenario.departures(4).map(frameText), [frameText(whole)])
    assert.equal(scenario.departures(2).length + scenario.departures(3).length, 0)
    assert.deepEqual(left(after(scenario, 1000), 2), [frameText(whole)])
    assert.equal(scenario.engine.impairmentCounts(3, TO)!.lost, 4)
  })

  it('to a port without offloads hand it segments, whether they wait whole or not', () => {
    for (const settings of [{ delayUs: 1000 }, { delayUs: 1000, loss: 1e-9 }]) {
      const scenario = network()
      impair(scenario, 3, TO, settings)
      scenario.arrive(1, transportFrame({ ...SUPER_FRAME, target: 'c', payload: pattern(5000) }))
      scenario.run()
      after(scenario, 1000).run()
      assert.equal(scenario.departures(3).map(readFinished).length, 4)
    }
  })

  it('do not hand a port the segments of another frame that stood in the same place', () => {
    const scenario = network()
    // Both wait, and then stand in the arena; of the first, all segments are lost, so that its place is free in the same turn.
    impair(scenario, 1, FROM, { delayUs: 1000 })
    impair(scenario, 2, TO, { loss: 1 })
    impair(scenario, 3, TO, { delayUs: 1000 })
    scenario.arrive(1, superFrame(30_000))
    const other = transportFrame({
      ...SUPER_FRAME,
      target: 'c',
      source: 'b',
      payload: pattern(9000).toReversed(),
    })
    scenario.arrive(2, other)
    scenario.run()
    after(scenario, 1000).run()
    const payload = Buffer.concat(scenario.departures(3).map((one) => readFinished(one).payload))
    assert.equal(Buffer.compare(payload, pattern(9000).toReversed()), 0)
  })

  it('delay what the gateway answers, and what it translates, in both directions', () => {
    const { scenario } = playLab('')
    impair(scenario, 1, FROM, { delayUs: 1000 })
    impair(scenario, 1, TO, { delayUs: 500 })
    const ask = packetFrame('echo 10.1.0.2>10.1.0.1 id=7', address('10.1.0.1'))
    scenario.arrive(1, ask)
    scenario.run()
    after(scenario, 1000).run()
    assert.deepEqual(scenario.departures(1), [])
    assert.equal(left(after(scenario, 500), 1).length, 1)

    const out = packetFrame('udp 10.1.0.2:4000>9.9.9.9:53 len=20', address('10.1.0.1'))
    scenario.arrive(1, out)
    scenario.run()
    assert.deepEqual(scenario.departures(9), [])
    after(scenario, 1000).run()
    assert.equal(scenario.departures(9).length, 1)
  })

  it('of both ends delay one after the other, and nothing of the frames is mixed up', () => {
    const scenario = network()
    impair(scenario, 1, FROM, { delayUs: 1000 })
    impair(scenario, 2, TO, { delayUs: 1000 })
    impair(scenario, 3, TO, { delayUs: 1000 })
    const whole = Array.from({ length: 120 }, (_, i) => superFrame(60_000 + i))
    const cut = Array.from({ length: 40 }, (_, i) =>
      transportFrame({ ...SUPER_FRAME, target: 'c', payload: pattern(30_000 + i) }),
    )
    for (const one of [...whole, ...cut]) scenario.arrive(1, one)
    scenario.run()
    after(scenario, 1000).run()
    assert.equal(scenario.departures(2).length, 0)
    after(scenario, 1000).run()
    assert.deepEqual(scenario.departures(2).map(frameText), whole.map(frameText))
    const payloads = scenario.departures(3).map((one) => Buffer.from(readFinished(one).payload))
    const wanted = cut.map((_, i) => Buffer.from(pattern(30_000 + i)))
    assert.ok(Buffer.concat(payloads).equals(Buffer.concat(wanted)))
  })

  it('refuse settings that mean nothing, and ports that are not there', () => {
    const scenario = network()
    for (const wrong of [
      { delayUs: -1 },
      { delayUs: 0.5 },
      { jitterUs: 1e10 },
      { loss: 1.1 },
      { corrupt: Number.NaN },
      { rate: -1 },
      { queue: 0 },
      { seed: 2 ** 31 },
    ]) {
      assert.throws(() => impair(scenario, 1, FROM, wrong), RangeError)
    }
    assert.throws(() => impair(scenario, 77, FROM, {}), /port 77 does not exist/)
    assert.deepEqual(scenario.engine.impairments(), [])
  })

  it('are explained on the way in and on the way out', () => {
    const scenario = network()
    const steps = (): string[] =>
      scenario.engine
        .explain(1, frame('b a hello').frame, 0)
        .map(({ stage, verdict, reason }) => [stage, verdict, reason].join(' ').trimEnd())
    impair(scenario, 1, FROM, { loss: 0.1, corrupt: 0.1, duplicate: 0.1, delayUs: 1000, queue: 1 })
    impair(scenario, 2, TO, { rate: 1_000_000, delayUs: 5, reorder: 0.5 })
    const fates = ['link may-double', 'link may-lose', 'link may-corrupt']
    const path = ['ingress accept', 'bridge forward']
    assert.deepEqual(steps(), [
      ...fates,
      'link delay',
      ...path,
      'link may-go-ahead',
      'link serialise',
      'link delay',
      'egress transmit',
    ])
    impair(scenario, 2, TO, { rate: 1_000_000, delayUs: 5, reorder: 1 })
    assert.deepEqual(steps().slice(-2), ['link may-go-ahead', 'egress transmit'])
    impair(scenario, 1, FROM, { delayUs: 1000, queue: 1 })
    scenario.arrive(1, frame('b a hello'))
    scenario.run()
    assert.deepEqual(steps(), ['link drop link-queue-full'])
    impair(scenario, 1, FROM, {})
    impair(scenario, 2, TO, { down: true })
    assert.deepEqual(steps(), [...path, 'link drop link-down'])
    impair(scenario, 2, TO, { loss: 1 })
    assert.deepEqual(steps(), [...path, 'link drop link-loss'])
  })

  it('leave a frame that asks for an offload which it does not fit to the path', () => {
    const scenario = network()
    impair(scenario, 1, FROM, { corrupt: 1 })
    scenario.arrive(1, frame('b a virtio=1,1,0,1460,34,16 cut=20'))
    scenario.run()
    assert.equal(total(scenario).drops[DropReason.offloadInvalid], 1)
  })

  it('account for every frame, whatever is asked of them and whoever comes and goes', () => {
    const settings = fc.record({
      delayUs: fc.constantFrom(0, 100, 3000),
      jitterUs: fc.constantFrom(0, 200),
      loss: fc.constantFrom(0, 0.2),
      duplicate: fc.constantFrom(0, 0.2),
      reorder: fc.constantFrom(0, 0.2),
      corrupt: fc.constantFrom(0, 0.2),
      rate: fc.constantFrom(0, 50_000_000),
      queue: fc.constantFrom(3, 1000),
      down: fc.constantFrom(false, false, false, true),
      seed: fc.integer(),
    })
    const port = fc.integer({ min: 1, max: 3 })
    const direction = fc.constantFrom(FROM, TO)
    const step = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({
          kind: fc.constant('arrive' as const),
          port,
          shape: fc.integer({ min: 0, max: 5 }),
        }),
      },
      {
        weight: 3,
        arbitrary: fc.record({ kind: fc.constant('pass' as const), us: fc.constantFrom(0, 50, 1000) }),
      },
      {
        weight: 1,
        arbitrary: fc.record({
          kind: fc.constant('impair' as const),
          port,
          direction,
          settings: fc.option(settings, { nil: undefined }),
        }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('replace' as const), port }) },
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const scenario = network()
        for (const one of steps) {
          if (one.kind === 'arrive') scenario.arrive(one.port, shapes[one.shape]!)
          else if (one.kind === 'pass') after(scenario, one.us).run()
          else if (one.kind === 'impair') scenario.engine.setImpairment(one.port, one.direction, one.settings)
          else {
            scenario.run()
            scenario.remove(one.port)
            scenario.port(one.port, { plain: one.port === 3 })
          }
        }
        scenario.run()
        for (const each of scenario.ports) {
          for (const way of [FROM, TO]) scenario.engine.setImpairment(each, way, undefined)
        }
        scenario.run()
        assert.equal(total(scenario).held, 0)
        assert.equal(scenario.engine.nextDueUs, Number.POSITIVE_INFINITY)
        assert.deepEqual(scenario.engine.impairments(), [])
      }),
      { numRuns: 25 },
    )
  })

  it('that end with many frames let others arrive between them, and nothing get ahead', () => {
    const scenario = network()
    impair(scenario, 1, FROM, { delayUs: 1000, queue: 10_000 })
    const count = 3 * BURST_MAX
    for (let i = 0; i < count; i++) scenario.arrive(1, frame(`b a ${i}`))
    scenario.run()
    scenario.engine.setImpairment(1, FROM, undefined)
    assert.equal(scenario.engine.nextDueUs, 0)
    scenario.arrive(1, frame(`b a ${count}`))
    scenario.arrive(3, frame('b c hello'))
    scenario.turn()
    scenario.turn()
    assert.ok(
      scenario
        .departures(2)
        .map(frameText)
        .includes(frameText(frame('b c hello'))),
    )
    assert.ok(total(scenario).held > BURST_MAX)
    const after = left(scenario, 2)
    assert.deepEqual(
      after.slice(-2),
      [count - 1, count].map((i) => frameText(frame(`b a ${i}`))),
    )
    assert.equal(total(scenario).held, 0)
  })

  it('give their memory back when they end', () => {
    const scenario = network()
    assert.equal(IMPAIRMENT_MEMORY_MAX % 65_536, 0)
    // Each round fills a quarter of what all links may take; were any of it kept, the fifth would find no room.
    for (let round = 0; round < 6; round++) {
      impair(scenario, 1, FROM, { delayUs: 1000, queue: 100_000 })
      const long = superFrame(65_000)
      for (let i = 0; i < 2000; i++) scenario.arrive(1, long)
      scenario.run()
      assert.equal(scenario.engine.impairmentCounts(1, FROM)!.waiting, 2000)
      scenario.engine.setImpairment(1, FROM, undefined)
      scenario.run()
      assert.equal(scenario.departures(2).length, 2000)
    }
  })
})

describe('who looks on', () => {
  it('sees a frame arrive when its link lets it go on, and leave when the link to its target does', () => {
    const { engine, io } = network()
    const lines: string[] = []
    const path = new RecordedPath(engine, io.memory, () => io.transmit(engine.transmitCount))
    path.add({
      begin: (way, port) => lines.push(`begin ${way.number} at ${port}`),
      make: ({ number }) => lines.push(`make ${number}`),
      depart: ({ facts }, port) => lines.push(`depart by ${port}${delayedText(facts)}`),
      end: ({ facts, reason }) => lines.push(`end${delayedText(facts)} ${DROP_REASONS[reason]!.name}`),
      lose: () => lines.push('lose'),
      refuse: () => lines.push('refuse'),
      miss: ({ number, reason }, port) =>
        lines.push(`miss ${number} to ${port} ${DROP_REASONS[reason]!.name}`),
      wantsRefused: false,
      overlooks: (from: number) => from,
      overlook: () => undefined,
      flush: () => undefined,
    })
    engine.setImpairment(1, FROM, { ...NO_IMPAIRMENT, delayUs: 1000 })
    engine.setImpairment(2, TO, { ...NO_IMPAIRMENT, delayUs: 2000 })
    const turn = (nowUs: number): string[] => {
      const count = io.poll(engine.transmitCount, 0)
      path.settle()
      path.process(path.arrive(count, nowUs / 1000, nowUs), nowUs / 1000)
      while (engine.hasDepartures) path.run(nowUs / 1000, () => engine.depart())
      return lines.splice(0)
    }
    io.inject(1, frame('b a hello').frame)
    assert.deepEqual(turn(0), [])
    assert.deepEqual(turn(1000), ['begin 1 at 1', 'end delayed none'])
    assert.deepEqual(turn(2999), [])
    assert.deepEqual(turn(3000), [
      // What links release begins with nobody's, and goes on with the number that the frame arrived with.
      'make 0',
      'end delayed none',
      'make 1',
      'depart by 2 delayed',
      'end delayed none',
    ])
    engine.setImpairment(2, TO, { ...NO_IMPAIRMENT, loss: 1 })
    io.inject(3, frame('b c hello').frame)
    assert.deepEqual(turn(4000), ['begin 2 at 3', 'miss 2 to 2 link-loss', 'end link-loss'])
    engine.setImpairment(1, FROM, { ...NO_IMPAIRMENT, loss: 1 })
    io.inject(1, frame('b a hello').frame)
    assert.deepEqual(turn(5000), ['begin 3 at 1', 'end link-loss'])
    engine.setImpairment(1, FROM, { ...NO_IMPAIRMENT, down: true })
    path.inject(1, frame('b a hello').frame, 6, true)
    assert.deepEqual(lines.splice(0), ['begin 4 at 1', 'end link-down'])
    turn(6000)
    assertAllAccountedFor(engine.counters.total())
  })
})

const delayedText = (facts: number): string => ((facts & Fact.delayed) === 0 ? '' : ' delayed')

const shapes: readonly QueuedFrame[] = [
  frame('b a hello'),
  frame('* c hello'),
  frame('c b length=1514'),
  superFrame(30_000),
  transportFrame({ ...SUPER_FRAME, target: '*', protocol: 'udp', gsoSize: 1000, payload: pattern(9000) }),
  transportFrame({ ...SUPER_FRAME, target: 'c', left: 'checksum', payload: pattern(99) }),
]

function bitsBetween(one: Uint8Array, other: Uint8Array): number {
  assert.equal(one.length, other.length)
  let bits = 0
  for (let i = 0; i < one.length; i++) {
    for (let rest = one[i]! ^ other[i]!; rest !== 0; rest >>>= 1) bits += rest & 1
  }
  return bits
}
