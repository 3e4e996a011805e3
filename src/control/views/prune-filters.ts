/** The filters of prune. */

import type { Filters } from '../control-plane.ts'
import { conjunction, hasLabels, invalid } from './list-filters.ts'

export interface Prunable {
  /** RFC 3339. */
  readonly created: string
  readonly labels: Readonly<Record<string, string>>
}

/** until, label, label!. Throws FILTER_INVALID. */
export function pruneFilter(filters: Filters, nowMs: number): (candidate: Prunable) => boolean {
  return conjunction<Prunable>(filters, {
    until: (values) => {
      const untilMs = parseUntil(values, nowMs)
      return (candidate) => Date.parse(candidate.created) <= untilMs
    },
    label: (values) => (candidate) => hasLabels(candidate.labels, values),
    // One that is told twice what to spare spares both.
    'label!': (values) => (candidate) => !values.some((value) => hasLabels(candidate.labels, [value])),
  })
}

const UNITS_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
}

/** A time (RFC 3339, or without zone and seconds), seconds since 1970, or a span before now (`10m`, `1h30m`). */
function parseUntil(values: readonly string[], nowMs: number): number {
  if (values.length > 1) throw invalid('more than one until filter specified')
  const [text = ''] = values
  const untilMs = parseSpan(text, nowMs) ?? parseSeconds(text) ?? parseDate(text)
  if (untilMs === undefined)
    throw invalid(`failed to parse value as time or duration: ${JSON.stringify(text)}`)
  return untilMs
}

function parseSpan(text: string, nowMs: number): number | undefined {
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined
  const parts = text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)
  return Array.from(parts).reduce(
    (untilMs, [, number, unit]) => untilMs - Number(number) * UNITS_MS[unit!]!,
    nowMs,
  )
}

function parseSeconds(text: string): number | undefined {
  return /^\d{1,12}(\.\d{1,9})?$/.test(text) ? Number(text) * 1000 : undefined
}

function parseDate(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?$/.test(text)) return undefined
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? undefined : ms
}
