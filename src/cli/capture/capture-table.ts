import type { CaptureSummary } from '../../control/api/capture.ts'
import { formatAge, formatCount, formatTable } from '../output.ts'

/** The captures that run, as a table. */
export function captureTable(captures: readonly CaptureSummary[], nowMs: number = Date.now()): string {
  const right = (heading: string) => ({ heading, align: 'right' }) as const
  return formatTable(
    ['CAPTURE', 'PLACES', 'POINT', 'FILTER', right('AGE'), right('PACKETS'), right('DROPPED')],
    captures.map(({ id, places, point, drops, filter, started, captured, dropped }) => [
      id,
      places.join(' ') || 'any',
      drops ? 'drops' : point,
      filter || '-',
      formatAge(Math.max(0, (nowMs - Date.parse(started)) / 1000)),
      formatCount(captured),
      formatCount(dropped),
    ]),
  )
}
