import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { RoutedTraffic } from '../../bench/support/routed-traffic.ts'
import { TunnelledTraffic } from '../../bench/support/tunnelled-traffic.ts'
import { CaptureRingReader, CaptureRingWriter, ringSize } from '../../src/datapath/capture/capture-ring.ts'
import { RecordedPath } from '../../src/datapath/capture/recorded-path.ts'
import { Point, RingRecorder } from '../../src/datapath/capture/ring-recorder.ts'
import type { PortCount } from '../../src/datapath/counters.ts'
import type { NamedHostSettings } from '../../src/datapath/dns/dns-settings.ts'
import { DropReason } from '../../src/datapath/drop-reason.ts'
import { Engine } from '../../src/datapath/engine.ts'
import { Fragmenter } from '../../src/datapath/fragmenter.ts'
import {
  DESCRIPTOR_SHIFT,
  FrameMemory,
  frameLayout,
  OFFSET,
  STATUS_TRANSMIT_FAILURES,
  VIRTIO_NET_HEADER_SIZE,
} from '../../src/datapath/frame-memory.ts'
import {
  type ImpairmentSettings,
  LinkDirection,
  NO_IMPAIRMENT,
} from '../../src/datapath/impairment/impairment-settings.ts'
import { clampMss, decrementTimeToLive, rewriteAddresses } from '../../src/datapath/rewrite.ts'
import { compileFilter } from '../../src/inspect/filter/compile-filter.ts'
import { BURST_MAX } from '../../src/limits.ts'
import type { QueuedFrame } from '../../src/ports/memory-frame-io.ts'
import { placeDatagram } from '../../src/ports/memory-tunnel.ts'
import { questionOf } from '../support/dns-scene.ts'
import { frameOf } from '../support/frame-text.ts'
import { gatewayInterface } from '../support/gateway-interface.ts'
import { leastGrowth } from '../support/least-growth.ts'
import { address, packetFrame } from '../support/packet-text.ts'
import { naiveSegments, noise, PLAIN } from '../support/super-frame.ts'
import { pattern, transportFrame } from '../support/transport-frame.ts'
import { underlay } from '../support/tunnel-scene.ts'

/** Bursts of 256 in which the compiler gets to know the code, and in one measurement: a quarter of a million frames. */
const WARM_UP_BURSTS = 1000
const BURSTS = 1024

/** Bytes that so many frames may allocate. One byte a frame would be hundreds of times as much. */
const ALLOWED = 1024

interface Arrival {
  readonly port: number
  readonly frame: QueuedFrame
}

/** The same burst again and again, on four ports, the last of which takes no offloads. */
class Traffic {
  readonly #memory = new FrameMemory(frameLayout(BURST_MAX))
  readonly #engine = new Engine(this.#memory, { seed: 1, ageingS: 5 })
  /** What is transmitted stays where it is. */
  readonly path = new RecordedPath(this.#engine, this.#memory, () => undefined)
  readonly #arrivals: readonly Arrival[]
  #nowS = 0
  #sequence = 0

  constructor(arrivals: readonly Arrival[]) {
    this.#arrivals = arrivals
    this.#engine.addDomain(1, { transparent: false })
    for (const port of [1, 2, 3, 4]) this.#engine.addPort(port, { domain: 1, mtu: 1500, plain: port === 4 })
    for (let i = 0; i < BURST_MAX; i++) this.#place(i)
  }

  #place(index: number): void {
    const { port, frame } = this.#arrivals[index % this.#arrivals.length]!
    const { received, bytes } = this.#memory
    const offset = this.#memory.slotFrame(index)
    bytes.set(frame.virtioHeader, offset - VIRTIO_NET_HEADER_SIZE)
    bytes.set(frame.frame, offset)
    received.set([port, offset, frame.frame.length, 0], index << DESCRIPTOR_SHIFT)
  }

