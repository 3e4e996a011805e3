/**
 * Datagrams in 60-byte frames on a small switch, in memory: what a capture costs the path of a frame, without devices, programs and the
 * reader's part. The reader steps over the records between two measurements.
 */

import { CaptureRingReader, CaptureRingWriter, ringSize } from '../../../src/datapath/capture/capture-ring.ts'
import { RecordedPath } from '../../../src/datapath/capture/recorded-path.ts'
import { Point, RingRecorder } from '../../../src/datapath/capture/ring-recorder.ts'
import { Engine } from '../../../src/datapath/engine.ts'
import {
  DESCRIPTOR_SHIFT,
  DESCRIPTOR_WORDS,
  FRAME_IN_SLOT,
  FrameMemory,
  VIRTIO_NET_HEADER_SIZE,
} from '../../../src/datapath/frame-memory.ts'
import { compileFilter } from '../../../src/inspect/filter/compile-filter.ts'
import { BURST_MAX, CAPTURE_RING_SIZE, MTU_DEFAULT } from '../../../src/limits.ts'
import { busyTime } from '../cpu.ts'
import { compactLayout, FRAMES, STRIDE } from '../switched-traffic.ts'
import { FILTER_OF_NOTHING } from './modes.ts'

const PORTS = 3
const STATIONS = 30
const DOMAIN = 1
const STATION_HIGH = 0x0200
const FRAME_LENGTH = 60
const NOW_MS = 1000
/** As many as a ring has room for, as they come and as they leave. */
const BURSTS = 300

/** `full`: everything, and nobody reads. */
export const PATHS = ['plain', 'nothing', 'everything', 'full'] as const
export type Path = (typeof PATHS)[number]

export class RecordedTraffic {
  readonly #memory = new FrameMemory(compactLayout())
  readonly #engine = new Engine(this.#memory, { seed: 1 })
  readonly #path = new RecordedPath(this.#engine, this.#memory, () => undefined)
  readonly #prepared = new Int32Array(FRAMES * DESCRIPTOR_WORDS)
  #reader: CaptureRingReader | undefined
  readonly #kind: Path

  constructor(kind: Path) {
    this.#kind = kind
    this.#engine.addDomain(DOMAIN, { transparent: false })
    for (let port = 0; port < PORTS; port++)
      this.#engine.addPort(port, { domain: DOMAIN, mtu: MTU_DEFAULT, plain: false })
    for (let station = 0; station < STATIONS; station++)
      this.#engine.stations.learn(DOMAIN, STATION_HIGH, station, station % PORTS, 0)
    for (let frame = 0; frame < FRAMES; frame++) this.#prepare(frame)
    if (kind !== 'plain') this.#record()
  }

  /** Nanoseconds a frame of some bursts. */
  measure(): number {
    const ns = busyTime(() => this.#run())
    if (this.#kind === 'everything') this.#stepOver()
    return ns / (BURSTS * BURST_MAX)
  }

  #run(): void {
    const words = BURST_MAX * DESCRIPTOR_WORDS
    for (let burst = 0; burst < BURSTS; burst++) {
      const first = (burst * words) % this.#prepared.length
      this.#memory.received.set(this.#prepared.subarray(first, first + words))
      if (this.#kind === 'plain') {
        this.#engine.settle()
        this.#engine.process(0, BURST_MAX, NOW_MS / 1000)
      } else {
        this.#path.settle()
        this.#path.process(BURST_MAX, NOW_MS)
      }
    }
  }

  #record(): void {
    const buffer = new SharedArrayBuffer(ringSize(CAPTURE_RING_SIZE))
    this.#reader = new CaptureRingReader(buffer)
    const filter = compileFilter(this.#kind === 'nothing' ? FILTER_OF_NOTHING : '')
    const options = { filter, snapLength: 0, raw: false, drops: false }
    const ring = new CaptureRingWriter(buffer)
    const recorder = new RingRecorder(ring, this.#memory, this.#engine.connections, options, () => undefined)
    for (let port = 0; port < PORTS; port++) recorder.setPort(port, port, Point.both)
    this.#path.add(recorder)
  }

  #stepOver(): void {
    let records = 0
    while (this.#reader!.next()) {
      records++
      this.#reader!.release()
    }
    if (records !== 2 * BURSTS * BURST_MAX)
      throw new Error(`${records} copies of ${BURSTS * BURST_MAX} frames`)
  }

  #prepare(frame: number): void {
    const { view } = this.#memory
    const source = frame % STATIONS
    const offset = frame * STRIDE + FRAME_IN_SLOT
    view.setUint16(offset, STATION_HIGH)
    view.setInt32(offset + 2, (source + 1) % STATIONS)
    view.setUint16(offset + 6, STATION_HIGH)
    view.setInt32(offset + 8, source)
    // IPv4 and UDP, as much of them as a switch and a filter look at.
    view.setUint16(offset + 12, 0x0800)
    view.setUint8(offset + 14, 0x45)
    view.setUint16(offset + 16, FRAME_LENGTH - 14)
    view.setUint8(offset + 23, 17)
    view.setUint16(offset + 34, 5000 + frame)
    view.setUint16(offset + 36, 7)
    for (let i = 0; i < VIRTIO_NET_HEADER_SIZE; i++) view.setUint8(offset - VIRTIO_NET_HEADER_SIZE + i, 0)
    this.#prepared.set([source % PORTS, offset, FRAME_LENGTH, 0], frame << DESCRIPTOR_SHIFT)
  }
}
