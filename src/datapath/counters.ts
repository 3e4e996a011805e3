/**
 * What was counted, a row of 64-bit floats a port: exact up to 2^53, and read by other threads while the data path,
 * their only writer, goes on. Each frame is accounted for:
 *
 *     received + floodCopies + segmentCopies = transmitted + all drops
 *
 * where a flooded frame makes one copy fewer than the ports that it goes to, and a segmented one makes one fewer than its
 * segments. A drop on the way in counts at the port that the frame came from, one on the way out at the port it went to.
 *
 *     row:  | received frames, bytes | transmitted frames, bytes | flooded | floodCopies | segmentCopies | - | drops by reason |
 */

import { PORTS_MAX } from '../limits.ts'
import { DROP_REASON_COUNT, type DropReason } from './drop-reason.ts'

/** Cells of a row. The four that every frame touches share one cache line. */
const ROW_SHIFT = 5
const RECEIVED_FRAMES = 0
const RECEIVED_BYTES = 1
const TRANSMITTED_FRAMES = 2
const TRANSMITTED_BYTES = 3
const FLOODED = 4
const FLOOD_COPIES = 5
const SEGMENT_COPIES = 6
const DROPS = 8
const ROW_CELLS = DROPS + DROP_REASON_COUNT

/** The row behind the last port's: what ports counted that have since been removed. */
const REMOVED = PORTS_MAX

export const COUNTERS_SIZE = ((PORTS_MAX + 1) << ROW_SHIFT) * Float64Array.BYTES_PER_ELEMENT

export interface PortCount {
  readonly receivedFrames: number
  readonly receivedBytes: number
  readonly transmittedFrames: number
  readonly transmittedBytes: number
  /** Frames of this port that were flooded. */
  readonly flooded: number
  readonly floodCopies: number
  readonly segmentCopies: number
  /** Frames by DropReason. */
  readonly drops: readonly number[]
}

export class Counters {
  readonly #cells: Float64Array

  /** `buffer` has COUNTERS_SIZE bytes; a SharedArrayBuffer lets another thread read along. */
  constructor(buffer: ArrayBufferLike = new ArrayBuffer(COUNTERS_SIZE)) {
    this.#cells = new Float64Array(buffer)
  }

  received(port: number, bytes: number): void {
    const row = port << ROW_SHIFT
    this.#cells[row + RECEIVED_FRAMES]! += 1
    this.#cells[row + RECEIVED_BYTES]! += bytes
  }

  transmitted(port: number, bytes: number): void {
    const row = port << ROW_SHIFT
    this.#cells[row + TRANSMITTED_FRAMES]! += 1
    this.#cells[row + TRANSMITTED_BYTES]! += bytes
  }

  /** The device refused a frame that was counted as transmitted. */
  refused(port: number, bytes: number, reason: DropReason): void {
    const row = port << ROW_SHIFT
    this.#cells[row + TRANSMITTED_FRAMES]! -= 1
    this.#cells[row + TRANSMITTED_BYTES]! -= bytes
    this.#cells[row + DROPS + reason]! += 1
  }

  /** A frame of `port` went to `targets` ports, one or more. */
  flooded(port: number, targets: number): void {
    const row = port << ROW_SHIFT
    this.#cells[row + FLOODED]! += 1
    this.#cells[row + FLOOD_COPIES]! += targets - 1
  }

  /** A super-frame to `port` became `segments` frames, one or more. */
  segmented(port: number, segments: number): void {
    this.#cells[(port << ROW_SHIFT) + SEGMENT_COPIES]! += segments - 1
  }

  dropped(port: number, reason: DropReason): void {
    this.#cells[(port << ROW_SHIFT) + DROPS + reason]! += 1
  }

  /** Moves the port's counts to those of removed ports, so that its number starts at zero for the next one. */
  remove(port: number): void {
    const from = port << ROW_SHIFT
    const to = REMOVED << ROW_SHIFT
    for (let cell = 0; cell < ROW_CELLS; cell++) {
      this.#cells[to + cell]! += this.#cells[from + cell]!
      this.#cells[from + cell] = 0
    }
  }

  port(port: number): PortCount {
    const row = port << ROW_SHIFT
    const cell = (index: number): number => this.#cells[row + index]!
    return {
      receivedFrames: cell(RECEIVED_FRAMES),
      receivedBytes: cell(RECEIVED_BYTES),
      transmittedFrames: cell(TRANSMITTED_FRAMES),
      transmittedBytes: cell(TRANSMITTED_BYTES),
      flooded: cell(FLOODED),
      floodCopies: cell(FLOOD_COPIES),
      segmentCopies: cell(SEGMENT_COPIES),
      drops: [...this.#cells.subarray(row + DROPS, row + ROW_CELLS)],
    }
  }

  /** The sum over all ports, those removed included. */
  total(): PortCount {
    const sum = new Counters()
    for (let port = 0; port <= REMOVED; port++) sum.#add(this, port)
    return sum.port(0)
  }

  #add(other: Counters, port: number): void {
    const from = port << ROW_SHIFT
    for (let cell = 0; cell < ROW_CELLS; cell++) this.#cells[cell]! += other.#cells[from + cell]!
  }
}
