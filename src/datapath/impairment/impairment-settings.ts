import { IMPAIRMENT_QUEUE_DEFAULT } from '../../limits.ts'

/** What a link does to the frames of one direction: netem(8)'s words. */

/** Seen from the endpoint: what it sends, and what it is sent. */
export const LinkDirection = { from: 0, to: 1 } as const
export type LinkDirection = (typeof LinkDirection)[keyof typeof LinkDirection]

export interface ImpairmentSettings {
  /**
   * Each frame is late by so many microseconds, give or take up to `jitterUs`, evenly distributed: jitter lets frames overtake one another.
   * With these alone, super-frames pass whole; else they are cut up first, as a wire carries them.
   */
  readonly delayUs: number
  readonly jitterUs: number
  /** Probabilities, 0 to 1. Here of a frame to be lost. */
  readonly loss: number
  /** Of a frame to come twice: its copy meets the link like another frame, but is not doubled again. */
  readonly duplicate: number
  /** Of a frame to go at once, past those that are being delayed. */
  readonly reorder: number
  /** Of a frame to have one bit of it turned over, behind all checksums. */
  readonly corrupt: number
  /** Bits a second of frames with all their headers, Ethernet's 14 bytes too, without preamble and FCS; 0 is without limit. */
  readonly rate: number
  /** Frames that may wait, super-frames as one; more are dropped. */
  readonly queue: number
  /** Nothing passes, and what waits is lost. */
  readonly down: boolean
  /** An int32: the same seed and the same frames at the same times have the same fate. */
  readonly seed: number
}

/** A link that does nothing to its frames. */
export const NO_IMPAIRMENT: ImpairmentSettings = {
  delayUs: 0,
  jitterUs: 0,
  loss: 0,
  duplicate: 0,
  reorder: 0,
  corrupt: 0,
  rate: 0,
  queue: IMPAIRMENT_QUEUE_DEFAULT,
  down: false,
  seed: 0,
}

/** What an impaired direction has done. */
export interface ImpairmentCounts {
  readonly passed: number
  readonly lost: number
  readonly duplicated: number
  readonly reordered: number
  readonly corrupted: number
  /** Dropped since the queue was full, or the link down. */
  readonly queueFull: number
  readonly down: number
  /** Frames that wait now. */
  readonly waiting: number
}

/** One direction that is impaired, for listings. */
export interface ImpairmentValue {
  readonly port: number
  readonly direction: LinkDirection
  readonly settings: ImpairmentSettings
  readonly counts: ImpairmentCounts
}
