import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Counters } from '../../src/datapath/counters.ts'
import { DropReason } from '../../src/datapath/drop-reason.ts'
import { DESCRIPTOR_SHIFT, LENGTH, OFFSET, PORT, SLOT_SIZE } from '../../src/datapath/frame-memory.ts'
import { InterfaceKind } from '../../src/datapath/router-settings.ts'
import { SLOTS_DEFAULT, TRANSMIT_MAX } from '../../src/limits.ts'
import { frameOf } from '../support/frame-text.ts'
import { gatewayInterface } from '../support/gateway-interface.ts'
import { address, packetFrame } from '../support/packet-text.ts'
import { assertAllAccountedFor, play, Scenario } from '../support/scenario.ts'
import { pattern, readFinished, transportFrame } from '../support/transport-frame.ts'

const frame = (text: string) => frameOf(text.split(' '))

/** One network of ports 0 to `count - 1`. */
function network(count: number, plain = false): Scenario {
  const scenario = new Scenario()
  scenario.network(1)
  for (let port = 0; port < count; port++) scenario.port(port, { plain })
  return scenario
}

describe('the engine takes a burst in parts', () => {
  it('when the list may not take the next flood, and loses nothing', () => {
    const scenario = network(1000)
    const { io, engine } = scenario
    for (let i = 0; i < 20; i++) scenario.arrive(0, frame(`* a ${i}`))
    const count = io.poll(0, 0)
    engine.settle()

    const stops: number[] = []
    let done = 0
    while (done < count) {
      done = engine.process(done, count, 0)
      stops.push(done)
      io.transmit(engine.transmitCount)
      engine.settle()
    }
    // Seven floods of 999 copies are 6,993; behind them 1,199 are left, fewer than the longest super-frame may need.
    assert.deepEqual(stops, [7, 14, 20])
    assert.equal(engine.transmitCount, 0)
    for (let port = 1; port < 1000; port++) {
      const texts = scenario
        .departures(port)
        .map(({ frame: bytes }) => Buffer.from(bytes.subarray(14)).toString())
      assert.deepEqual(
        texts,
        Array.from({ length: 20 }, (_, index) => String(index)),
      )
    }
    assertAllAccountedFor(engine.counters.total())
  })

  it('when the arena may not take the next super-frame', () => {
    const scenario = network(2, true)
    const { io, engine } = scenario
    const payload = pattern(65_000)
    const options = { protocol: 'tcp', version: 4, payload, left: 'segmentation', gsoSize: 100 } as const
    for (let i = 0; i < SLOTS_DEFAULT; i++)
      scenario.arrive(0, transportFrame({ ...options, target: 'b', source: 'a' }))
    const count = io.poll(0, 0)
    engine.settle()
    const first = engine.process(0, count, 0)
    assert.ok(first > 0 && first < count, `stops after ${first} of ${count}`)
    io.transmit(engine.transmitCount)
    engine.settle()
    let done = engine.process(first, count, 0)
    while (done < count) {
      io.transmit(engine.transmitCount)
      engine.settle()
      done = engine.process(done, count, 0)
    }
    io.transmit(engine.transmitCount)
    engine.settle()
    const segments = scenario.departures(1)
    assert.equal(segments.length, SLOTS_DEFAULT * 650)
    const last = Buffer.concat(segments.slice(-650).map((segment) => readFinished(segment).payload))
    assert.deepEqual(last, Buffer.from(payload))
    assertAllAccountedFor(engine.counters.total())
  })

  it('when the switch is through and the router is not, and sends no frame twice', () => {
    const scenario = network(2)
    const { io, engine } = scenario
    scenario.network(2)
    scenario.port(2, { domain: 2, plain: true })
    const outside = { kind: InterfaceKind.outside, firstPort: 1000, lastPort: 65_535 }
    engine.setInterface(1, gatewayInterface('10.1.0.1', 1500))
    engine.setInterface(2, { ...gatewayInterface('10.0.0.1', 1500), ...outside })
    scenario.arrive(2, packetFrame('arp 10.0.0.2 asks 10.0.0.1', address('10.0.0.1')))
    scenario.run()
    scenario.departures(2)

    const packets = 40
    const segments = 400
    const line = `tcp 10.1.0.2:4001>10.0.0.2:80 ack len=${segments * 100} gso=100`
    for (let i = 0; i < packets; i++) scenario.arrive(0, packetFrame(line, address('10.1.0.1')))
    scenario.arrive(0, frame('b a hello'))
    const count = io.poll(0, 0)
    engine.settle()
    let calls = 0
    let done = 0
    while (done < count) {
      done = engine.process(done, count, 0)
      calls++
      io.transmit(engine.transmitCount)
      engine.settle()
    }
    assert.ok(calls > 1)
    assert.equal(scenario.departures(1).length, 1)
    assert.equal(scenario.departures(2).length, packets * segments)
    assertAllAccountedFor(engine.counters.total())
  })

  it('as far as it is told, and counts no frame twice', () => {
    const scenario = network(2)
    const { io, engine } = scenario
    for (let burst = 1; burst <= 2; burst++) {
      for (const text of ['1', '2', '3', '4']) scenario.arrive(0, frame(`b a ${text}`))
      io.poll(engine.transmitCount, 0)
      engine.settle()
      assert.equal(engine.process(0, 1, 0), 1)
      assert.equal(engine.transmitCount, 1)
      assert.equal(engine.process(1, 3, 0), 3)
      assert.equal(engine.transmitCount, 3)
      io.transmit(engine.transmitCount)
      engine.settle()
      assert.equal(engine.process(3, 4, 0), 4)
      assert.equal(engine.transmitCount, 1)
      assert.equal(engine.counters.total().receivedFrames, 4 * burst)
      assert.equal(engine.counters.total().transmittedFrames, 4 * burst)
    }
  })

  it('and never lists more than a poll takes', () => {
    const scenario = network(4096)
    const { io, engine } = scenario
    for (let i = 0; i < 5; i++) scenario.arrive(0, frame('* a hello'))
    const count = io.poll(0, 0)
    let done = 0
    while (done < count) {
      done = engine.process(done, count, 0)
      assert.ok(engine.transmitCount <= TRANSMIT_MAX)
      io.transmit(engine.transmitCount)
      engine.settle()
    }
    const total = engine.counters.total()
    assert.equal(total.transmittedFrames, 5 * 4095)
    assert.equal(total.drops[DropReason.transmitListFull], 0)
  })
})

