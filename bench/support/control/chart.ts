import { machineLine } from '../machine.ts'
import { median, percentile } from '../statistics.ts'
import { BARE_AXIS, INK, OTHERS, OURS, panelTitle, renderSvg } from '../svg.ts'
import { FIGURES, type FigureId, formatFigure, SUBJECTS, type Subject } from './figures.ts'
import type { Result } from './result.ts'

/** Commands that both sides have. */
const SHOWN: readonly FigureId[] = ['client', 'run', 'connect', 'list']
const COLORS: Readonly<Record<Subject, string>> = { tapwire: OURS, docker: OTHERS }
/** Sandboxes that a point of the line stands for: one by one they would hide their trend. */
const GROUP = 10

/** Left the commands beside Docker's, right what each sandbox took while the large network grew. */
export async function toSvg(result: Result): Promise<string> {
  const subtitle = [`${result.date.slice(0, 10)}, medians`, machineLine(result.machine)]
  return renderSvg(
    { text: 'What commands take', subtitle },
    { spacing: 40, hconcat: [commands(result), ...(result.growth.length > 0 ? [growth(result)] : [])] },
  )
}

function commands(result: Result): object {
  const values = SHOWN.flatMap((id) =>
    (Object.keys(SUBJECTS) as Subject[]).flatMap((subject) => {
      const all = result.samples[subject][id]
      if (all === undefined || all.length === 0) return []
      return {
        figure: FIGURES[id].title.replaceAll('`', ''),
        subject: SUBJECTS[subject],
        median: median(all),
        low: percentile(all, 0.1),
        high: percentile(all, 0.9),
        label: formatFigure(id, median(all)),
      }
    }),
  )
  const figures = values.map(({ figure }) => figure)
  const widest = Math.max(1, ...values.map(({ high }) => high))
  const y = {
    field: 'figure',
    type: 'nominal',
    sort: figures,
    axis: { title: null, ticks: false, domain: false, labelPadding: 6, labelLimit: 220 },
  }
  const yOffset = { field: 'subject', sort: Object.values(SUBJECTS) }
  // Room for the number behind the longest bar.
  const scale = { domain: [0, widest * 1.15], nice: false }
  const axis = BARE_AXIS
  return {
    title: panelTitle('Commands', 'ms, 10th to 90th percentile'),
    width: 330,
    height: { step: 18 },
    data: { values },
    layer: [
      {
        mark: { type: 'bar' },
        encoding: {
          y,
          yOffset,
          x: { field: 'median', type: 'quantitative', scale, axis },
          color: {
            field: 'subject',
            type: 'nominal',
            sort: Object.values(SUBJECTS),
            scale: { domain: Object.values(SUBJECTS), range: Object.values(COLORS) },
            legend: { title: null, orient: 'bottom' },
          },
        },
      },
      {
        mark: { type: 'rule', color: INK },
        encoding: {
          y,
          yOffset,
          x: { field: 'low', type: 'quantitative', scale, axis },
          x2: { field: 'high' },
        },
      },
      {
        mark: { type: 'text', align: 'left', dx: 5, fontSize: 11, color: INK },
        encoding: {
          y,
          yOffset,
          x: { field: 'high', type: 'quantitative', scale, axis },
          text: { field: 'label' },
        },
      },
    ],
  }
}

function growth({ growth: all }: Result): object {
  const values = groupMedians(all, GROUP).map((ms, index) => ({ endpoint: (index + 0.5) * GROUP, ms }))
  return {
    title: panelTitle('The nth sandbox on one network', `ms, medians of ${GROUP}`),
    width: 330,
    height: 150,
    data: { values },
    mark: { type: 'line', color: COLORS.tapwire },
    encoding: {
      x: { field: 'endpoint', type: 'quantitative', axis: { title: null, grid: false } },
      y: { field: 'ms', type: 'quantitative', scale: { zero: true }, axis: { title: null } },
    },
  }
}

/** The median of each `size` values in a row; of those at the end that are fewer, too. */
export function groupMedians(values: readonly number[], size: number): number[] {
  const groups = Math.ceil(values.length / size)
  return Array.from({ length: groups }, (_, group) => median(values.slice(group * size, (group + 1) * size)))
}
