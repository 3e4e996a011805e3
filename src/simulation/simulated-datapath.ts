/**
 * The data path without threads, devices and clock: the engine on plain memory, one frame at a time, at times that its caller says.
 *
 *     frame, port, time ──► slot ──► engine ──► transmit list ──► recorders, where there are any
 *
 * A burst is always one frame, as on the recorded path. So what comes of a frame does not depend on who looks.
 */

import { RecordedPath } from '../datapath/capture/recorded-path.ts'
import { Counters } from '../datapath/counters.ts'
import { Engine } from '../datapath/engine.ts'
import {
  FRAME_MAX,
  FrameMemory,
  frameLayout,
  LENGTH,
  OFFSET,
  PORT,
  STATUS_TRANSMIT_FAILURES,
  VIRTIO_NET_HEADER_SIZE,
} from '../datapath/frame-memory.ts'
import { SIMULATED_GAP_MAX_S } from '../limits.ts'
import { clear } from '../wire/virtio-net.ts'

/** Short frames word by word: an array of their bytes, which `set` needs, costs more than that. */
const COPY_BY_WORD_MAX = 512

const US_PER_MS = 1000

/** The engine's tables know seconds up to here. */
const SECONDS_MAX = 0x7fff_ffff

export interface SimulatedDatapathOptions {
  /** An int32: of the tables' hashes, and of what the router chooses at random. */
  readonly seed: number
}

export class SimulatedDatapath {
  readonly engine: Engine
  readonly memory = new FrameMemory(frameLayout(1))
  readonly counters = new Counters()
  /** Where a frame that is to arrive is put, and how much room there is. */
  readonly slot: number
  readonly slotSize = FRAME_MAX
  readonly path: RecordedPath
  /** The time that the caller knows. It never goes back. */
  #timeMs = 0
  /** What the engine's clock is behind the caller's by: its beginning, and gaps that were cut short. */
  #offsetMs = 0
  #nowS = 0

