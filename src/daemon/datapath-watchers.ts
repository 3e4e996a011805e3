/** The data path's worker for those who look on: captures, each with a ring, and those who follow frames with what was decided on them. */

import { performance } from 'node:perf_hooks'
import { CaptureRingWriter } from '../datapath/capture/capture-ring.ts'
import { FrameCollector } from '../datapath/capture/frame-collector.ts'
import { checkProgram, type FilterProgram } from '../datapath/capture/frame-filter.ts'
import type { RecordedPath } from '../datapath/capture/recorded-path.ts'
import { RingRecorder } from '../datapath/capture/ring-recorder.ts'
import type { Engine } from '../datapath/engine.ts'
import type { FrameMemory } from '../datapath/frame-memory.ts'
import type { CaptureClock, DatapathMessage, DatapathRequest } from './datapath-messages.ts'

type Request<Kind extends DatapathRequest['kind']> = Extract<DatapathRequest, { readonly kind: Kind }>

/** The machine's clock may have been set since the process started: then its time of start, which has microseconds, is no good. */
const CLOCK_ERROR_MAX_MS = 2
const RENEWAL_MS = 1000

export class Watchers {
  readonly #engine: Engine
  readonly #memory: FrameMemory
  readonly #path: RecordedPath
  readonly #tell: (message: DatapathMessage) => void
  readonly #captures = new Map<number, RingRecorder>()
  readonly #follows = new Map<number, FrameCollector>()
  #renewedMs = 0

  constructor(
    engine: Engine,
    memory: FrameMemory,
    path: RecordedPath,
    tell: (message: DatapathMessage) => void,
  ) {
    this.#engine = engine
    this.#memory = memory
    this.#path = path
    this.#tell = tell
  }

  openCapture({ capture, ring, ...options }: Request<'openCapture'>): CaptureClock {
    requireProgram(options.filter)
    const writer = new CaptureRingWriter(ring)
    const recorder = new RingRecorder(writer, this.#memory, this.#engine.connections, options, () =>
      this.#tell({ kind: 'captured', capture }),
    )
    this.#captures.set(capture, recorder)
    this.#path.add(recorder)
    return clock()
  }

  setCapturePort(request: Request<'setCapturePort'>): undefined {
    this.#captures.get(request.capture)?.setPort(request.port, request.interface, request.points)
  }

  closeCapture(capture: number): undefined {
    const recorder = this.#captures.get(capture)
    if (recorder === undefined) return
    this.#captures.delete(capture)
    this.#path.remove(recorder)
  }

  openFollow({ follow, filter, limit, looks }: Request<'openFollow'>): CaptureClock {
    requireProgram(filter)
    const collector = new FrameCollector(this.#path, this.#memory, {
      ports: new Set(),
      filter,
      explained: true,
      limit,
      looks,
    })
    this.#follows.set(follow, collector)
    this.#path.add(collector)
    return clock()
  }

  setFollowPorts({ follow, ports }: Request<'setFollowPorts'>): undefined {
    this.#follows.get(follow)?.setPorts(new Set(ports))
  }

  closeFollow(follow: number): undefined {
    const collector = this.#follows.get(follow)
    if (collector === undefined) return
    this.#follows.delete(follow)
    this.#path.remove(collector)
  }

  /** RecordedPath.tick; and hands over what has been followed in this turn. */
  tick(nowMs: number): boolean {
    const more = this.#path.tick(nowMs)
    const renews = nowMs - this.#renewedMs >= RENEWAL_MS
    for (const [follow, collector] of this.#follows) {
      const frames = collector.take()
      const { missed } = collector
      if (frames.length > 0 || (renews && missed > 0))
        this.#tell({ kind: 'followed', follow, frames, missed })
    }
    if (renews) this.#renew(nowMs)
    return more
  }

  #renew(nowMs: number): void {
    this.#renewedMs = nowMs
    for (const collector of this.#follows.values()) collector.renew()
  }
}

/** It has come from another thread, and is run on every frame. */
function requireProgram(filter: FilterProgram): void {
  if (!checkProgram(filter)) throw new RangeError('the filter is no program')
}

function clock(): CaptureClock {
  const { timeOrigin } = performance
  const error = Date.now() - (timeOrigin + performance.now())
  return { offsetMs: Math.abs(error) <= CLOCK_ERROR_MAX_MS ? timeOrigin : timeOrigin + error }
}
