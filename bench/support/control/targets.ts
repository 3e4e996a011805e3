import { median } from '../statistics.ts'
import { FIGURES, type FigureId, type Samples } from './figures.ts'

/** What the project has set itself for a median, or for a ratio of two. */
export interface Target {
  readonly figure: FigureId
  /** The ratio to this figure is meant. */
  readonly to?: FigureId
  readonly atMost: number
}

export const TARGETS: readonly Target[] = [
  { figure: 'run', atMost: 100 },
  { figure: 'connectRequest', atMost: 30 },
  { figure: 'list', atMost: 150 },
  { figure: 'lab', atMost: 10 },
  { figure: 'sandboxLast', to: 'sandboxFirst', atMost: 2 },
  { figure: 'endpointLast', to: 'endpointFirst', atMost: 2 },
  { figure: 'memory', atMost: 300 },
]

export interface Verdict extends Target {
  /** Undefined where it was not measured. */
  readonly measured: number | undefined
  readonly outcome: 'met' | 'missed' | 'not measured'
}

export function judge(target: Target, samples: Samples): Verdict {
  const medianOf = (figure: FigureId): number | undefined => {
    const values = samples[figure]
    return values === undefined || values.length === 0 ? undefined : median(values)
  }
  const value = medianOf(target.figure)
  const base = target.to === undefined ? 1 : medianOf(target.to)
  if (value === undefined || base === undefined || base === 0)
    return { ...target, measured: undefined, outcome: 'not measured' }
  const measured = value / base
  return { ...target, measured, outcome: measured <= target.atMost ? 'met' : 'missed' }
}

/** `≤ 100 ms`; a ratio has no unit. */
export function bound({ figure, to, atMost }: Target): string {
  return to === undefined ? `≤ ${atMost} ${FIGURES[figure].unit}` : `≤ ${atMost.toFixed(1)} times`
}

/** `84 ms`, or `1.23 times`. */
export function measuredText({ figure, to, measured }: Verdict): string {
  if (measured === undefined) return '–'
  const { digits, unit } = FIGURES[figure]
  return to === undefined ? `${measured.toFixed(digits)} ${unit}` : `${measured.toFixed(2)} times`
}

export function targetTitle({ figure, to }: Target): string {
  return to === undefined ? FIGURES[figure].title : `${FIGURES[figure].title} / ${FIGURES[to].title}`
}
