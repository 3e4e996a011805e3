/**
 * What became of one frame: as it came, and as it left, with what the path did in between. Made for those who look (capture, explain,
 * replay), and never on the path of a frame that nobody looks at.
 */

import type { ExplainedStep } from '../router-settings.ts'

/** Facts that the path left behind, bits of `facts`. */
export const Fact = {
  /** The switch learned where the sender lives, and did not know before. */
  learned: 1,
  /** The sender lived behind another port before. */
  moved: 2,
  flooded: 4,
  /** For the router alone. */
  consumed: 8,
  /** Waits for an answer to ARP, or for a first fragment. */
  held: 16,
  /** Waits in the queue of an impaired link. */
  delayed: 32,
  /** It began the connection that it belongs to. */
  beganFlow: 64,
  /** It had waited, or been delayed; its arrival is in an earlier record. */
  released: 128,
  /** Of one that leaves: the router has made it because of the one that it is told of with. Of no record's `facts`. */
  made: 256,
} as const

/** Names of the bits of Fact, from the lowest on. */
export const FACT_NAMES = [
  'learned',
  'moved',
  'flooded',
  'consumed',
  'held',
  'delayed',
  'began-flow',
  'released',
] as const
export type FactName = (typeof FACT_NAMES)[number]

/** A frame at a port, with the virtio-net header that goes with it (a super-frame, a checksum to complete). */
export interface FrameCopy {
  readonly port: number
  readonly bytes: Uint8Array
  /** HEADER_SIZE bytes of wire/virtio-net.ts. */
  readonly virtioHeader: Uint8Array
}

export interface RecordedFrame {
  /**
   * Counts up by one for each frame that arrives while somebody looks. What had waited (Fact.released) has the number that it arrived with.
   * 0: the router itself made what leaves, or it arrived when nobody looked.
   */
  readonly number: number
  /** Milliseconds of the data path's clock. */
  readonly timeMs: number
  /** As it came; undefined where the router itself made what leaves, and of what had waited. */
  readonly arrival: FrameCopy | undefined
  /** Bits of Fact. */
  readonly facts: number
  /** The port behind which the sender lived before, where it moved; -1. */
  readonly movedFrom: number
  /** What the decide functions said, before it was processed; empty where nobody asked for it. */
  readonly steps: readonly ExplainedStep[]
  /** Number of the connection that it belongs to, -1 where none; the same number as `flows` of the API shows. */
  readonly flow: number
  /** 0, or the DropReason. */
  readonly reason: number
  readonly departures: readonly FrameCopy[]
}
