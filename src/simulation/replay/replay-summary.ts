/** What came of a replay: nothing in it depends on the machine or the hour. */

import type { PortCount } from '../../datapath/counters.ts'
import { DROP_REASONS } from '../../datapath/drop-reason.ts'
import type { CapturedFrameCounts, CapturedFrames } from './captured-frames.ts'
import type { UnplacedSource } from './unplaced.ts'

/** Packets of the file, and what was made of them. */
export interface FileSummary {
  readonly file: Readonly<CapturedFrameCounts> & {
    readonly unplaced: number
    /** From the first to the last frame that was placed. */
    readonly spanS: number
  }
  readonly unplaced: readonly UnplacedSource[]
}

export interface ReplaySummary extends FileSummary {
  /**
   * By the data path's own counters: received + copies + segments + originated = transmitted + dropped + consumed + held.
   */
  readonly received: number
  readonly transmitted: number
  readonly flooded: number
  readonly copies: number
  readonly segments: number
  readonly originated: number
  readonly consumed: number
  readonly held: number
  readonly dropped: number
  readonly drops: readonly { readonly reason: string; readonly sentence: string; readonly frames: number }[]
  /** Connections that the router began to follow. */
  readonly flows: number
}

export interface SummaryParts {
  readonly frames: CapturedFrames
  readonly before: PortCount
  readonly after: PortCount
  readonly flows: number
}

export const fileSummary = ({ counts, unplaced, timeMs }: CapturedFrames): FileSummary => ({
  file: { ...counts, unplaced: unplaced.frames, spanS: Math.round(timeMs * 1e6) / 1e9 },
  unplaced: unplaced.sources,
})

export function replaySummary({ frames, before, after, flows }: SummaryParts): ReplaySummary {
  const since = (count: Exclude<keyof PortCount, 'drops'>): number => after[count] - before[count]
  const drops = DROP_REASONS.flatMap(({ name, sentence }, reason) => {
    const frames = after.drops[reason]! - before.drops[reason]!
    return frames === 0 ? [] : [{ reason: name, sentence, frames }]
  })
  return {
    ...fileSummary(frames),
    received: since('receivedFrames'),
    transmitted: since('transmittedFrames'),
    flooded: since('flooded'),
    copies: since('floodCopies'),
    segments: since('segmentCopies'),
    originated: since('originated'),
    consumed: since('consumed'),
    held: since('held'),
    dropped: drops.reduce((sum, { frames }) => sum + frames, 0),
    drops,
    flows,
  }
}
