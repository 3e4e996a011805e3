import { measuredLine } from '../circumstances.ts'
import { table } from '../markdown.ts'
import { median, percentile } from '../statistics.ts'
import { FIGURE_IDS, FIGURES, type FigureId, formatFigure, type Samples, SUBJECTS } from './figures.ts'
import type { Result } from './result.ts'
import { bound, measuredText, targetTitle } from './targets.ts'

/** The report of a run: machine, medians beside each other, targets, and what went wrong. */
export function toMarkdown(result: Result): string {
  const { samples, endpoints, labSize } = result
  return [
    heading(result),
    figuresTable(samples.tapwire, samples.docker),
    [
      'Medians; in parentheses the 10th and the 90th percentile where there is more than one value.',
      `The lab has ${count(labSize)} sandboxes, the large network ${count(endpoints)} endpoints; _early_ is the ten around the 10th,`,
      `_late_ the ten around the ${count(endpoints)}th. \`bench/results/control.json\` has every sample.`,
    ].join('\n'),
    '### Targets of the control plane',
    targetsTable(result),
    notes(result),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
    .concat('\n')
}

function heading(result: Result): string {
  const { rounds, versions, missing } = result
  return [
    measuredLine(result, `${rounds} ${rounds === 1 ? 'round' : 'rounds'} of the commands, taking turns`),
    missing.docker === undefined
      ? `Docker is ${versions.docker}.`
      : `Docker was not measured: ${missing.docker}.`,
  ].join(' ')
}

function figuresTable(ours: Samples, theirs: Samples): string {
  const rows = FIGURE_IDS.filter((id) => ours[id] !== undefined || theirs[id] !== undefined).map((id) => [
    `${FIGURES[id].title} (${FIGURES[id].unit})`,
    cell(id, ours[id]),
    cell(id, theirs[id]),
  ])
  return table(['', SUBJECTS.tapwire, SUBJECTS.docker], rows)
}

/** `84 (79–102)` */
export function cell(id: FigureId, values: readonly number[] = []): string {
  if (values.length === 0) return '–'
  const middle = formatFigure(id, median(values))
  if (values.length === 1) return middle
  const [low, high] = [0.1, 0.9].map((share) => formatFigure(id, percentile(values, share)))
  return `${middle} (${low}–${high})`
}

function targetsTable({ targets }: Result): string {
  const rows = targets.map((verdict) => [
    targetTitle(verdict),
    bound(verdict),
    measuredText(verdict),
    verdict.outcome === 'missed' ? '**missed**' : verdict.outcome,
  ])
  return table(['', 'Target', 'Measured', ''], rows)
}

const notes = ({ failures }: Result): string =>
  failures.map((failure) => `- Failed: ${failure.split('\n', 1)[0]}`).join('\n')

const count = (value: number): string => value.toLocaleString('en-US')
