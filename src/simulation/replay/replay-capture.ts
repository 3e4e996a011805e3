/**
 * What a replay makes of a capture, as another one: each frame as it arrives and as it leaves, with what the data path says of it. Written by what
 * writes live captures, by way of the same ring; here both its ends are in one thread, and it is emptied behind each frame.
 */

import { CaptureRingReader, CaptureRingWriter, ringSize } from '../../datapath/capture/capture-ring.ts'
import { Point, RingRecorder } from '../../datapath/capture/ring-recorder.ts'
import { FRAME_MAX } from '../../datapath/frame-memory.ts'
import { CaptureFile } from '../../inspect/capture/capture-file.ts'
import type { CaptureTime } from '../../inspect/pcap/capture-file.ts'
import type { CaptureSink } from '../../inspect/pcap/pcapng-writer.ts'
import type { SimulatedLab } from '../simulated-lab.ts'
import type { ReplayWatcher } from './replay.ts'

/** A capture file of ours is known by how this begins: see place-finder.ts. */
const APPLICATION = 'Tapwire replay'

/** Room of the ring for copies to some ports more than there are: what the frame releases that has waited, and what the router says. */
const COPIES_MORE = 64
const COPY_SIZE = FRAME_MAX + 256

const MS_PER_S = 1000
const NS_PER_MS = 1_000_000
const NS_PER_S = 1_000_000_000

export class ReplayCapture implements ReplayWatcher {
  readonly #lab: SimulatedLab
  readonly #reader: CaptureRingReader
  readonly #file: CaptureFile
  /** The time of the file's clock at 0 of the lab's, and where the lab's clock is now. */
  #first: CaptureTime = { seconds: 0, nanoseconds: 0 }
  #hasBegun = false
  #now: CaptureTime = this.#first
  #nowMs = 0

  /** `sink` gets the bytes of the file. `comment`: what the file says of itself. */
  constructor(lab: SimulatedLab, sink: CaptureSink, comment: string) {
    this.#lab = lab
    const { datapath, places } = lab
    const ring = new ArrayBuffer(ringSize((places.size + COPIES_MORE) * COPY_SIZE))
    this.#reader = new CaptureRingReader(ring)
    this.#file = new CaptureFile(sink, {
      places: lab.capturePlaces,
      clock: { time: (timeMs) => this.#time(timeMs) },
      application: APPLICATION,
      os: '',
      filter: '',
      snapLength: 0,
      raw: false,
      count: undefined,
      comment,
    })
    const settings = { filter: new Int32Array(0), snapLength: 0, raw: false, drops: false }
    const recorder = new RingRecorder(
      new CaptureRingWriter(ring),
      datapath.memory,
      datapath.engine.connections,
      settings,
      () => this.#empty(),
    )
    for (const port of places.keys()) {
      recorder.setPort(port, this.#file.addInterface(lab.capturePlaces.at(port), true), Point.both)
    }
    datapath.path.add(recorder)
    this.#empty()
  }

  arriving(seconds: number, nanoseconds: number): void {
    this.#now = { seconds, nanoseconds }
    this.#nowMs = this.#lab.datapath.timeMs
    if (!this.#hasBegun) this.#first = this.#now
    this.#hasBegun = true
  }

  /** Behind `Replay.finish`: the file is whole. */
  end(): void {
    this.#empty()
    const { nowMs } = this.#lab.datapath
    this.#file.end((number) => this.#reader.countsOf(number), nowMs)
  }

  /** Until there is nothing, and the recorder is to tell of what comes. */
  #empty(): void {
    do {
      while (this.#reader.next()) {
        this.#file.write(this.#reader)
        this.#reader.release()
      }
    } while (!this.#reader.wait())
  }

  /** What a frame causes at once has exactly the time that it was captured at, which a number of milliseconds does not hold. */
  #time(engineMs: number): CaptureTime {
    const timeMs = engineMs - this.#lab.datapath.offsetMs
    if (timeMs === this.#nowMs) return this.#now
    const seconds = Math.floor(timeMs / MS_PER_S)
    const nanoseconds = this.#first.nanoseconds + Math.round((timeMs - seconds * MS_PER_S) * NS_PER_MS)
    const carry = Math.floor(nanoseconds / NS_PER_S)
    return { seconds: this.#first.seconds + seconds + carry, nanoseconds: nanoseconds - carry * NS_PER_S }
  }
}
