/**
 * Records frames as objects, with what the decide functions say of each: for who wants the whole story of few frames. Slow, and bounded:
 * what is beyond the bound is counted.
 */

import type { FrameMemory } from '../frame-memory.ts'
import * as frameMemory from '../frame-memory.ts'
import type { ExplainedStep } from '../router-settings.ts'
import { accepts, type FilterProgram } from './frame-filter.ts'
import type { FrameRecorder, FrameWay } from './frame-recorder.ts'
import { Fact, type FrameCopy, type RecordedFrame } from './recorded-frame.ts'
import type { RecordedPath } from './recorded-path.ts'

const { VIRTIO_NET_HEADER_SIZE } = frameMemory

export interface FrameCollectorOptions {
  /** Frames that arrive from one of these, or leave to one; any where undefined. */
  readonly ports?: ReadonlySet<number> | undefined
  /** Frames that it accepts as they arrive, or as they leave; empty: all. */
  readonly filter?: FilterProgram | undefined
  /** With `steps`. */
  readonly explained: boolean
  /** Records that are kept until `renew`; any number where undefined. */
  readonly limit?: number | undefined
  /** Frames that are looked at until `renew`, of which most may not be kept. */
  readonly looks?: number | undefined
}

/** A record on its way. */
interface Draft {
  wanted: boolean
  /** Within the limits: it is copied, and explained. */
  readonly looked: boolean
  arrival: FrameCopy | undefined
  steps: readonly ExplainedStep[]
  readonly departures: FrameCopy[]
}

const newDraft = (looked: boolean): Draft => ({
  wanted: false,
  looked,
  arrival: undefined,
  steps: [],
  departures: [],
})

export class FrameCollector implements FrameRecorder {
  readonly wantsRefused = false
  /** Frames that were wanted, and that the limits have kept from being recorded. */
  missed = 0
  readonly #path: RecordedPath
  readonly #memory: FrameMemory
  #ports: ReadonlySet<number> | undefined
  readonly #filter: FilterProgram
  readonly #explained: boolean
  readonly #limit: number
  readonly #looks: number
  #looked = 0
  #kept = 0
  #records: RecordedFrame[] = []
  /** Ways under way, the innermost last. */
  readonly #drafts: Draft[] = []

  constructor(path: RecordedPath, memory: FrameMemory, options: FrameCollectorOptions) {
    this.#path = path
    this.#memory = memory
    this.#ports = options.ports
    this.#filter = options.filter ?? new Int32Array(0)
    this.#explained = options.explained
    this.#limit = options.limit ?? Number.POSITIVE_INFINITY
    this.#looks = options.looks ?? Number.POSITIVE_INFINITY
  }

  /** From here on. */
  setPorts(ports: ReadonlySet<number> | undefined): void {
    this.#ports = ports
  }

  /** The limits begin anew. */
  renew(): void {
    this.#looked = 0
    this.#kept = 0
  }

  /** What has been recorded since the last call. */
  take(): readonly RecordedFrame[] {
    const records = this.#records
    this.#records = []
    return records
  }

  begin(way: FrameWay, port: number, offset: number, length: number): void {
    const draft = this.#open()
    draft.wanted = this.#wants(port, this.#memory.view, offset, length)
    // The arrival of what had waited is in an earlier record.
    if ((way.facts & Fact.released) !== 0 || !draft.looked) return
    draft.arrival = this.#copy(port, offset, length)
    if (this.#explained) draft.steps = this.#path.explain(port, offset, length)
  }

  make(): void {
    this.#drafts.push(newDraft(true))
  }

  depart(_way: FrameWay, port: number, offset: number, length: number): void {
    const draft = this.#drafts.at(-1)!
    draft.wanted ||= this.#wants(port, this.#memory.view, offset, length)
    if (draft.looked) draft.departures.push(this.#copy(port, offset, length))
  }

  end(way: FrameWay): void {
    const draft = this.#drafts.pop()!
    if (!draft.wanted) return
    if (!draft.looked) {
      this.missed++
      return
    }
    const { arrival, steps, departures } = draft
    this.#keep(way, { arrival, steps, departures })
  }

  lose(way: FrameWay, port: number, bytes: Uint8Array, offset: number, length: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    if (this.#wants(port, view, offset, length)) {
      this.#keep(way, { arrival: undefined, steps: [], departures: [] })
    }
  }

  miss(_way: FrameWay, port: number, offset: number, length: number): void {
    const draft = this.#drafts.at(-1)
    if (draft !== undefined) draft.wanted ||= this.#wants(port, this.#memory.view, offset, length)
  }

  /** Who wants what leaves wants to know where it came from. */
  overlooks(from: number): number {
    return from
  }

  overlook(): void {}

  /** A record says what was handed to the devices. */
  refuse(): void {}

  flush(): void {}

  #open(): Draft {
    const draft = newDraft(this.#looked < this.#looks && this.#kept < this.#limit)
    this.#looked++
    this.#drafts.push(draft)
    return draft
  }

  #wants(port: number, view: DataView, offset: number, length: number): boolean {
    return (this.#ports === undefined || this.#ports.has(port)) && accepts(this.#filter, view, offset, length)
  }

  #keep(way: FrameWay, parts: Pick<RecordedFrame, 'arrival' | 'steps' | 'departures'>): void {
    if (this.#kept >= this.#limit) {
      this.missed++
      return
    }
    this.#kept++
    const { number, timeMs, facts, movedFrom, reason, flow } = way
    const { arrival, steps, departures } = parts
    this.#records.push({
      number,
      timeMs,
      arrival,
      facts,
      movedFrom,
      steps,
      flow: flow < 0 ? -1 : flow >>> 1,
      reason,
      departures,
    })
  }

  #copy(port: number, offset: number, length: number): FrameCopy {
    const { bytes } = this.#memory
    return {
      port,
      bytes: bytes.slice(offset, offset + length),
      virtioHeader: bytes.slice(offset - VIRTIO_NET_HEADER_SIZE, offset),
    }
  }
}
