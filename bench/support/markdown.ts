import { measuredLine } from './circumstances.ts'
import { format, METRIC_IDS, METRICS, type MetricId } from './metrics.ts'
import type { ContenderResult, Result } from './result.ts'
import type { Verdict } from './targets.ts'

/** The report of the comparison `name`: machine, medians, targets, and what went wrong. */
export function toMarkdown(result: Result, name: string): string {
  return [
    heading(result),
    mediansTable(result.contenders),
    `In parentheses: the ratio to Tapwire’s median. \`bench/results/${name}.json\` has every sample.`,
    '### Targets',
    targetsTable(result),
    notes(result),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
    .concat('\n')
}

function heading(result: Result): string {
  const { rounds, seconds } = result
  const what = `Medians of ${rounds} ${rounds === 1 ? 'round' : 'rounds'}, ${seconds} s a measurement`
  return measuredLine(result, what)
}

function mediansTable(contenders: readonly ContenderResult[]): string {
  const metrics = METRIC_IDS.filter((metric) =>
    contenders.some(({ medians }) => medians[metric] !== undefined),
  )
  const header = ['', ...metrics.map((metric) => `${METRICS[metric].title} (${METRICS[metric].unit})`)]
  const rows = contenders
    .filter(({ missing }) => missing === undefined)
    .map((contender) => [`**${contender.title}**`].concat(metrics.map((metric) => cell(contender, metric))))
  return table(header, rows)
}

function cell(contender: ContenderResult, metric: MetricId): string {
  const value = format(metric, contender.medians[metric])
  const ratio = contender.ratios[metric]
  return ratio === undefined || contender.id === 'tapwire' ? value : `${value} (${ratio.toFixed(2)})`
}

function targetsTable(result: Result): string {
  const titleOf = (id: string): string =>
    result.contenders.find((contender) => contender.id === id)?.title ?? id
  const rows = result.targets.map((verdict) => [
    METRICS[verdict.metric].title,
    verdict.to === undefined ? titleOf(verdict.of) : `${titleOf(verdict.of)} / ${titleOf(verdict.to)}`,
    bound(verdict),
    measuredText(verdict),
    verdict.outcome === 'missed' ? '**missed**' : verdict.outcome,
  ])
  return table(['', 'Ratio', 'Target', 'Measured', ''], rows)
}

/** `≥ 0.80`, or of a median with its unit `≤ 100 ms`. */
export function bound(verdict: Verdict): string {
  const { atLeast, atMost } = verdict
  return atLeast === undefined ? `≤ ${valueText(verdict, atMost)}` : `≥ ${valueText(verdict, atLeast)}`
}

/** The same of what was measured; `–` where nothing was. */
export function measuredText(verdict: Verdict): string {
  return verdict.ratio === undefined ? '–' : valueText(verdict, verdict.ratio)
}

function valueText({ to, metric }: Verdict, value = Number.NaN): string {
  return to === undefined ? `${format(metric, value)} ${METRICS[metric].unit}` : value.toFixed(2)
}

function notes(result: Result): string {
  return result.contenders
    .flatMap(({ title, description, without, missing, failures }) => [
      missing === undefined ? `- ${title}: ${description}.` : `- ${title}: not measured, ${missing}.`,
      ...Object.entries(without ?? {}).map(([measure, why]) => `  - No value of \`${measure}\`: ${why}.`),
      ...failures.map((failure) => `  - Failed: ${failure.split('\n', 1)[0]}`),
    ])
    .join('\n')
}

export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const alignments = header.map((_, column) => (column === 0 ? '---' : '---:'))
  return [header, alignments, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}