  /** Takes the bursts through the engine; with `newStations` each frame has a source that nobody knows. */
  run(bursts: number, newStations: boolean): void {
    const { received, view, status } = this.#memory
    for (let burst = 0; burst < bursts; burst++) {
      if (newStations) {
        for (let i = 0; i < BURST_MAX; i++) {
          view.setInt32(received[(i << DESCRIPTOR_SHIFT) + OFFSET]! + 8, ++this.#sequence)
        }
      }
      let done = this.#engine.process(0, BURST_MAX, this.#nowS)
      while (done < BURST_MAX) {
        this.#settle(status)
        done = this.#engine.process(done, BURST_MAX, this.#nowS)
      }
      this.#settle(status)
      if ((burst & 511) === 0) this.#engine.tick(++this.#nowS)
    }
  }

  get memory(): FrameMemory {
    return this.#memory
  }

  get engine(): Engine {
    return this.#engine
  }

  /** The burst through the recorded path. */
  record(nowMs: number): void {
    this.#memory.status[STATUS_TRANSMIT_FAILURES] = 0
    this.path.settle()
    this.path.process(BURST_MAX, nowMs)
    this.path.tick(nowMs)
  }

  get total(): PortCount {
    return this.#engine.counters.total()
  }

  #settle(status: Int32Array): void {
    status[STATUS_TRANSMIT_FAILURES] = 0
    this.#engine.settle()
  }
}

/** The same burst again and again, half a millisecond apart, from and to ports with impaired links. */
class ImpairedTraffic {
  readonly #memory = new FrameMemory(frameLayout(BURST_MAX))
  readonly #engine = new Engine(this.#memory, { seed: 1 })
  readonly #descriptors = new Int32Array(BURST_MAX << DESCRIPTOR_SHIFT)
  #nowUs = 0

  constructor(settings: Partial<ImpairmentSettings>) {
    this.#engine.addDomain(1, { transparent: false })
    for (const port of [1, 2]) this.#engine.addPort(port, { domain: 1, mtu: 1500, plain: false })
    this.#engine.setImpairment(1, LinkDirection.from, { ...NO_IMPAIRMENT, ...settings })
    this.#engine.setImpairment(2, LinkDirection.to, { ...NO_IMPAIRMENT, ...settings })
    const frames = ['b a hello', 'b a length=900', 'a b length=1514'].map((words) =>
      frameOf(words.split(' ')),
    )
    for (let i = 0; i < BURST_MAX; i++) {
      const { frame } = frames[i % 3]!
      const offset = this.#memory.slotFrame(i)
      this.#memory.bytes.set(frame, offset)
      this.#descriptors.set([i % 3 === 2 ? 2 : 1, offset, frame.length, 0], i << DESCRIPTOR_SHIFT)
    }
  }

  get total(): PortCount {
    return this.#engine.counters.total()
  }

  run(bursts: number): void {
    const engine = this.#engine
    for (let burst = 0; burst < bursts; burst++) {
      this.#memory.received.set(this.#descriptors)
      this.#nowUs += 500
      this.#process(engine.arrive(BURST_MAX, this.#nowUs))
      while (engine.hasArrivals) {
        this.#settle()
        this.#process(engine.arrive(0, this.#nowUs))
      }
      while (!engine.depart()) this.#settle()
      this.#settle()
    }
  }

  #process(count: number): void {
    let done = this.#engine.process(0, count, 1)
    while (done < count) {
      this.#settle()
      done = this.#engine.process(done, count, 1)
    }
  }

  #settle(): void {
    this.#memory.status[STATUS_TRANSMIT_FAILURES] = 0
    this.#engine.settle()
  }
}

/** Frames from port to port, flooded, dropped, of stations that move: while somebody captures them. */
class CapturedTraffic {
  records = 0
  readonly #traffic: Traffic
  readonly #reader: CaptureRingReader

