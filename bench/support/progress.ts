import { type Figures, format, METRIC_IDS, METRICS } from './metrics.ts'

/**
 * What a run tells while it goes, on standard error so that `--json` has standard output for itself: one line a
 * contender and round, and on a terminal also what is going on just now.
 */
export class Progress {
  readonly #live = process.stderr.isTTY

  now(text: string): void {
    if (this.#live) process.stderr.write(`\r\x1b[2K${text} …`)
  }

  /** What was going on is over. */
  clear(): void {
    if (this.#live) process.stderr.write('\r\x1b[2K')
  }

  line(text: string): void {
    this.clear()
    process.stderr.write(`${text}\n`)
  }

  figures(prefix: string, figures: Figures): void {
    const found = METRIC_IDS.filter((metric) => figures[metric] !== undefined)
    const parts = found.map(
      (metric) => `${metric} ${format(metric, figures[metric])} ${METRICS[metric].unit}`,
    )
    this.line(`${prefix}${parts.join(', ') || 'checked, no figures'}`)
  }
}
