/** The data path's counters, in the model's words. */

import type { Counters, PortCount } from '../../datapath/counters.ts'
import { DROP_REASONS, DropReason, LAST_REASON_BEFORE_EGRESS } from '../../datapath/drop-reason.ts'
import type { FabricStats } from '../model/machine.ts'

export function fabricStats(
  counters: Counters,
  ports: Iterable<number>,
  time: Pick<FabricStats, 'at' | 'uptimeS'>,
): FabricStats {
  const total = counters.total()
  return {
    ...time,
    totals: totalsOf(total),
    ports: [...ports].map((port) => ({ port, ...trafficOf(counters.port(port)) })),
    drops: DROP_REASONS.flatMap(({ name, sentence }, reason) => {
      const frames = total.drops[reason]!
      return frames === 0 ? [] : [{ reason: name, sentence, frames }]
    }),
  }
}

/** Of one DropReason for each frame, 0 where it was not dropped: how many there are, by name. */
export function countReasons(reasons: Iterable<number>): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const reason of reasons) {
    if (reason === DropReason.none) continue
    const { name } = DROP_REASONS[reason]!
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

function totalsOf(total: PortCount): FabricStats['totals'] {
  const notForwarded = total.consumed + sum(total.drops.slice(0, LAST_REASON_BEFORE_EGRESS + 1))
  return {
    received: total.receivedFrames,
    forwarded: total.receivedFrames - total.flooded - notForwarded,
    flooded: total.flooded,
    copies: total.floodCopies,
    segments: total.segmentCopies,
    originated: total.originated,
    transmitted: total.transmittedFrames,
    dropped: sum(total.drops),
    consumed: total.consumed,
    held: total.held,
  }
}

function trafficOf(count: PortCount): Omit<FabricStats['ports'][number], 'port'> {
  return {
    received: { frames: count.receivedFrames, bytes: count.receivedBytes },
    transmitted: { frames: count.transmittedFrames, bytes: count.transmittedBytes },
    dropped: sum(count.drops),
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
