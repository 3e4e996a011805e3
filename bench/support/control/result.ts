import type { Circumstances } from '../circumstances.ts'
import type { Samples, Subject } from './figures.ts'
import type { Verdict } from './targets.ts'

/** Everything that a run found, as it stands in control.json. */
export interface Result extends Circumstances {
  readonly rounds: number
  /** Sandboxes of the lab, and endpoints on one network. */
  readonly labSize: number
  readonly endpoints: number
  /** Versions of the programs, or why there is nothing of one. */
  readonly versions: Readonly<Record<Subject, string>>
  readonly missing: Readonly<Partial<Record<Subject, string>>>
  readonly samples: Readonly<Record<Subject, Samples>>
  /** Milliseconds that each sandbox of the large network took, in their order. */
  readonly growth: readonly number[]
  readonly targets: readonly Verdict[]
  /** What could not be measured, or was not as it should be. */
  readonly failures: readonly string[]
}
