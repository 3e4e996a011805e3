import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DropReason } from '../../src/datapath/drop-reason.ts'
import type { QueuedFrame } from '../../src/ports/memory-frame-io.ts'
import * as tcp from '../../src/wire/tcp.ts'
import { frameText } from '../support/frame-text.ts'
import { Scenario } from '../support/scenario.ts'
import {
  pattern,
  readFinished,
  type TransportFrameOptions,
  transportFrame,
} from '../support/transport-frame.ts'

const MSS = 1460

/** Ports 1 and 2 take offloads, ports 3 and 4 do not. */
function mixedNetwork(mtu = 1500): Scenario {
  const scenario = new Scenario()
  scenario.network(1)
  for (const port of [1, 2, 3, 4]) scenario.port(port, { mtu, plain: port > 2 })
  return scenario
}

/** Lets the switch know that `station` lives on `port`, and forgets the flood that this takes. */
function introduce(scenario: Scenario, port: number, station: string): void {
  scenario.arrive(
    port,
    transportFrame({ protocol: 'udp', version: 4, payload: pattern(8), target: '*', source: station }),
  )
  scenario.run()
  for (const each of scenario.ports) scenario.departures(each)
}

function superFrame(options: Partial<TransportFrameOptions> = {}): QueuedFrame {
  const { protocol = 'tcp', version = 4 } = options
  const gsoSize = MSS - (version === 6 ? 20 : 0) + (protocol === 'udp' ? 12 : 0)
  const payload = pattern(20_000)
  return transportFrame({
    protocol,
    version,
    payload,
    target: 'b',
    source: 'a',
    left: 'segmentation',
    gsoSize,
    ...options,
  })
}

const texts = (frames: readonly QueuedFrame[]): string[] => frames.map(frameText)

/** Asserts that `segments` are what a wire would carry of the super-frame: all its data, in order, nothing else. */
function assertSegmentsOf(segments: readonly QueuedFrame[], whole: QueuedFrame, payload: Uint8Array): void {
  const contents = segments.map(readFinished)
  assert.deepEqual(Buffer.concat(contents.map((content) => content.payload)), Buffer.from(payload))
  const [first] = contents
  let sequenceNumber = first!.sequenceNumber
  for (const [index, content] of contents.entries()) {
    const addresses = (bytes: Uint8Array): string => Buffer.from(bytes.subarray(0, 12)).toString('hex')
    assert.equal(addresses(segments[index]!.frame), addresses(whole.frame))
    assert.equal(content.sequenceNumber, sequenceNumber)
    if (first!.identification !== 0) {
      assert.equal(content.identification, (first!.identification + index) & 0xffff)
    }
    if (sequenceNumber !== 0) sequenceNumber = (sequenceNumber + content.payload.length) >>> 0
  }
}

const KINDS = [
  { protocol: 'tcp', version: 4 },
  { protocol: 'tcp', version: 6 },
  { protocol: 'udp', version: 4 },
  { protocol: 'udp', version: 6 },
] as const

