/**
 * Random and mutated frames through the engine, two million unless told otherwise. Whatever they are, it must not throw,
 * must name no byte outside of the frame memory, must keep networks apart, must leave alone what it passes on,
 * and must account for every frame.
 *
 *     TAPWIRE_FUZZ_SEED=N      repeats a run; each prints its seed
 *     TAPWIRE_FUZZ_FRAMES=N    makes it shorter or longer
 */

import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { it } from 'node:test'
import { Engine } from '../../src/datapath/engine.ts'
import {
  DESCRIPTOR_SHIFT,
  FrameMemory,
  frameLayout,
  HEADROOM,
  LENGTH,
  OFFSET,
  PORT,
  RESULT,
  STATUS_TRANSMIT_FAILURES,
  VIRTIO_NET_HEADER_SIZE,
} from '../../src/datapath/frame-memory.ts'
import { BURST_MAX } from '../../src/limits.ts'
import { frameCorpus, longestSuperFrame } from '../support/frame-corpus.ts'
import { FrameMutator } from '../support/frame-mutator.ts'
import { Random } from '../support/random.ts'
import { assertAllAccountedFor } from '../support/scenario.ts'

const FRAMES = Number(process.env['TAPWIRE_FUZZ_FRAMES'] ?? 1_000_000)
const SEED = Number(process.env['TAPWIRE_FUZZ_SEED'] ?? randomInt(1, 2 ** 31))

const NOWHERE = -1

/** Port 7 is alone in its network, port 8 in none. */
const PORTS = [
  { domain: 1, mtu: 1500, plain: false },
  { domain: 1, mtu: 1500, plain: false },
  { domain: 1, mtu: 1500, plain: true },
  { domain: 1, mtu: 1500, plain: true },
  { domain: 2, mtu: 9000, plain: false },
  { domain: 2, mtu: 9000, plain: true },
  { domain: 2, mtu: 576, plain: false },
  { domain: 3, mtu: 1500, plain: false },
  undefined,
] as const

const DOMAIN_OF = Int32Array.from(PORTS, (port) => port?.domain ?? NOWHERE)
const IS_PLAIN = Uint8Array.from(PORTS, (port) => (port?.plain === true ? 1 : 0))

/** Stations 0 to 31 mostly stay on one port each. */
const STATIONS = 32

/** Bytes around a frame that are held to be untouched too. */
const MARGIN = 32

const ERRNOS = Int32Array.of(5, 11, 12, 19, 22, 77, 90, 105)

class Fuzzer {
  readonly memory = new FrameMemory(frameLayout(BURST_MAX))
  readonly engine = new Engine(this.memory, { seed: SEED, stations: 512, stationsPerPort: 64 })
  readonly #random = new Random(SEED)
  readonly #mutator = new FrameMutator(this.memory.view, this.memory.bytes, this.#random)
  readonly #corpus = frameCorpus()
  readonly #longest = longestSuperFrame()
  readonly #bytes = Buffer.from(this.memory.bytes.buffer)
  /** The frame under test as it was before. */
  readonly #before = Buffer.alloc(1 << 17)
  readonly #beforeView = new DataView(this.#before.buffer, this.#before.byteOffset)
  /** By port: the last frame that was sent there whole, to notice a second copy. */
  readonly #sentWhole = new Int32Array(PORTS.length)
  #arenaUsed = this.memory.layout.arena
  #nowS = 0
  frames = 0
  transmitted = 0

  constructor() {
    for (const domain of [1, 2, 3]) this.engine.addDomain(domain, { transparent: domain === 2 })
    for (const [port, settings] of PORTS.entries())
      if (settings !== undefined) this.engine.addPort(port, settings)
  }

  /** A burst of frames, each through the engine by itself, so that it is known what became of which. */
  burst(count: number): void {
    this.#arrive(count)
    for (let i = 0; i < count; i++) this.#pass(i)
    this.transmit()
    this.#changeSomething()
  }

  /** What an I/O backend does, with devices that refuse a frame now and then. */
  transmit(): void {
    const { transmits, status } = this.memory
    const count = this.engine.transmitCount
    const refuses = this.#random.oneIn(16)
    let failures = 0
    for (let i = 0; i < count; i++) {
      const refused = refuses && this.#random.oneIn(4)
      transmits[(i << DESCRIPTOR_SHIFT) + RESULT] = refused ? -this.#random.from(ERRNOS) : 0
      if (refused) failures++
    }
    status[STATUS_TRANSMIT_FAILURES] = failures
    this.transmitted += count - failures
    this.engine.settle()
    this.#arenaUsed = this.memory.layout.arena
  }