describe('a transmission', () => {
  it('names the bytes that were received, not a copy', () => {
    const scenario = network(3)
    const { io, engine } = scenario
    scenario.arrive(0, frame('* a hello'))
    io.poll(0, 0)
    engine.process(0, 1, 0)
    const { received, transmits } = io.memory
    for (let i = 0; i < 2; i++) {
      const descriptor = i << DESCRIPTOR_SHIFT
      assert.equal(transmits[descriptor + PORT], i + 1)
      assert.equal(transmits[descriptor + OFFSET], received[OFFSET])
      assert.equal(transmits[descriptor + LENGTH], received[LENGTH])
    }
    assert.ok(received[OFFSET]! - io.memory.layout.slots < SLOT_SIZE)
  })

  it('that a full queue refuses is a drop of that port, and of no other', () => {
    play(`
      network 1
      port 1 network=1
      port 2 network=1 queue=2
      port 3 network=1 queue=1
      1> * a 1
      1> * a 2
      1> * a 3
      2< * a 1
      2< * a 2
      2! device-queue-full
      3< * a 1
      3! device-queue-full x2
    `)
  })

  it('to a device that has vanished is a drop', () => {
    const scenario = network(2)
    const { io, engine } = scenario
    scenario.arrive(0, frame('b a hello'))
    io.poll(0, 0)
    engine.process(0, 1, 0)
    io.detach(1)
    io.poll(engine.transmitCount, 0)
    engine.settle()
    const { transmittedFrames, transmittedBytes, drops } = engine.counters.port(1)
    assert.deepEqual({ transmittedFrames, transmittedBytes }, { transmittedFrames: 0, transmittedBytes: 0 })
    assert.equal(drops[DropReason.deviceGone], 1)
    assertAllAccountedFor(engine.counters.total())
  })
})

describe('a port that is removed while frames wait for transmission to it', () => {
  /** Frames to ports 1, 2, 1, 2, 1 in the list. */
  function waiting(): Scenario {
    const scenario = network(4)
    scenario.arrive(1, frame('* b hello'))
    scenario.arrive(2, frame('* c hello'))
    scenario.run()
    for (const port of scenario.ports) scenario.departures(port)
    for (const text of ['b a 1', 'c a 2', 'b a 3', 'c a 4', 'b a 5']) scenario.arrive(0, frame(text))
    scenario.turn()
    assert.equal(scenario.engine.transmitCount, 5)
    return scenario
  }

  it('loses them, counted, and the others go their way', () => {
    const scenario = waiting()
    const before = scenario.engine.counters.total()
    scenario.remove(1)
    scenario.run()
    const texts = scenario.departures(2).map(({ frame: bytes }) => Buffer.from(bytes.subarray(14)).toString())
    assert.deepEqual(texts, ['2', '4'])
    const total = scenario.engine.counters.total()
    assert.equal(total.drops[DropReason.deviceGone], 3)
    assert.equal(total.transmittedFrames, before.transmittedFrames - 3)
  })

  it('leaves nothing on the number for the next port, in whatever network', () => {
    const scenario = waiting()
    scenario.remove(1)
    scenario.network(2)
    scenario.port(1, { domain: 2 })
    scenario.run()
    assert.deepEqual(scenario.departures(1), [])
    assert.deepEqual(scenario.engine.counters.port(1), new Counters().port(1))
  })

  it('is the same when its device goes by itself', () => {
    const scenario = waiting()
    scenario.io.vanish(1)
    scenario.arrive(0, frame('b a 6'))
    scenario.run()
    assert.deepEqual(scenario.engine.counters.port(1), new Counters().port(1))
    // The three that waited are refused by the poll that tells of it; the fourth came with that poll, and too late.
    assert.equal(scenario.engine.counters.total().drops[DropReason.deviceGone], 4)
    assert.equal(scenario.departures(2).length, 2)
  })
})