describe('a super-frame', () => {
  for (const kind of KINDS) {
    const name = `${kind.protocol} over IPv${kind.version}`

    it(`passes untouched between ports that take offloads: ${name}`, () => {
      const scenario = mixedNetwork()
      introduce(scenario, 2, 'b')
      const frame = superFrame(kind)
      scenario.arrive(1, frame)
      scenario.run()
      assert.deepEqual(texts(scenario.departures(2)), texts([frame]))
      assert.equal(scenario.engine.counters.total().segmentCopies, 0)
    })

    for (const tags of [[], [5], [100, 5]]) {
      it(`becomes segments for a port that takes none: ${name}, ${tags.length} tags`, () => {
        const scenario = mixedNetwork()
        introduce(scenario, 3, 'b')
        const payload = pattern(20_000)
        const frame = superFrame({ ...kind, tags, payload })
        scenario.arrive(1, frame)
        scenario.run()
        const segments = scenario.departures(3)
        assertSegmentsOf(segments, frame, payload)
        const longest = Math.max(...segments.map((segment) => segment.frame.length))
        assert.equal(longest, 1514 + 4 * tags.length)

        const { transmittedFrames, segmentCopies } = scenario.engine.counters.port(3)
        assert.equal(segments.length, 14)
        assert.deepEqual({ transmittedFrames, segmentCopies }, { transmittedFrames: 14, segmentCopies: 13 })
      })
    }

    it(`is flooded whole to ports that take it, in segments to the others: ${name}`, () => {
      const scenario = mixedNetwork()
      const payload = pattern(20_000)
      const frame = superFrame({ ...kind, payload })
      scenario.arrive(1, frame)
      scenario.run()
      assert.deepEqual(texts(scenario.departures(2)), texts([frame]))
      const third = scenario.departures(3)
      assertSegmentsOf(third, frame, payload)
      assert.deepEqual(texts(scenario.departures(4)), texts(third))
      const { floodCopies, segmentCopies } = scenario.engine.counters.total()
      assert.deepEqual(
        { floodCopies, segmentCopies },
        { floodCopies: 2, segmentCopies: 2 * (third.length - 1) },
      )
    })

    it(`passes untouched if its checksum is done, and is completed if not: ${name}`, () => {
      const scenario = mixedNetwork()
      const options = { ...kind, payload: pattern(1000), target: 'b', source: 'a' }
      const finished = transportFrame(options)
      const unfinished = transportFrame({ ...options, left: 'checksum' })

      scenario.arrive(1, finished)
      scenario.run()
      for (const port of [2, 3, 4]) assert.deepEqual(texts(scenario.departures(port)), texts([finished]))

      introduce(scenario, 2, 'b')
      scenario.arrive(1, unfinished)
      scenario.run()
      assert.deepEqual(texts(scenario.departures(2)), texts([unfinished]))

      introduce(scenario, 3, 'b')
      scenario.arrive(1, unfinished)
      scenario.run()
      assert.deepEqual(texts(scenario.departures(3)), texts([finished]))
    })
  }

  it('may be as long as 64 KB whatever the MTU, if its segments fit', () => {
    for (const mtu of [576, 1500, 9000]) {
      const scenario = mixedNetwork(mtu)
      introduce(scenario, 2, 'b')
      const frame = superFrame({ gsoSize: mtu - 40, payload: pattern(65_000) })
      scenario.arrive(1, frame)
      scenario.run()
      assert.deepEqual(texts(scenario.departures(2)), texts([frame]))

      const tooLong = superFrame({ gsoSize: mtu - 39, payload: pattern(65_000) })
      scenario.arrive(1, tooLong)
      scenario.run()
      assert.deepEqual(scenario.departures(2), [])
      assert.equal(scenario.engine.counters.port(1).drops[DropReason.frameTooLong], 1)
    }
  })

  it('ends with FIN and PSH in its last segment, begins with CWR in its first', () => {
    const scenario = mixedNetwork()
    introduce(scenario, 3, 'b')
    const all = tcp.ACK | tcp.PSH | tcp.FIN | tcp.CWR
    scenario.arrive(1, superFrame({ payload: pattern(3 * MSS), controlBits: all }))
    scenario.run()
    const bits = scenario.departures(3).map((segment) => readFinished(segment).controlBits)
    assert.deepEqual(bits, [tcp.ACK | tcp.CWR, tcp.ACK, tcp.ACK | tcp.PSH | tcp.FIN])
  })

  it('of one segment becomes that', () => {
    const scenario = mixedNetwork()
    introduce(scenario, 3, 'b')
    const payload = pattern(100)
    const frame = superFrame({ payload })
    scenario.arrive(1, frame)
    scenario.run()
    const segments = scenario.departures(3)
    assert.equal(segments.length, 1)
    assertSegmentsOf(segments, frame, payload)
    assert.equal(scenario.engine.counters.port(3).segmentCopies, 0)
  })

  it('of more segments than one frame may have goes to no port that needs them', () => {
    const scenario = mixedNetwork()
    const frame = superFrame({ gsoSize: 10 })
    scenario.arrive(1, frame)
    scenario.run()
    assert.deepEqual(texts(scenario.departures(2)), texts([frame]))
    assert.deepEqual(scenario.departures(3), [])
    assert.equal(scenario.engine.counters.port(3).drops[DropReason.segmentLimit], 1)
    assert.equal(scenario.engine.counters.port(4).drops[DropReason.segmentLimit], 1)
  })

  it('one after another, whole bursts of them, are all there', () => {
    const scenario = mixedNetwork()
    introduce(scenario, 3, 'b')
    const payload = pattern(64_000)
    const frame = superFrame({ payload, gsoSize: 500 })
    for (let i = 0; i < 100; i++) scenario.arrive(1, frame)
    scenario.run()
    const segments = scenario.departures(3)
    assert.equal(segments.length, 100 * 128)
    for (let i = 0; i < 100; i++) assertSegmentsOf(segments.slice(i * 128, (i + 1) * 128), frame, payload)
  })

  it('flooded with its checksum completed for one port is complete for the ports behind it', () => {
    const scenario = new Scenario()
    scenario.network(1)
    scenario.port(1)
    scenario.port(2, { plain: true })
    scenario.port(3)
    const options = { protocol: 'tcp', version: 4, payload: pattern(77), target: '*', source: 'a' } as const
    scenario.arrive(1, transportFrame({ ...options, left: 'checksum' }))
    scenario.run()
    const finished = texts([transportFrame(options)])
    assert.deepEqual(texts(scenario.departures(2)), finished)
    assert.deepEqual(texts(scenario.departures(3)), finished)
  })

  it('flooded to a port that takes offloads before one that does not is right for both', () => {
    const scenario = new Scenario()
    scenario.network(1)
    scenario.port(1)
    scenario.port(2)
    scenario.port(3, { plain: true })
    const options = { protocol: 'udp', version: 6, payload: pattern(77), target: '*', source: 'a' } as const
    scenario.arrive(1, transportFrame({ ...options, left: 'checksum' }))
    scenario.run()
    // Both descriptors name the same bytes, so the first port gets the packet finished too.
    const finished = texts([transportFrame(options)])
    assert.deepEqual(texts(scenario.departures(2)), finished)
    assert.deepEqual(texts(scenario.departures(3)), finished)
  })
})
