/** The recorded path against the path itself: the same frames leave, the same is counted, learned and followed; and what is told of each frame adds up to that. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import {
  CaptureRingReader,
  CaptureRingWriter,
  RecordKind,
  ringSize,
} from '../../../src/datapath/capture/capture-ring.ts'
import { FrameCollector } from '../../../src/datapath/capture/frame-collector.ts'
import { Fact, type RecordedFrame } from '../../../src/datapath/capture/recorded-frame.ts'
import { RecordedPath } from '../../../src/datapath/capture/recorded-path.ts'
import { Point, RingRecorder } from '../../../src/datapath/capture/ring-recorder.ts'
import { DROP_REASONS, DropReason } from '../../../src/datapath/drop-reason.ts'
import type { Engine } from '../../../src/datapath/engine.ts'
import { DESCRIPTOR_SHIFT, PORT } from '../../../src/datapath/frame-memory.ts'
import { compileFilter } from '../../../src/inspect/filter/compile-filter.ts'
import type { MemoryFrameIo, QueuedFrame } from '../../../src/ports/memory-frame-io.ts'
import { playRouter, RouterScene } from '../../support/router-scene.ts'
import { assertAllAccountedFor } from '../../support/scenario.ts'

const PORTS = [1, 2, 3, 4, 9]
const WORLD = `
  network 1
  network 2 icc=no
  network 3
  port 1,2 network=1
  port 3,4 network=2 plain
  port 9 network=3
  gateway 1 10.1.0.1/24
  gateway 2 10.2.0.1/24 mtu=1400
  uplink 3 192.0.2.1/24 ports=4000-4003
  route 0.0.0.0/0 3 via=192.0.2.254
  zone 1 front
  named 1 network=1 10.1.0.2 web
  resolver 1 ports=1,2 networks=1
  publish 1 tcp 8080 10.1.0.2:80 network=1 owner=1
`
/** Port and frame. Answers to ARP are among them, so that some frames wait, and go on in the turn of another. */
const LINES = [
  '1 arp 10.1.0.2 asks 10.1.0.1',
  '1 arp 10.1.0.2 tells 10.1.0.1',
  '2 arp 10.1.0.3 tells 10.1.0.1',
  '2 arp 10.1.0.3 asks 10.1.0.2',
  '3 arp 10.2.0.2 tells 10.2.0.1',
  '9 arp 192.0.2.254 tells 192.0.2.1',
  '9 arp 192.0.2.77 tells 192.0.2.1',
  '1 udp 10.1.0.2:4000>8.8.8.8:53',
  '1 udp 10.1.0.2:4000>10.1.0.3:9 via=10.1.0.3',
  '2 udp 10.1.0.3:9>10.1.0.2:4000 via=10.1.0.2',
  '1 tcp 10.1.0.2:4001>192.0.2.77:80 syn',
  '9 tcp 192.0.2.77:80>192.0.2.1:4001 syn,ack',
  '9 tcp 192.0.2.77:5000>192.0.2.1:8080 syn',
  '1 tcp 10.1.0.2:80>192.0.2.77:5000 syn,ack',
  '1 tcp 10.1.0.2:4002>10.2.0.2:80 gso=1300 partial len=4000',
  '2 echo 10.1.0.3>10.1.0.1 id=7',
  '2 echo 10.1.0.3>8.8.8.8 id=7 ttl=1',
  '3 udp 10.2.0.2:1>10.2.0.3:2 via=10.2.0.3',
  '3 udp 10.2.0.2:1>8.8.8.8:2 len=2000 cut=0-1480',
  '3 udp 10.2.0.2:1>8.8.8.8:2 len=2000 cut=1480-2008',
  '3 udp 10.2.0.2:1>10.1.0.2:2',
  '1 udp 10.1.0.2:5>10.2.0.2:6 len=1450',
  '2 udp 10.1.0.3:7>127.0.0.1:7',
  '1 udp 10.1.0.2:4000>8.8.8.8:53 badip',
  '9 udp 192.0.2.9:1>192.0.2.1:9',
] as const

class Side {
  readonly scene = playRouter(WORLD, new RouterScene({ seed: 7, connections: 32, connectionsPerOwner: 8 }))
  readonly io: MemoryFrameIo = this.scene.scenario.io
  readonly engine: Engine = this.scene.engine

