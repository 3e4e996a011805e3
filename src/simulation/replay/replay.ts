/**
 * Takes a capture through the data path of a simulated lab, at the times at which its frames were captured. No more than a chunk of the file
 * is in memory; a frame costs no allocation, and is copied once: from the reader's buffer into the frame memory.
 */

import type { PortCount } from '../../datapath/counters.ts'
import {
  type CaptureFormat,
  type CaptureInterface,
  LINK_TYPE_ETHERNET,
} from '../../inspect/pcap/capture-file.ts'
import type { CaptureReader } from '../../inspect/pcap/capture-reader.ts'
import { ReadResult } from '../../inspect/pcap/read-result.ts'
import { REPLAY_TAIL_S } from '../../limits.ts'
import type { SimulatedLab } from '../simulated-lab.ts'
import { BY_ROUTER, NOT_PLACED, OUTBOUND, PlaceFinder } from './place-finder.ts'
import { type ReplaySummary, replaySummary } from './replay-summary.ts'
import type { SourceRule } from './source-rules.ts'
import { Unplaced } from './unplaced.ts'

/** What is seen of a replay while it goes on. */
export interface ReplayWatcher {
  /** A frame is about to arrive, at this time since 1970: that of its capture, or of the one before where that is later. */
  arriving(seconds: number, nanoseconds: number): void
}

export interface ReplayOptions {
  readonly rules?: readonly SourceRule[] | undefined
  readonly watcher?: ReplayWatcher | undefined
}

/** What was made of the file's packets. */
export interface ReplayCounts {
  read: number
  placed: number
  /** Copies that had left, and frames of the gateways: what caused them is in the capture, too. */
  outbound: number
  byRouter: number
  /** Of other link types than Ethernet; longer than the data path takes. */
  otherLinkType: number
  tooLong: number
  /** Not captured whole: what is missing is zeroes. */
  cut: number
  /** Earlier than the one before. */
  backwards: number
}

export class Replay {
  readonly counts: ReplayCounts = {
    read: 0,
    placed: 0,
    outbound: 0,
    byRouter: 0,
    otherLinkType: 0,
    tooLong: 0,
    cut: 0,
    backwards: 0,
  }
  readonly unplaced = new Unplaced()
  readonly #lab: SimulatedLab
  readonly #finder: PlaceFinder
  readonly #watcher: ReplayWatcher | undefined
  readonly #before: PortCount
  readonly #flowsBefore: number
  #interfaces: readonly CaptureInterface[] = []
  #firstSeconds = Number.NaN
  #firstNanoseconds = 0
  /** Of the last frame that came no earlier than the one before it. */
  #seconds = 0
  #nanoseconds = 0
  #spanMs = 0

  /** Throws USAGE where a rule names no place of the lab. */
  constructor(lab: SimulatedLab, { rules = [], watcher }: ReplayOptions = {}) {
    this.#lab = lab
    this.#finder = new PlaceFinder({ places: lab.places, routers: lab.routerMacs, rules })
    this.#watcher = watcher
    this.#before = lab.datapath.counters.total()
    this.#flowsBefore = lab.datapath.engine.natCounts().created
  }

  /** Goes on until the reader needs more (false), or is at the end (true). Throws CaptureFileError. */
  read(reader: CaptureReader): boolean {
    for (;;) {
      const result = reader.next()
      if (result === ReadResult.packet) this.#take(reader)
      else if (result === ReadResult.needMore) return false
      else if (result === ReadResult.end) return true
      else if (result === ReadResult.section) this.#beginSection(reader.format)
      else if (result === ReadResult.interface) this.#addInterfaces(reader.interfaces)
    }
  }

  /** Lets those frames have their end that wait when the last one has come. */
  finish(): ReplaySummary {
    const { datapath } = this.#lab
    this.#lab.advanceUnrecorded(datapath.timeMs + REPLAY_TAIL_S * 1000)
    return replaySummary({
      counts: this.counts,
      unplaced: this.unplaced,
      spanMs: this.#spanMs,
      before: this.#before,
      after: datapath.counters.total(),
      flows: datapath.engine.natCounts().created - this.#flowsBefore,
    })
  }

  #beginSection(format: CaptureFormat | undefined): void {
    this.#finder.beginSection(format?.application ?? '')
  }

  #addInterfaces(interfaces: readonly CaptureInterface[]): void {
    this.#interfaces = interfaces
    const last = interfaces.at(-1)
    if (last !== undefined) this.#finder.addInterface(last)
  }

  #take(reader: CaptureReader): void {
    const { counts } = this
    const { packet } = reader
    const { interfaceId, capturedLength, offset } = packet
    counts.read++
    const { linkType, fcsLength } = this.#interfaces[interfaceId]!
    if (linkType !== LINK_TYPE_ETHERNET) {
      counts.otherLinkType++
      return
    }
    const length = Math.max(packet.originalLength - fcsLength, 0)
    const present = Math.min(capturedLength, length)
    const port = this.#finder.find(reader.view, offset, present, interfaceId, packet.direction)
    if (port < 0) this.#leaveOut(port, reader.view, offset, present)
    else if (length > this.#lab.datapath.slotSize) counts.tooLong++
    else this.#arrive(reader, port, offset, present, length)
  }

  #leaveOut(why: number, view: DataView, offset: number, length: number): void {
    if (why === OUTBOUND) this.counts.outbound++
    else if (why === BY_ROUTER) this.counts.byRouter++
    else if (why === NOT_PLACED) this.unplaced.add(view, offset, length)
  }

  #arrive(reader: CaptureReader, port: number, offset: number, present: number, length: number): void {
    const { packet } = reader
    const lab = this.#lab
    const { datapath } = lab
    this.#letPass(packet.seconds, packet.nanoseconds)
    datapath.fill(packet.bytes, offset, present, length)
    if (present < length) this.counts.cut++
    this.counts.placed++
    this.#watcher?.arriving(this.#seconds, this.#nanoseconds)
    lab.process(port, length)
  }

  #letPass(seconds: number, nanoseconds: number): void {
    if (Number.isNaN(this.#firstSeconds)) {
      this.#firstSeconds = seconds
      this.#firstNanoseconds = nanoseconds
    }
    const timeMs = (seconds - this.#firstSeconds) * 1000 + (nanoseconds - this.#firstNanoseconds) / 1_000_000
    if (timeMs < this.#spanMs) {
      this.counts.backwards++
      return
    }
    this.#spanMs = timeMs
    this.#seconds = seconds
    this.#nanoseconds = nanoseconds
    this.#lab.advanceUnrecorded(timeMs)
  }
}
