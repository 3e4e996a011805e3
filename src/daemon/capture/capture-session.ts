/** One capture: follows its places, and hands over its file as fast as somebody reads. */

import type { CaptureOptions, CaptureSummary } from '../../control/api/capture.ts'
import type { CapturePoint } from '../../control/capture-points.ts'
import type { PlaceSelection, Places, SwitchPlace } from '../../control/places.ts'
import { CaptureRingReader } from '../../datapath/capture/capture-ring.ts'
import type { FilterProgram } from '../../datapath/capture/frame-filter.ts'
import { Point } from '../../datapath/capture/ring-recorder.ts'
import { CaptureFile } from '../../inspect/capture/capture-file.ts'
import { PORTS_MAX, PORTS_RESERVED } from '../../limits.ts'
import type { Datapath } from '../datapath.ts'
import { programVersion } from '../version.ts'
import { WallClock } from './capture-clock.ts'
import { CapturePace } from './capture-pace.ts'

/** Records that are dealt with at a time, before the daemon does something else: some milliseconds. */
const RECORDS_PER_TURN = 512

/** Bytes of the file that are made before somebody has to read them. */
const CHUNKS_SIZE = 1024 * 1024

const POINTS: Readonly<Record<CapturePoint, number>> = {
  'pre-nat': Point.arrival,
  'post-nat': Point.departure,
  both: Point.both,
}

/** Of the data path, what a capture needs. */
export type CaptureSwitch = Pick<Datapath, 'openCapture' | 'setCapturePort' | 'closeCapture'>

export interface CaptureSessionParts {
  readonly number: number
  readonly id: string
  /** Of its own while it lasts. */
  readonly ring: SharedArrayBuffer
  readonly datapath: CaptureSwitch
  readonly places: Places
  readonly selection: PlaceSelection
  readonly filter: FilterProgram
  readonly options: CaptureOptions
}

export class CaptureSession {
  readonly id: string
  readonly #parts: CaptureSessionParts
  readonly #reader: CaptureRingReader
  readonly #file: CaptureFile
  readonly #pace = new CapturePace()
  readonly #started = new Date()
  readonly #forgetPlaces: () => void
  /** By port: what it belongs to, and its number in the file. */
  readonly #ports = new Map<number, { readonly owner: object; readonly interface: number }>()
  #interfaces = 0
  #chunks: Uint8Array[] = []
  /** Bytes of the chunks. */
  #pending = 0
  /** Nothing comes into the ring any more. */
  #closed = false
  #closing: Promise<void> | undefined
  #wake: (() => void) | undefined
  /** Something has come when nobody waited. */
  #notified = false

  static async open(parts: CaptureSessionParts): Promise<CaptureSession> {
    const { number, ring, datapath, filter, options } = parts
    const { snapLength, raw, drops } = options
    const clock = await datapath.openCapture({ capture: number, ring, filter, snapLength, raw, drops })
    return new CaptureSession(parts, new CaptureRingReader(ring), new WallClock(clock))
  }

