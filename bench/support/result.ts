import type { Circumstances } from './circumstances.ts'
import type { Subject } from './contender.ts'
import { type Figures, METRIC_IDS, type MetricId } from './metrics.ts'
import { median } from './statistics.ts'
import { judge, type Target, type Verdict } from './targets.ts'

/** Everything that a run found, as it stands in the JSON file. */
export interface Result extends Circumstances {
  readonly rounds: number
  /** Of each throughput measurement. */
  readonly seconds: number
  readonly contenders: readonly ContenderResult[]
  readonly targets: readonly Verdict[]
}

export interface ContenderResult {
  readonly id: string
  readonly title: string
  readonly description: string
  /** Measures that it has no value for, and why. */
  readonly without?: Readonly<Record<string, string>>
  /** Why it was not measured, if it was not. */
  readonly missing?: string
  /** One value a round. */
  readonly samples: Readonly<Partial<Record<MetricId, readonly number[]>>>
  readonly medians: Figures
  /** Median divided by Tapwire's median. */
  readonly ratios: Figures
  /** Measurements that could not be made, or whose check failed; they are in no figure. */
  readonly failures: readonly string[]
}

/** Gathers the figures of a run, round after round. */
export class Collector {
  readonly #entries = new Map<
    string,
    { contender: Subject; samples: Map<MetricId, number[]>; failures: string[] }
  >()
  readonly #missing = new Map<string, string>()

  constructor(contenders: readonly Subject[]) {
    for (const contender of contenders)
      this.#entries.set(contender.id, { contender, samples: new Map(), failures: [] })
  }

  add(contender: string, figures: Figures): void {
    const { samples } = this.#entries.get(contender)!
    for (const metric of METRIC_IDS) {
      const value = figures[metric]
      if (value !== undefined) samples.set(metric, [...(samples.get(metric) ?? []), value])
    }
  }

  fail(contender: string, message: string): void {
    this.#entries.get(contender)!.failures.push(message)
  }

  miss(contender: string, reason: string): void {
    this.#missing.set(contender, reason)
  }

  medians(contender: string): Figures {
    const samples = this.#entries.get(contender)?.samples ?? new Map<MetricId, number[]>()
    return Object.fromEntries(Array.from(samples, ([metric, values]) => [metric, median(values)]))
  }

  contenders(): ContenderResult[] {
    const baseline = this.medians('tapwire')
    return Array.from(this.#entries.values(), ({ contender, samples, failures }) => {
      const { id, title, description, without } = contender
      const missing = this.#missing.get(id)
      const medians = this.medians(id)
      return {
        id,
        title,
        description,
        ...(without === undefined ? {} : { without }),
        ...(missing === undefined ? {} : { missing }),
        samples: Object.fromEntries(samples),
        medians,
        ratios: ratios(medians, baseline),
        failures,
      }
    })
  }

  verdicts(targets: readonly Target[]): Verdict[] {
    return targets.map((target) => judge(target, (contender, metric) => this.medians(contender)[metric]))
  }
}

function ratios(figures: Figures, baseline: Figures): Figures {
  const found: Figures = {}
  for (const metric of METRIC_IDS) {
    const value = figures[metric]
    const base = baseline[metric]
    if (value !== undefined && base) found[metric] = value / base
  }
  return found
}