  #arrive(count: number): void {
    const { received } = this.memory
    for (let i = 0; i < count; i++) {
      const descriptor = i << DESCRIPTOR_SHIFT
      const offset = this.memory.slotFrame(i)
      received[descriptor + PORT] = this.#random.below(PORTS.length)
      received[descriptor + OFFSET] = offset
      received[descriptor + LENGTH] = this.#place(offset, descriptor)
    }
  }

  /** Puts a frame there, and returns its length. */
  #place(offset: number, descriptor: number): number {
    const random = this.#random
    const seed = random.oneIn(4096) ? this.#longest : this.#corpus[random.below(this.#corpus.length)]!
    this.memory.bytes.set(seed, offset - VIRTIO_NET_HEADER_SIZE)
    let length = seed.length - VIRTIO_NET_HEADER_SIZE
    if (!random.oneIn(8)) this.#address(offset, descriptor)
    for (let mutations = random.below(4); mutations > 0; mutations--) {
      length = this.#mutator.mutate(offset, length, this.memory.slotFrame(random.below(BURST_MAX)))
    }
    return length
  }

  #address(offset: number, descriptor: number): void {
    const { view, received } = this.memory
    const source = this.#random.below(STATIONS)
    // A station that lives on port 8 is known to nobody: frames to it are flooded.
    if (!this.#random.oneIn(256)) received[descriptor + PORT] = source % PORTS.length
    view.setUint16(offset, 0x0200)
    view.setInt32(offset + 2, this.#random.below(STATIONS))
    view.setUint16(offset + 6, 0x0200)
    view.setInt32(offset + 8, source)
  }

  #pass(index: number): void {
    const { received } = this.memory
    const descriptor = index << DESCRIPTOR_SHIFT
    const port = received[descriptor + PORT]!
    const offset = received[descriptor + OFFSET]!
    const length = received[descriptor + LENGTH]!
    const start = offset - VIRTIO_NET_HEADER_SIZE - MARGIN
    const end = offset + length + MARGIN
    this.#bytes.copy(this.#before, 0, start, end)

    let first = this.engine.transmitCount
    while (this.engine.process(index, index + 1, this.#nowS) === index) {
      if (first === 0) this.#fail('no room in an empty list', descriptor)
      this.transmit()
      first = 0
    }
    this.frames++
    const finished = this.#checkTransmits(first, port, offset, length, descriptor)
    if (this.#bytes.compare(this.#before, 0, end - start, start, end) !== 0) {
      if (!finished) this.#fail('a frame was changed that was not to be', descriptor)
      this.#checkFinished(offset, length, descriptor)
    }
  }

  /** What the frame made of `first` and the following descriptors. True where it went whole to a port that takes no offloads. */
  #checkTransmits(first: number, port: number, offset: number, length: number, descriptor: number): boolean {
    const { transmits, layout, view } = this.memory
    const count = this.engine.transmitCount
    const arenaUsed = this.#arenaUsed
    let finished = false
    let segments = 0
    let segmentBytes = 0
    let segmentsPort = NOWHERE
    for (let i = first; i < count; i++) {
      const at = i << DESCRIPTOR_SHIFT
      const to = transmits[at + PORT]!
      const from = transmits[at + OFFSET]!
      const size = transmits[at + LENGTH]!
      if (to === port) this.#fail('a frame went back to where it came from', descriptor)
      if (DOMAIN_OF[to] !== DOMAIN_OF[port]) this.#fail('a frame left its network', descriptor)
      if (IS_PLAIN[to] === 1 && view.getUint16(from - VIRTIO_NET_HEADER_SIZE) !== 0)
        this.#fail('a port got an offload that it does not take', descriptor)
      if (from === offset) {
        if (size !== length) this.#fail('a frame changed its length', descriptor)
        if (this.#sentWhole[to] === this.frames) this.#fail('a frame went twice to a port', descriptor)
        this.#sentWhole[to] = this.frames
        finished ||= IS_PLAIN[to] === 1
        continue
      }
      if (from - VIRTIO_NET_HEADER_SIZE < arenaUsed || from + size > layout.gathers || size < 14)
        this.#fail('a segment lies outside of the free arena', descriptor)
      if (IS_PLAIN[to] === 0) this.#fail('a segment went to a port that takes the whole', descriptor)
      this.#arenaUsed = Math.max(this.#arenaUsed, from + size)
      if (to !== segmentsPort) {
        if (segments > 0) this.#checkSegments(length, segments, segmentBytes, descriptor)
        segmentsPort = to
        segments = 0
        segmentBytes = 0
      }
      segments++
      segmentBytes += size
    }
    if (segments > 0) this.#checkSegments(length, segments, segmentBytes, descriptor)
    return finished
  }

  /** Each segment has the headers; together they have the payload, each but the last gso_size bytes of it. */
  #checkSegments(length: number, segments: number, bytes: number, descriptor: number): void {
    const gsoSize = this.#beforeView.getUint16(MARGIN + 4, true)
    const headers = segments === 1 ? 0 : (bytes - length) / (segments - 1)
    const payload = length - headers
    const complete = segments === 1 ? bytes === length : segments === Math.ceil(payload / gsoSize)
    if (!complete || headers > length) this.#fail('the segments are not the whole', descriptor)
  }

  /** The header is cleared, and but for the checksum field that it named the frame is the same. */
  #checkFinished(offset: number, length: number, descriptor: number): void {
    const before = this.#beforeView
    const needsChecksum = (before.getUint8(MARGIN) & 1) !== 0
    const field = before.getUint16(MARGIN + 6, true) + before.getUint16(MARGIN + 8, true)
    if (before.getUint8(MARGIN + 1) !== 0) this.#fail('a super-frame was changed', descriptor)
    const frame = MARGIN + VIRTIO_NET_HEADER_SIZE
    this.#before.fill(0, MARGIN, frame)
    if (needsChecksum) before.setUint16(frame + field, this.memory.view.getUint16(offset + field))
    const start = offset - frame
    const end = offset + length + MARGIN
    if (this.#bytes.compare(this.#before, 0, end - start, start, end) !== 0)
      this.#fail('more than a checksum was changed', descriptor)
  }

  /** Time passes, and a port may go and come back. */
  #changeSomething(): void {
    const random = this.#random
    if (random.oneIn(4)) this.#nowS++
    if (random.oneIn(1000)) this.#nowS += 300
    if (random.oneIn(8)) this.engine.tick(this.#nowS)
    if (random.oneIn(100)) {
      const port = random.below(PORTS.length)
      const settings = PORTS[port]
      this.engine.removePort(port)
      if (settings !== undefined) this.engine.addPort(port, settings)
    }
  }

  #fail(what: string, descriptor: number): never {
    const { received } = this.memory
    const offset = received[descriptor + OFFSET]!
    const end = MARGIN + VIRTIO_NET_HEADER_SIZE + received[descriptor + LENGTH]!
    assert.fail(
      `${what}: frame ${this.frames} with TAPWIRE_FUZZ_SEED=${SEED}, port ${received[descriptor + PORT]}, ` +
        `slot at ${offset - HEADROOM}, with its virtio-net header ${this.#before.toString('hex', MARGIN, Math.min(end, 512))}`,
    )
  }
}

it(`${FRAMES} random and mutated frames do no harm and are all accounted for`, (t) => {
  t.diagnostic(`TAPWIRE_FUZZ_SEED=${SEED}`)
  const fuzzer = new Fuzzer()
  for (let bursts = 0; fuzzer.frames < FRAMES; bursts++) {
    fuzzer.burst(Math.min(BURST_MAX, FRAMES - fuzzer.frames))
    if (bursts % 1000 === 0) assertAllAccountedFor(fuzzer.engine.counters.total())
  }
  const total = fuzzer.engine.counters.total()
  assertAllAccountedFor(total)
  assert.equal(total.receivedFrames, fuzzer.frames)
  assert.equal(total.transmittedFrames, fuzzer.transmitted)
  // What has found nothing because it reached nothing has tested nothing.
  t.diagnostic(JSON.stringify(total))
  assert.ok(total.transmittedFrames > total.receivedFrames / 4, 'frames get through')
  assert.ok(total.floodCopies > 0 && total.segmentCopies > 0, 'frames are flooded, and segmented')
})