  private constructor(parts: CaptureSessionParts, reader: CaptureRingReader, clock: WallClock) {
    this.id = parts.id
    this.#parts = parts
    this.#reader = reader
    const { places, options } = parts
    this.#file = new CaptureFile((bytes) => this.#keep(bytes), {
      places,
      clock,
      application: `Tapwire ${programVersion()}`,
      os: 'Linux',
      filter: options.filter,
      snapLength: options.snapLength,
      raw: options.raw,
      count: options.count,
      comment: commentOf(options),
    })
    this.#followPlaces()
    this.#forgetPlaces = places.onChange(() => this.#followPlaces())
  }

  summary(): CaptureSummary {
    const { options, id } = this.#parts
    const counts = { seen: 0, accepted: 0, dropped: 0 }
    for (let number = 0; number < this.#interfaces; number++) {
      const { seen, accepted, dropped } = this.#reader.countsOf(number)
      counts.seen += seen
      counts.accepted += accepted
      counts.dropped += dropped
    }
    const { places, point, filter, snapLength, drops, raw } = options
    return {
      id,
      places: [...places],
      point,
      filter,
      snapLength,
      drops,
      raw,
      started: this.#started.toISOString(),
      ...counts,
      captured: this.#file.packets,
    }
  }

  /** The ring is not empty any more. */
  notify(): void {
    this.#notified = this.#wake === undefined
    this.#wake?.()
    this.#wake = undefined
  }

  /** Nothing is captured any more; what has been goes out, with what was counted. More than once does no harm. */
  stop(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** The file, as it comes. Ends the capture with itself, whatever ends it. */
  async *pieces(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (;;) {
        const { packets } = this.#file
        // In this order: what came before the end is there when the end is seen.
        const isClosed = this.#closed
        const isEmpty = this.#drain()
        yield* this.#takeChunks()
        if (this.#file.isFull || (isEmpty && isClosed)) break
        if (!isEmpty) await this.#pace.more()
        else if (this.#file.packets > packets && !this.#closed) await this.#pace.gather()
        else if (this.#reader.wait()) await this.#woken()
      }
      await this.stop()
      this.#file.end((number) => this.#reader.countsOf(number), performance.now())
      yield* this.#takeChunks()
    } finally {
      await this.stop()
    }
  }

  /** Writes some of what is in the ring; true where that was all. */
  #drain(): boolean {
    const reader = this.#reader
    for (let i = 0; i < RECORDS_PER_TURN && this.#pending < CHUNKS_SIZE; i++) {
      if (this.#file.isFull || !reader.next()) {
        this.#file.flush()
        return true
      }
      this.#file.write(reader)
      reader.release()
    }
    return false
  }

  *#takeChunks(): Generator<Uint8Array, void, undefined> {
    const chunks = this.#chunks
    this.#chunks = []
    this.#pending = 0
    yield* chunks
  }

  #keep(bytes: Uint8Array): void {
    this.#chunks.push(bytes)
    this.#pending += bytes.length
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
      if (this.#notified || this.#closed) this.notify()
    })
  }

  async #close(): Promise<void> {
    this.#forgetPlaces()
    try {
      await this.#parts.datapath.closeCapture(this.#parts.number)
    } catch {
      // The data path has ended, and nothing comes from it any more either.
    }
    this.#closed = true
    this.notify()
  }

  /** Before the number of a port that has gone can be another's. */
  #followPlaces(): void {
    const present = new Map(
      this.#parts.places
        .all()
        .filter((place) => this.#parts.selection.has(place))
        .map((place) => [place.port, place]),
    )
    for (const [port, { owner }] of this.#ports) {
      if (present.get(port)?.owner === owner) continue
      this.#ports.delete(port)
      this.#set(port, 0, 0)
    }
    for (const place of present.values()) if (!this.#ports.has(place.port)) this.#add(place)
  }

  #add(place: SwitchPlace): void {
    // As many as there may be ports: a ring has counters for so many.
    if (this.#interfaces === PORTS_MAX) return
    const { port, owner } = place
    // Of those that are kept for one thing each it is not known whether anything will come of them.
    const number = this.#file.addInterface(place, port < PORTS_MAX - PORTS_RESERVED)
    this.#interfaces++
    this.#ports.set(port, { owner, interface: number })
    this.#file.addNames()
    this.#set(port, number, POINTS[this.#parts.options.point])
  }

  #set(port: number, number: number, points: number): void {
    const { datapath, number: capture } = this.#parts
    // Where the data path has ended the daemon ends, too.
    datapath.setCapturePort({ capture, port, interface: number, points }).catch(() => undefined)
  }
}

function commentOf({ places, point, filter, drops }: CaptureOptions): string {
  const where = places.length === 0 ? 'any' : places.join(' ')
  const what = drops ? 'what was dropped' : POINT_TEXTS[point]
  return `${what} at ${where}${filter === '' ? '' : `, filter: ${filter}`}`
}

const POINT_TEXTS: Readonly<Record<CapturePoint, string>> = {
  'pre-nat': 'frames as they arrived',
  'post-nat': 'frames as they left',
  both: 'frames as they arrived and as they left',
}