  constructor(point: number) {
    this.#traffic = new Traffic(
      arrivals('1 b a hello', '2 a b hello', '1 * a hello', '1 a a same', '3 b a hello', '4 a d hello'),
    )
    const buffer = new SharedArrayBuffer(ringSize(1 << 20))
    this.#reader = new CaptureRingReader(buffer)
    const { path, memory, engine } = this.#traffic
    // `greater 4096`, which is none.
    const filter = point === 0 ? compileFilter('greater 4096') : new Int32Array(0)
    const options = { filter, snapLength: 0, raw: false, drops: false }
    const writer = new CaptureRingWriter(buffer)
    const recorder = new RingRecorder(writer, memory, engine.connections, options, () => undefined)
    for (const port of [1, 2, 3, 4]) recorder.setPort(port, port, Point.both)
    path.add(recorder)
  }

  run(bursts: number): void {
    for (let burst = 0; burst < bursts; burst++) {
      this.#traffic.record(burst)
      while (this.#reader.next()) {
        this.records++
        this.#reader.release()
      }
    }
  }
}

/** A super-frame that goes into a tunnel, and segments that come out of it and become one again. Nothing of them is changed where it stands. */
class SuperTunnelTraffic {
  readonly #memory = new FrameMemory(frameLayout(4))
  readonly #engine = new Engine(this.#memory, { seed: 1 })
  readonly #descriptors = new Int32Array(2 << DESCRIPTOR_SHIFT)