  frame(line: string): { readonly port: number; readonly frame: QueuedFrame } {
    const port = Number(line[0])
    return { port, frame: this.scene.frame(port, line.slice(2)) }
  }

  left(): Readonly<Record<number, readonly QueuedFrame[]>> {
    return Object.fromEntries(PORTS.map((port) => [port, this.io.collect(port)]))
  }

  /** All that a frame may change. */
  state(nowS: number): object {
    const { engine } = this
    return {
      counts: PORTS.map((port) => engine.counters.port(port)),
      stations: [...engine.stations.stations(nowS)],
      flows: engine.flows({}, 1000, nowS),
      neighbours: engine.neighbours(),
      nat: engine.natCounts(),
    }
  }
}

/** As it is without anybody who looks, a frame at a time. */
function plainly(side: Side, bursts: readonly Burst[]): readonly object[] {
  return bursts.map(({ lines, nowS }) => {
    const { io, engine } = side
    for (const line of lines) {
      const { port, frame } = side.frame(line)
      io.inject(port, frame.frame, frame.virtioHeader)
      const count = io.poll(engine.transmitCount, 0)
      engine.settle()
      assert.equal(engine.process(0, count, nowS), count)
    }
    engine.tick(nowS)
    io.transmit(engine.transmitCount)
    engine.settle()
    return { left: side.left(), state: side.state(nowS) }
  })
}

function recorded(side: Side, bursts: readonly Burst[], explained: boolean) {
  const { io, engine } = side
  const path = new RecordedPath(engine, io.memory, () => io.transmit(engine.transmitCount))
  const collector = new FrameCollector(path, io.memory, { explained })
  path.add(collector)
  const records: RecordedFrame[][] = []
  const polled: Burst[] = []
  const outcomes = bursts.map(({ lines, nowS }) => {
    for (const line of lines) {
      const { port, frame } = side.frame(line)
      io.inject(port, frame.frame, frame.virtioHeader)
    }
    const count = io.poll(engine.transmitCount, 0)
    polled.push({ lines: inOrder(lines, io, count), nowS })
    path.settle()
    path.process(count, nowS * 1000)
    path.tick(nowS * 1000)
    path.transmitNow()
    records.push([...collector.take()])
    return { left: side.left(), state: side.state(nowS) }
  })
  path.remove(collector)
  assert.equal(engine.counters.trail.watcher, undefined)
  return { outcomes, records, polled }
}

/** As the poll has taken them: from one port after the other. */
function inOrder(lines: readonly string[], io: MemoryFrameIo, count: number): readonly string[] {
  const left = [...lines]
  return Array.from({ length: count }, (_, i) => {
    const port = io.memory.received[(i << DESCRIPTOR_SHIFT) + PORT]
    const [line] = left.splice(
      left.findIndex((one) => Number(one[0]) === port),
      1,
    )
    return line!
  })
}

interface Burst {
  readonly lines: readonly string[]
  readonly nowS: number
}

