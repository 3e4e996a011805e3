/** The frames of a capture, one after the other: where each arrives, and when. What cannot arrive is counted. */

import {
  type CapturedPacket,
  type CaptureFormat,
  type CaptureInterface,
  LINK_TYPE_ETHERNET,
} from '../../inspect/pcap/capture-file.ts'
import type { CaptureReader } from '../../inspect/pcap/capture-reader.ts'
import { ReadResult } from '../../inspect/pcap/read-result.ts'
import { BY_ROUTER, NOT_PLACED, OUTBOUND, type PlaceFinder } from './place-finder.ts'
import { Unplaced } from './unplaced.ts'

/** What was made of the file's packets. */
export interface CapturedFrameCounts {
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

/** The reader's packet arrives at `port`: `present` of its `length` bytes are there, from its offset on. */
export type Arrive = (port: number, reader: CaptureReader, present: number, length: number) => void

/** The packet that the reader stands at arrives nowhere: why, as of place-finder.ts, or one of those here. */
export type LeaveOut = (why: number, packet: CapturedPacket) => void

export const OTHER_LINK_TYPE = -4
export const TOO_LONG = -5

export class CapturedFrames {
  readonly counts: CapturedFrameCounts = {
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
  /** Of the last frame, or of the one before where that is later: since the first one, and since 1970. */
  timeMs = 0
  seconds = 0
  nanoseconds = 0
  readonly #finder: PlaceFinder
  readonly #lengthMax: number
  readonly #arrive: Arrive
  readonly #tellLeftOut: LeaveOut | undefined
  #interfaces: readonly CaptureInterface[] = []
  #firstSeconds = Number.NaN
  #firstNanoseconds = 0

  constructor(finder: PlaceFinder, lengthMax: number, arrive: Arrive, leaveOut?: LeaveOut) {
    this.#finder = finder
    this.#lengthMax = lengthMax
    this.#arrive = arrive
    this.#tellLeftOut = leaveOut
  }

  /** Goes on until the reader needs more (false), or is at the end (true). Throws CaptureFileError. */
  read(reader: CaptureReader): boolean {
    for (;;) {
      const result = reader.next()
      if (result === ReadResult.packet) this.#take(reader)
      else if (result === ReadResult.needMore) return false
      else if (result === ReadResult.end) return true
      else if (result === ReadResult.section) this.#beginSection(reader.format)
      else if (result === ReadResult.interface) this.#addInterface(reader.interfaces)
    }
  }

  #beginSection(format: CaptureFormat | undefined): void {
    this.#finder.beginSection(format?.application ?? '')
  }

  #addInterface(interfaces: readonly CaptureInterface[]): void {
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
      this.#tellLeftOut?.(OTHER_LINK_TYPE, packet)
      return
    }
    const length = Math.max(packet.originalLength - fcsLength, 0)
    const present = Math.min(capturedLength, length)
    const port = this.#finder.find(reader.view, offset, present, interfaceId, packet.direction)
    if (port < 0) {
      this.#leaveOut(port, reader.view, offset, present)
      this.#tellLeftOut?.(port, packet)
      return
    }
    if (length > this.#lengthMax) {
      counts.tooLong++
      this.#tellLeftOut?.(TOO_LONG, packet)
      return
    }
    if (present < length) counts.cut++
    counts.placed++
    this.#pass(packet.seconds, packet.nanoseconds)
    this.#arrive(port, reader, present, length)
  }

  #leaveOut(why: number, view: DataView, offset: number, length: number): void {
    if (why === OUTBOUND) this.counts.outbound++
    else if (why === BY_ROUTER) this.counts.byRouter++
    else if (why === NOT_PLACED) this.unplaced.add(view, offset, length)
  }

  #pass(seconds: number, nanoseconds: number): void {
    if (Number.isNaN(this.#firstSeconds)) {
      this.#firstSeconds = seconds
      this.#firstNanoseconds = nanoseconds
    }
    const timeMs = (seconds - this.#firstSeconds) * 1000 + (nanoseconds - this.#firstNanoseconds) / 1_000_000
    if (timeMs < this.timeMs) {
      this.counts.backwards++
      return
    }
    this.timeMs = timeMs
    this.seconds = seconds
    this.nanoseconds = nanoseconds
  }
}