  constructor() {
    const engine = this.#engine
    engine.addDomain(1, { transparent: false })
    engine.addPort(1, { domain: 1, mtu: 1500, plain: false, station: { high: 0x0242, low: 0x0a010003 } })
    engine.addTunnel(100, { local: underlay(0), udpPort: 4789, sources: 4 })
    const overlay = { tunnel: 100, networkIdentifier: 7, floods: true, learns: false, suppressesArp: true }
    engine.setOverlay(1, overlay)
    engine.addPeer(200, { domain: 1, address: underlay(1), mtu: 1450 })
    const { bytes, received } = this.#memory
    const { frame, virtioHeader } = transportFrame({
      protocol: 'tcp',
      version: 4,
      payload: pattern(9000),
      target: '*',
      source: 'a',
      left: 'segmentation',
      gsoSize: 1300,
    })
    const offset = this.#memory.slotFrame(0)
    bytes.set(virtioHeader, offset - VIRTIO_NET_HEADER_SIZE)
    bytes.set(frame, offset)
    engine.setRemote(1, { high: 0x0200, low: 0x62 }, { port: 200, ipv4: [] })
    bytes.set([2, 0, 0, 0, 0, 0x62], offset)
    const segments = naiveSegments({ ...PLAIN, payload: noise(7000, 1) }, 1300)
    const payload = Uint8Array.from(segments.flatMap((segment) => [8, 0, 0, 0, 0, 0, 7, 0, ...segment]))
    const segmentSize = 8 + segments[0]!.length
    placeDatagram(this.#memory, 1, 100, { payload, source: underlay(1), sourcePort: 50_000, segmentSize })
    received.set([1, offset, frame.length, 0])
    this.#descriptors.set(received.subarray(0, 2 << DESCRIPTOR_SHIFT))
  }

  run(bursts: number): void {
    const { received, status } = this.#memory
    for (let burst = 0; burst < bursts; burst++) {
      received.set(this.#descriptors)
      status[STATUS_TRANSMIT_FAILURES] = 0
      this.#engine.settle()
      this.#engine.process(0, this.#engine.arrive(2, 1e6), 1)
    }
  }

  /** Transmissions: one send with all segments, one super-frame. */
  get transmitted(): number {
    return this.#engine.counters.total().transmittedFrames
  }
}

const GATEWAY = '10.1.0.1'

/** Questions of all kinds to a name server, again and again. */
class QuestionTraffic {
  readonly #memory = new FrameMemory(frameLayout(BURST_MAX))
  readonly #engine = new Engine(this.#memory, { seed: 1 })
  readonly #descriptors = new Int32Array(BURST_MAX << DESCRIPTOR_SHIFT)

  constructor() {
    this.#configure()
    const questions = ['web A', 'www ANY', 'WEB.front AAAA', 'store A', 'web MX', '_http._tcp.www SRV']
    const messages = [...questions, '2.0.1.10.in-addr.arpa PTR'].map((one) => questionOf(one, { edns: 900 }))
    // One that waits, and is asked again and again; one that is none.
    messages.push(questionOf('example.com A'), Uint8Array.of(0, 7, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0))
    for (let i = 0; i < BURST_MAX; i++) this.#place(i, messages[i % messages.length]!)
  }

  run(bursts: number): void {
    const { received, status } = this.#memory
    for (let burst = 0; burst < bursts; burst++) {
      received.set(this.#descriptors)
      status[STATUS_TRANSMIT_FAILURES] = 0
      this.#engine.settle()
      this.#engine.dns.nowMs = burst
      this.#engine.process(0, BURST_MAX, 1)
    }
  }

  /** All kinds of answers have been given. */
  check(): void {
    const { dns, counters } = this.#engine
    const { verdicts, pending } = dns.counts()
    assert.equal(pending, 1)
    for (const verdict of ['answered', 'empty', 'malformed'] as const)
      assert.ok(verdicts[verdict] > 0, verdict)
    assert.ok(counters.total().drops[DropReason.dnsRepeated]! > 0)
  }

  #configure(): void {
    const engine = this.#engine
    engine.addDomain(1, { transparent: false })
    engine.addPort(1, { domain: 1, mtu: 1500, plain: false })
    engine.setInterface(1, gatewayInterface(GATEWAY, 1500))
    const names = (...texts: readonly string[]): NamedHostSettings['names'] =>
      texts.map((text) => ({ text, kind: 0 }))
    const http = [{ protocol: 6, first: 80, last: 80 }]
    const { dns } = engine
    dns.setZone(1, { name: 'front', ttlS: 5, served: true })
    dns.setNamedHost(1, {
      id: 1,
      domain: 1,
      ipv4: address('10.1.0.2'),
      ipv6: [0xfd00_0000 | 0, 0, 0, 2],
      names: names('web', 'www'),
      services: http,
    })
    dns.setNamedHost(2, {
      id: 2,
      domain: 1,
      ipv4: address('10.1.0.3'),
      names: names('web2', 'www'),
      services: http,
    })
    const scopes = [{ domain: 1, links: [{ alias: 'store', target: 'web' }] }]
    dns.setResolver(1, { id: 1, ports: [1], scopes, forwards: true, singleLabelsStay: false })
  }

  #place(index: number, message: Uint8Array): void {
    const line = `udp 10.1.0.2:4000>${GATEWAY}:53 data=${Buffer.from(message).toString('hex')}`
    const { frame, virtioHeader } = packetFrame(line, address(GATEWAY))
    const offset = this.#memory.slotFrame(index)
    this.#memory.bytes.set(virtioHeader, offset - VIRTIO_NET_HEADER_SIZE)
    this.#memory.bytes.set(frame, offset)
    this.#descriptors.set([1, offset, frame.length, 0], index << DESCRIPTOR_SHIFT)
  }
}

const arrivals = (...lines: readonly string[]): Arrival[] =>
  lines.map((line) => {
    const [port, ...words] = line.split(' ')
    return { port: Number(port), frame: frameOf(words) }
  })

describe('a quarter of a million frames allocate nothing', () => {
  const unicast = arrivals('1 b a hello', '2 a b hello', '3 a c hello', '1 c a hello')
  const KINDS: Readonly<Record<string, { arrivals: readonly Arrival[]; newStations?: boolean }>> = {
    'from port to port': { arrivals: unicast },
    flooded: { arrivals: arrivals('1 * a hello', '2 33:33:00:00:00:01 b hello', '3 z c hello') },
    dropped: {
      arrivals: arrivals(
        '1 a a same-port',
        '1 b a cut=9',
        '2 a * hello',
        '2 a b length=1600',
        '3 01:80:c2:00:00:00 c bpdu',
        '3 a c virtio=255,255,0,0,0,0',
        '7 a d hello',
      ),
    },
    'tagged and jumbled': { arrivals: arrivals('1 b a vlan=5 length=1518', '2 a b svlan=7 vlan=5 hello') },
    'of stations that move': {
      arrivals: arrivals('1 b a hello', '2 a b hello', '3 b a hello', '1 a b hello'),
    },
    'of stations that are new': { arrivals: unicast, newStations: true },
  }

  for (const [name, { arrivals: burst, newStations = false }] of Object.entries(KINDS)) {
    it(name, () => {
      const traffic = new Traffic(burst)
      traffic.run(WARM_UP_BURSTS, newStations)
      const bytes = leastGrowth(() => traffic.run(BURSTS, newStations), ALLOWED)
      assert.ok(bytes < ALLOWED, `${BURSTS * BURST_MAX} frames allocated ${bytes} bytes`)
    })
  }

  for (const [name, point] of [
    ['as they arrive and as they leave', Point.both],
    ['where the filter wants none', 0],
  ] as const) {
    it(`captured into a ring, ${name}`, () => {
      const traffic = new CapturedTraffic(point)
      traffic.run(WARM_UP_BURSTS >> 1)
      const bytes = leastGrowth(() => traffic.run(BURSTS), ALLOWED)
      assert.ok(bytes < ALLOWED, `${BURSTS * BURST_MAX} frames allocated ${bytes} bytes`)
      assert.ok(traffic.records > 0 === point > 0)
    })
  }

  it('checksums completed, super-frames segmented', () => {
    const options = { version: 4, target: 'd', source: 'a', payload: pattern(3000) } as const
    const traffic = new Traffic([
      {
        port: 1,
        frame: transportFrame({ ...options, protocol: 'tcp', left: 'segmentation', gsoSize: 1460 }),
      },
      {
        port: 2,
        frame: transportFrame({
          ...options,
          version: 6,
          protocol: 'udp',
          left: 'segmentation',
          gsoSize: 1400,
        }),
      },
      {
        port: 3,
        frame: transportFrame({ ...options, payload: pattern(99), protocol: 'tcp', left: 'checksum' }),
      },
      { port: 4, frame: frameOf(['*', 'd', 'hello']) },
    ])
    traffic.run(200, false)
    const bytes = leastGrowth(() => traffic.run(BURSTS >> 2, false), ALLOWED)
    assert.ok(bytes < ALLOWED, `${(BURSTS >> 2) * BURST_MAX} frames allocated ${bytes} bytes`)
    const { segmentCopies, drops } = traffic.total
    assert.ok(segmentCopies > 0)
    assert.deepEqual(
      drops,
      drops.map(() => 0),
    )
  })

  for (const protocol of ['tcp', 'udp'] as const) {
    for (const way of ['out', 'in'] as const) {
      it(`routed and translated: ${protocol} ${way}`, () => {
        const traffic = new RoutedTraffic({ protocol, way, flows: 5000 })
        traffic.open()
        traffic.check()
        const route = traffic.repeat()
        route(20)
        const before = traffic.total()
        const bytes = leastGrowth(() => route(16), ALLOWED)
        assert.ok(bytes < ALLOWED, `${BURSTS * BURST_MAX} packets allocated ${bytes} bytes`)
        const { drops, receivedFrames, transmittedFrames } = traffic.total()
        assert.deepEqual(drops, before.drops)
        assert.ok(receivedFrames >= before.receivedFrames + BURSTS * BURST_MAX)
        assert.equal(transmittedFrames - before.transmittedFrames, receivedFrames - before.receivedFrames)
      })
    }
  }

  for (const [name, settings] of Object.entries({
    'delayed by impaired links': { delayUs: 2000, queue: 10_000 },
    'lost, doubled, corrupted and late by impaired links': {
      delayUs: 1000,
      jitterUs: 700,
      queue: 10_000,
      loss: 0.01,
      duplicate: 0.01,
      reorder: 0.01,
      corrupt: 0.01,
      rate: 10_000_000_000,
      seed: 3,
    },
  })) {
    it(name, () => {
      const traffic = new ImpairedTraffic(settings)
      traffic.run(WARM_UP_BURSTS)
      const before = traffic.total
      const bytes = leastGrowth(() => traffic.run(BURSTS), ALLOWED)
      assert.ok(bytes < ALLOWED, `${BURSTS * BURST_MAX} frames allocated ${bytes} bytes`)
      const after = traffic.total
      assert.ok(after.transmittedFrames - before.transmittedFrames > (BURSTS >> 1) * BURST_MAX)
      assert.ok(after.held > 0)
    })
  }

  it('questions by name', () => {
    const traffic = new QuestionTraffic()
    traffic.run(WARM_UP_BURSTS)
    const bytes = leastGrowth(() => traffic.run(BURSTS), ALLOWED)
    assert.ok(bytes < ALLOWED, `${BURSTS * BURST_MAX} questions allocated ${bytes} bytes`)
    traffic.check()
  })

  it('translated, clamped and fragmented', () => {
    const memory = new FrameMemory(frameLayout(1))
    const { view, bytes, layout } = memory
    const fragmenter = new Fragmenter(memory)
    const offset = memory.slotFrame(0)
    const [network, transport] = [offset + 14, offset + 34]
    const options = { target: 'd', source: 'a', version: 4, controlBits: 2, payload: pattern(1400) } as const
    const { frame } = transportFrame({ ...options, protocol: 'tcp' })
    bytes.set(frame, offset)
    const end = offset + frame.length
    const work = (frames: number): void => {
      for (let i = 0; i < frames; i++) {
        rewriteAddresses(view, offset, network, transport, 6, true, i, -i, Math.imul(i, 0x10001))
        view.setUint8(network + 8, 64)
        decrementTimeToLive(view, network)
        clampMss(view, offset, network, transport, end, 1000)
        if ((i & 15) === 0)
          fragmenter.fragment(offset, frame.length, network, 576, layout.arena, layout.gathers)
      }
    }
    work(100_000)
    const grown = leastGrowth(() => work(250_000), ALLOWED)
    assert.ok(grown < ALLOWED, `250,000 frames allocated ${grown} bytes`)
    assert.equal(fragmenter.count, 3)
  })

  it('and it would be noticed if they did', () => {
    const kept: number[][] = Array.from({ length: 1000 }, () => [])
    const bytes = leastGrowth(() => {
      for (let i = 0; i < kept.length; i++) kept[i] = [i, i]
    }, ALLOWED)
    assert.ok(bytes >= ALLOWED, `noticed ${bytes} bytes`)
  })

  for (const way of ['into', 'out of', 'out of, 64 in one'] as const) {
    it(`on their way ${way} a tunnel`, () => {
      const traffic = new TunnelledTraffic(way)
      traffic.round(WARM_UP_BURSTS)
      assert.ok(leastGrowth(() => traffic.round(BURSTS), ALLOWED) < ALLOWED)
      assert.ok(traffic.transmitted >= (WARM_UP_BURSTS + BURSTS) * BURST_MAX)
    })
  }

  it('nor do super-frames there', () => {
    const traffic = new SuperTunnelTraffic()
    traffic.run(WARM_UP_BURSTS)
    assert.ok(leastGrowth(() => traffic.run(BURSTS), ALLOWED) < ALLOWED)
    assert.equal(traffic.transmitted % 2, 0)
    assert.ok(traffic.transmitted >= 2 * (WARM_UP_BURSTS + BURSTS))
  })
})