const burstsOf = fc
  .array(
    fc.record({
      lines: fc.array(fc.constantFrom(...LINES), { maxLength: 20 }),
      passes: fc.constantFrom(0, 1, 1, 4, 31),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((bursts) => {
    let nowS = 10
    return bursts.map(({ lines, passes }): Burst => ({ lines, nowS: (nowS += passes) }))
  })

/** What a capture's ring has after each burst, in no order: the switch sends before the router does where frames go together. */
function captured(bursts: readonly Burst[], options: { filter: string; points: number; oneByOne: boolean }) {
  const side = new Side()
  const { io, engine } = side
  const path = new RecordedPath(engine, io.memory, () => io.transmit(engine.transmitCount))
  const buffer = new ArrayBuffer(ringSize(1 << 20))
  const reader = new CaptureRingReader(buffer)
  const recorder = new RingRecorder(
    new CaptureRingWriter(buffer),
    io.memory,
    engine.connections,
    { filter: compileFilter(options.filter), snapLength: 0, raw: true, drops: false },
    () => undefined,
  )
  for (const port of PORTS) recorder.setPort(port, port, options.points)
  const turn = ({ lines, nowS }: Burst): void => {
    for (const line of lines) {
      const { port, frame } = side.frame(line)
      io.inject(port, frame.frame, frame.virtioHeader)
    }
    const count = io.poll(engine.transmitCount, 0)
    path.settle()
    path.process(count, nowS * 1000)
    path.tick(nowS * 1000)
    path.transmitNow()
  }
  // Who is there is known: frames that go together find stations that speak for the first time, and others flood.
  const follower = new FrameCollector(path, io.memory, { explained: false, limit: 0 })
  path.add(follower)
  turn({ lines: LINES, nowS: 1 })
  side.left()
  if (!options.oneByOne) path.remove(follower)
  path.add(recorder)
  return bursts.map((burst) => {
    turn(burst)
    const records: string[] = []
    while (reader.next()) {
      const { kind, number, interface: of, facts, flow, frame } = reader
      const tuples = flow < 0 ? [] : [0, 1, 2].map((part) => reader.tuple(0, part))
      const why = kind === RecordKind.arrival ? facts : facts & (Fact.released | Fact.delayed)
      records.push([kind, number, of, why, reader.reason, flow, ...tuples, hex(frame)].join(' '))
      reader.release()
    }
    return {
      records: records.toSorted(),
      counts: PORTS.map((port) => reader.countsOf(port)),
      left: Object.values(side.left()).map((frames) => frames.map(({ frame }) => hex(frame)).toSorted()),
      state: side.state(burst.nowS),
    }
  })
}

describe('the recorded path', () => {
  it('tells the same of frames that go together as of those that go one by one', () => {
    const filters = [
      '',
      'udp port 53',
      'src host 192.0.2.1',
      'icmp',
      'tcp port 9',
      'host 10.1.0.2',
      'greater 1300',
    ]
    fc.assert(
      fc.property(
        burstsOf,
        fc.constantFrom(...filters),
        fc.constantFrom(Point.arrival, Point.departure, Point.both),
        (bursts, filter, points) => {
          const one = captured(bursts, { filter, points, oneByOne: true })
          assert.deepEqual(captured(bursts, { filter, points, oneByOne: false }), one)
        },
      ),
      { numRuns: 12 },
    )
  })

  it('does what the path does, and tells all of it', () => {
    fc.assert(
      fc.property(burstsOf, fc.boolean(), (bursts, explained) => {
        const one = new Side()
        const other = new Side()
        const { outcomes, records, polled } = recorded(other, bursts, explained)
        const wanted = plainly(one, polled)
        assert.deepEqual(outcomes, wanted)
        assertAllAccountedFor(other.engine.counters.total())
        assertTold(bursts, records, outcomes)
      }),
      { numRuns: 12 },
    )
  })

  it('numbers frames, and calls those that had waited by the number that they came with', () => {
    const side = new Side()
    const [first, second] = [
      ['1 udp 10.1.0.2:4000>8.8.8.8:53', '1 udp 10.1.0.2:4000>8.8.8.8:53'],
      ['2 udp 10.1.0.3:9>10.1.0.2:4000 via=10.1.0.2', '9 arp 192.0.2.254 tells 192.0.2.1'],
    ]
    const bursts = [
      { lines: first!, nowS: 1 },
      { lines: second!, nowS: 1 },
    ]
    const { records } = recorded(side, bursts, true)
    const told = records.flat().map(({ number, facts, departures, flow }) => ({
      number,
      facts,
      flow: flow >= 0,
      to: departures.map(({ port }) => port),
    }))
    const { learned, beganFlow, held, consumed, released } = Fact
    assert.deepEqual(told, [
      // ARP for the next hop leaves in its turn.
      { number: 1, facts: learned | beganFlow | held, flow: true, to: [9] },
      { number: 2, facts: held, flow: true, to: [] },
      { number: 3, facts: learned, flow: false, to: [1] },
      { number: 1, facts: released, flow: true, to: [9] },
      { number: 2, facts: released, flow: true, to: [9] },
      { number: 4, facts: learned | consumed, flow: false, to: [] },
    ])
    assert.ok(records[0]![0]!.steps.some(({ stage }) => stage === 'source-nat'))
  })

  it('says what the router has made because of a frame, which is of no connection', () => {
    const side = new Side()
    const { io, engine } = side
    const path = new RecordedPath(engine, io.memory, () => io.transmit(engine.transmitCount))
    const told: string[] = []
    path.add({
      depart: ({ number, facts, flow }, port) => {
        const what = (facts & Fact.made) === 0 ? 'goes on' : 'is made'
        told.push(`${number} ${what} to ${port}${flow < 0 ? '' : ' in a flow'}`)
      },
      end: ({ facts }) => assert.equal(facts & Fact.made, 0),
      begin: () => undefined,
      make: () => undefined,
      lose: () => undefined,
      refuse: () => undefined,
      miss: () => undefined,
      wantsRefused: false,
      overlooks: (from) => from,
      overlook: () => undefined,
      flush: () => undefined,
    })
    for (const line of [
      '1 arp 10.1.0.2 asks 10.1.0.1',
      '1 udp 10.1.0.2:4000>8.8.8.8:53',
      '9 arp 192.0.2.254 tells 192.0.2.1',
      '1 udp 10.1.0.2:4000>8.8.8.8:53 ttl=1',
    ]) {
      const { port, frame } = side.frame(line)
      io.inject(port, frame.frame, frame.virtioHeader)
      const count = io.poll(engine.transmitCount, 0)
      path.settle()
      path.process(count, 1000)
    }
    assert.deepEqual(told, ['1 is made to 1', '2 is made to 9', '2 goes on to 9 in a flow', '4 is made to 1'])
  })

  it('tells of what has waited in vain', () => {
    const side = new Side()
    const line = '1 udp 10.1.0.2:4000>192.0.2.9:53'
    const wait = Array.from({ length: 8 }, (_, s) => ({ lines: [], nowS: 2 + s }))
    const { records } = recorded(side, [{ lines: [line], nowS: 1 }, ...wait], false)
    const last = records.flat().find(({ facts }) => (facts & Fact.released) !== 0)
    assert.equal(last?.number, 1)
    assert.equal(DROP_REASONS[last.reason]?.name, 'host-unreachable')
    // The ICMP error to whom it may concern.
    assert.deepEqual(
      last.departures.map(({ port }) => port),
      [1],
    )
  })

  it('tells where a station lived before', () => {
    const side = new Side()
    const lines = ['1 udp 10.1.0.2:1>10.1.0.3:9 via=10.1.0.3', '2 udp 10.1.0.2:1>10.1.0.3:9 via=10.1.0.3']
    const { records } = recorded(side, [{ lines, nowS: 1 }], false)
    const [first, second] = records.flat()
    assert.deepEqual([first!.facts & Fact.learned, first!.movedFrom], [Fact.learned, -1])
    assert.deepEqual([second!.facts & Fact.moved, second!.movedFrom], [Fact.moved, 1])
  })
})

/** The records say of each frame what has left for it, once, and why it was dropped. */
function assertTold(
  bursts: readonly Burst[],
  records: readonly (readonly RecordedFrame[])[],
  outcomes: readonly { readonly left: Readonly<Record<number, readonly QueuedFrame[]>> }[],
): void {
  for (const [i, burst] of records.entries()) {
    const arrived = burst.filter(({ arrival }) => arrival !== undefined)
    assert.equal(arrived.length, bursts[i]!.lines.length)
    for (const port of PORTS) {
      const told = burst.flatMap(({ departures }) => departures.filter((one) => one.port === port))
      // What had waited is told of before the frame in whose turn it goes on.
      assert.deepEqual(
        told.map(({ bytes, virtioHeader }) => hex(virtioHeader, bytes)).toSorted(),
        outcomes[i]!.left[port]!.map(({ frame, virtioHeader }) => hex(virtioHeader, frame)).toSorted(),
      )
    }
    for (const { facts, reason, departures } of arrived) {
      const ways = [
        departures.length > 0,
        reason !== DropReason.none,
        (facts & (Fact.consumed | Fact.held)) !== 0,
      ]
      assert.ok(ways.includes(true), 'nothing is told of what has become of a frame')
    }
  }
}

const hex = (...parts: readonly Uint8Array[]): string => Buffer.concat(parts).toString('hex')
