/** What a link does to the frames of one direction: netem(8)'s words. */

/** Seen from the endpoint: what it sends, and what it is sent. */
export const LinkDirection = { from: 0, to: 1 } as const
export type LinkDirection = (typeof LinkDirection)[keyof typeof LinkDirection]

export interface ImpairmentSettings {
  /** Each frame is late by so many microseconds, give or take up to `jitterUs`, evenly distributed. */
  readonly delayUs: number
  readonly jitterUs: number
  /** Probabilities, 0 to 1. */
  readonly loss: number
  readonly duplicate: number
  /** Of a frame to go at once, past those that are being delayed. */
  readonly reorder: number
  /** Of a frame to have one bit of it turned over. */
  readonly corrupt: number
  /** Bits a second, as they are on the wire with all headers; 0 is without limit. */
  readonly rate: number
  /** Frames that may wait; more are dropped. */
  readonly queue: number
  /** Nothing passes. */
  readonly down: boolean
  /** An int32: the same seed and the same frames at the same times have the same fate. */
  readonly seed: number
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