  constructor({ seed }: SimulatedDatapathOptions) {
    this.engine = new Engine(this.memory, { seed, counters: this.counters })
    this.slot = this.memory.slotFrame(0)
    this.path = new RecordedPath(this.engine, this.memory, () => this.#takeAll())
  }

  get timeMs(): number {
    return this.#timeMs
  }

  /** Of the engine's clock. */
  get nowMs(): number {
    return this.#timeMs + this.#offsetMs
  }

  /** What the engine's clock shows more than the caller's. Changes where a gap is cut short. */
  get offsetMs(): number {
    return this.#offsetMs
  }

  get nowS(): number {
    return this.#nowS
  }

  /** The caller's clock begins anew, at 0, and the engine's goes on from its next whole second. */
  restart(): void {
    this.advance(Math.ceil((this.#timeMs + 1) / 1000) * 1000)
    this.#offsetMs += this.#timeMs
    this.#timeMs = 0
  }

  /**
   * Lets the time pass to `timeMs`, second by second, with all that becomes due. A gap that is so long that the data path has forgotten all
   * there was before is cut short: nothing happens in the rest of it.
   */
  advance(timeMs: number): void {
    if (!(timeMs > this.#timeMs)) return
    const second = Math.floor((timeMs + this.#offsetMs) / 1000)
    if (second > this.#nowS) this.#pass(second)
    this.#release(timeMs + this.#offsetMs)
    this.#timeMs = timeMs
  }

  #pass(second: number): void {
    const beyond = second - this.#nowS - SIMULATED_GAP_MAX_S
    if (beyond > 0) this.#offsetMs -= beyond * 1000
    const last = Math.min(beyond > 0 ? second - beyond : second, SECONDS_MAX)
    while (this.#nowS < last) {
      this.#release((this.#nowS + 1) * 1000)
      this.#nowS += 1
      this.#timeMs = Math.max(this.#timeMs, this.#nowS * 1000 - this.#offsetMs)
      this.#tick()
    }
  }

  /** Lets those frames go on, in order of time, that have waited on impaired links until `endMs` of the engine's clock or before. */
  #release(endMs: number): void {
    const { engine } = this
    for (let dueUs = engine.nextDueUs; dueUs <= endMs * US_PER_MS; dueUs = engine.nextDueUs) {
      this.#timeMs = Math.max(this.#timeMs, dueUs / US_PER_MS - this.#offsetMs)
      this.#turn(0, Math.max(dueUs, this.nowMs * US_PER_MS))
    }
  }

  #tick(): void {
    const { engine, path } = this
    engine.dns.nowMs = this.nowMs
    let busy = true
    while (busy) {
      busy = path.active ? path.tick(this.nowMs) : engine.tick(this.#nowS)
      this.transmit()
    }
  }

  /** Takes the frame of `length` bytes that has been put at `slot` through the path, as though it had just arrived at `port`. */
  process(port: number, length: number): void {
    const { received } = this.memory
    received[PORT] = port
    received[OFFSET] = this.slot
    received[LENGTH] = length
    this.#turn(1, this.nowMs * US_PER_MS)
  }

  /** As the worker of the live data path: what came, what has waited to come, what has waited to leave. */
  #turn(count: number, nowUs: number): void {
    const { engine, path } = this
    engine.dns.nowMs = this.nowMs
    this.#forward(this.#arrive(count, nowUs))
    while (engine.hasArrivals) this.#forward(this.#arrive(0, nowUs))
    while (engine.hasDepartures) {
      path.release(this.nowMs, () => engine.depart())
      this.transmit()
    }
  }

  #arrive(count: number, nowUs: number): number {
    const { engine, path } = this
    return path.active ? path.arrive(count, this.nowMs, nowUs) : engine.arrive(count, nowUs)
  }

  #forward(count: number): void {
    const { engine, path } = this
    if (path.active) path.process(count, this.nowMs)
    else {
      for (let i = 0; i < count; i++) {
        while (engine.process(i, i + 1, this.#nowS) <= i) this.transmit()
      }
    }
    this.transmit()
  }

  /** Does what makes the router itself send something. */
  run<Result>(action: () => Result): Result {
    const { path } = this
    const result = path.active ? path.run(this.nowMs, action) : action()
    this.transmit()
    return result
  }

  /** Engine.inject. */
  inject(port: number, frame: Uint8Array): void {
    const { engine, path } = this
    if (path.active) path.inject(port, frame, this.nowMs)
    else engine.inject(port, frame, this.#nowS)
    this.transmit()
  }

  /** Puts a frame at `slot`. Without a header of its own it is complete as it is. */
  place(frame: Uint8Array, virtioHeader?: Uint8Array): void {
    if (frame.length > FRAME_MAX)
      throw new RangeError(`a frame has at most ${FRAME_MAX} bytes, not ${frame.length}`)
    const { bytes, view } = this.memory
    bytes.set(frame, this.slot)
    if (virtioHeader === undefined) clear(view, this.slot - VIRTIO_NET_HEADER_SIZE)
    else bytes.set(virtioHeader, this.slot - VIRTIO_NET_HEADER_SIZE)
  }

  /** The same with `present` bytes of another buffer, and zeroes up to `length`, which is no more than `slotSize`. */
  fill(source: DataView, offset: number, present: number, length: number): void {
    const { bytes, view } = this.memory
    const start = this.slot
    if (present <= COPY_BY_WORD_MAX) copyWords(source, offset, view, start, present)
    else bytes.set(new Uint8Array(source.buffer, source.byteOffset + offset, present), start)
    if (present < length) bytes.fill(0, start + present, start + length)
    clear(view, start - VIRTIO_NET_HEADER_SIZE)
  }

  /** What the engine has listed leaves. */
  transmit(): void {
    const { path, engine } = this
    if (path.active) path.transmitNow()
    else {
      this.#takeAll()
      engine.settle()
    }
  }

  /** Every device takes what it is given. */
  #takeAll(): void {
    this.memory.status[STATUS_TRANSMIT_FAILURES] = 0
  }
}

function copyWords(source: DataView, from: number, target: DataView, to: number, length: number): void {
  const whole = length & ~3
  for (let i = 0; i < whole; i += 4) target.setInt32(to + i, source.getInt32(from + i))
  for (let i = whole; i < length; i++) target.setUint8(to + i, source.getUint8(from + i))
}
