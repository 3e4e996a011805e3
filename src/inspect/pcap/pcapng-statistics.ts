import type { CaptureStatistics, CaptureTime } from './capture-file.ts'
import { type Block, blockOptions, needBody } from './pcapng-block.ts'
import { StatisticsOption, textOption } from './pcapng-options.ts'
import { type Resolution, readTimestamp } from './timestamp.ts'

/** The interface's number, and a timestamp. */
const FIXED = 12

/** The interface statistics block (pcapng, 4.6). */
export function readStatistics(block: Block, interfaceId: number, resolution: Resolution): CaptureStatistics {
  needBody(block, 'interface statistics', FIXED)
  const { bytes, view } = block.buffer
  const time = (at: number): CaptureTime => {
    const filled = { seconds: 0, nanoseconds: 0 }
    const high = view.getUint32(at, block.littleEndian)
    readTimestamp(high, view.getUint32(at + 4, block.littleEndian), resolution, filled)
    return filled
  }
  const statistics: { -readonly [Key in keyof CaptureStatistics]: CaptureStatistics[Key] } = {
    interfaceId,
    time: time(block.body + 4),
  }
  for (const { code, at, length } of blockOptions(block, block.body + FIXED)) {
    if (code === StatisticsOption.comment) statistics.comment = textOption(bytes, at, length)
    // All others have eight bytes; what has not is passed over.
    else if (length !== 8) continue
    else if (code === StatisticsOption.started) statistics.started = time(at)
    else if (code === StatisticsOption.ended) statistics.ended = time(at)
    else {
      const name = COUNTS[code]
      if (name !== undefined) statistics[name] = Number(view.getBigUint64(at, block.littleEndian))
    }
  }
  return statistics
}

const COUNTS: Readonly<
  Record<number, 'received' | 'dropped' | 'accepted' | 'droppedByOs' | 'delivered' | undefined>
> = {
  [StatisticsOption.received]: 'received',
  [StatisticsOption.dropped]: 'dropped',
  [StatisticsOption.accepted]: 'accepted',
  [StatisticsOption.droppedByOs]: 'droppedByOs',
  [StatisticsOption.delivered]: 'delivered',
}
