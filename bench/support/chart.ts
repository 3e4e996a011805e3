import { machineLine } from './machine.ts'
import { format, METRICS, type MetricId } from './metrics.ts'
import type { Result } from './result.ts'
import { BARE_AXIS, INK, OTHERS, OURS, panelTitle, renderSvg } from './svg.ts'

export interface Picture {
  readonly title: string
  /** The metrics that have a panel; the table has the rest. */
  readonly shown: readonly MetricId[]
}

const COLUMNS = 3

interface Bar {
  readonly contender: string
  readonly ours: boolean
  readonly median: number
  readonly lowest: number
  readonly highest: number
  readonly label: string
}

/** One panel a metric with a scale of its own; bars are medians, whiskers reach from the worst round to the best. */
export async function toSvg(result: Result, { title, shown }: Picture): Promise<string> {
  const panels = shown.map((metric, index) => panel(result, metric, index % COLUMNS === 0))
  const rounds =
    result.rounds === 1 ? 'one round' : `medians of ${result.rounds} rounds, whiskers from lowest to highest`
  const subtitle = [`${result.date.slice(0, 10)}, ${rounds}`, machineLine(result.machine)]
  return renderSvg(
    { text: title, subtitle },
    { columns: COLUMNS, align: 'each', spacing: { row: 28, column: 20 }, concat: panels },
  )
}

function panel(result: Result, metric: MetricId, named: boolean): object {
  const { title, unit, better } = METRICS[metric]
  const values = bars(result, metric)
  const order = values.map(({ contender }) => contender)
  const y = {
    field: 'contender',
    type: 'nominal',
    sort: order,
    axis: named ? { title: null, ticks: false, domain: false, labelPadding: 6 } : null,
  }
  const widest = Math.max(1e-9, ...values.map(({ highest }) => highest))
  // Room for the number behind the longest bar.
  const scale = { domain: [0, widest * 1.25], nice: false }
  const axis = BARE_AXIS
  return {
    // Two short lines: without a canvas vega takes text for wider than it is and would leave room for it.
    title: panelTitle(title, `${unit}, ${better} is better`),
    width: 230,
    height: { step: 22 },
    data: { values },
    layer: [
      {
        mark: { type: 'bar', height: 15 },
        encoding: {
          y,
          x: { field: 'median', type: 'quantitative', scale, axis },
          color: { condition: { test: 'datum.ours', value: OURS }, value: OTHERS },
        },
      },
      {
        mark: { type: 'rule', color: INK, strokeWidth: 1 },
        encoding: { y, x: { field: 'lowest', type: 'quantitative', scale, axis }, x2: { field: 'highest' } },
      },
      {
        mark: { type: 'text', align: 'left', dx: 5, fontSize: 11, color: INK },
        encoding: { y, x: { field: 'highest', type: 'quantitative', scale, axis }, text: { field: 'label' } },
      },
    ],
  }
}

function bars(result: Result, metric: MetricId): Bar[] {
  return result.contenders
    .filter(({ missing }) => missing === undefined)
    .map(({ id, title, samples, medians }) => {
      const all = samples[metric] ?? []
      return {
        contender: title,
        ours: id.startsWith('tapwire'),
        median: medians[metric] ?? 0,
        lowest: all.length > 0 ? Math.min(...all) : 0,
        highest: all.length > 0 ? Math.max(...all) : 0,
        label: format(metric, medians[metric]),
      }
    })
}
