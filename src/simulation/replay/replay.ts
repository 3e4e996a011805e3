/**
 * Takes a capture through the data path of a simulated lab, at the times at which its frames were captured. No more than a chunk of the file
 * is in memory; a frame costs no allocation, and is copied once: from the reader's buffer into the frame memory.
 */

import type { PortCount } from '../../datapath/counters.ts'
import type { CaptureReader } from '../../inspect/pcap/capture-reader.ts'
import { REPLAY_TAIL_S } from '../../limits.ts'
import type { SimulatedLab } from '../simulated-lab.ts'
import { type CapturedFrameCounts, CapturedFrames } from './captured-frames.ts'
import { PlaceFinder } from './place-finder.ts'
import { type ReplaySummary, replaySummary } from './replay-summary.ts'
import type { SourceRule } from './source-rules.ts'

/** What is seen of a replay while it goes on. */
export interface ReplayWatcher {
  /** A frame is about to arrive, at this time since 1970: that of its capture, or of the one before where that is later. */
  arriving(seconds: number, nanoseconds: number): void
}

export interface ReplayOptions {
  readonly rules?: readonly SourceRule[] | undefined
  readonly watcher?: ReplayWatcher | undefined
}

export class Replay {
  readonly #lab: SimulatedLab
  readonly #frames: CapturedFrames
  readonly #watcher: ReplayWatcher | undefined
  readonly #before: PortCount
  readonly #flowsBefore: number

  /** Throws USAGE where a rule names no place of the lab. */
  constructor(lab: SimulatedLab, { rules = [], watcher }: ReplayOptions = {}) {
    const { datapath, places, routerMacs } = lab
    const finder = new PlaceFinder({ places, routers: routerMacs, rules })
    this.#lab = lab
    this.#watcher = watcher
    this.#before = datapath.counters.total()
    this.#flowsBefore = datapath.engine.natCounts().created
    this.#frames = new CapturedFrames(finder, datapath.slotSize, (port, reader, present, length) =>
      this.#arrive(port, reader, present, length),
    )
  }

  get counts(): Readonly<CapturedFrameCounts> {
    return this.#frames.counts
  }

  /** Goes on until the reader needs more (false), or is at the end (true). Throws CaptureFileError. */
  read(reader: CaptureReader): boolean {
    return this.#frames.read(reader)
  }

  /** Lets those frames have their end that wait when the last one has come. */
  finish(): ReplaySummary {
    const { datapath } = this.#lab
    this.#lab.advanceUnrecorded(datapath.timeMs + REPLAY_TAIL_S * 1000)
    return replaySummary({
      frames: this.#frames,
      before: this.#before,
      after: datapath.counters.total(),
      flows: datapath.engine.natCounts().created - this.#flowsBefore,
    })
  }

  #arrive(port: number, reader: CaptureReader, present: number, length: number): void {
    const lab = this.#lab
    const frames = this.#frames
    lab.advanceUnrecorded(frames.timeMs)
    lab.datapath.fill(reader.view, reader.packet.offset, present, length)
    this.#watcher?.arriving(frames.seconds, frames.nanoseconds)
    lab.process(port, length)
  }
}
