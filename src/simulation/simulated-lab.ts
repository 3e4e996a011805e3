/**
 * A lab without a machine: the control plane's model and the data path itself, in memory, in simulated time. Frames are handed in at a port and
 * taken out where they leave. No root, no namespace, no clock: the same frames at the same times give the same frames out, byte for byte.
 */

import type { RecordedFrame } from '../datapath/capture/recorded-frame.ts'
import type { StoryPlace } from '../inspect/story/frame-story.ts'

export interface SimulatedLab {
  /** All ports, by number: sandboxes' endpoints, and the uplink's. */
  readonly places: ReadonlyMap<number, SimulatedPlace>
  /**
   * Takes a frame that arrives at `port` at `timeMs` through the data path, after whatever was due before. The record is complete when this returns:
   * copies that leave later (delayed, waiting) are in records of their own.
   */
  receive(port: number, frame: Uint8Array, timeMs: number): readonly RecordedFrame[]
  /** Lets the time pass to `timeMs`: timers, delayed frames. */
  advance(timeMs: number): readonly RecordedFrame[]
  close(): Promise<void>
}

export interface SimulatedPlace extends StoryPlace {
  readonly mac: string
  /** `172.18.0.2`, IPv4 before IPv6. */
  readonly addresses: readonly string[]
}
