import { DROP_REASONS } from './drop-reason.ts'
import type { ExplainedStep } from './router-settings.ts'

export type StepValues = ExplainedStep['values']

/** What has been found out about a frame so far. */
export class ExplainedSteps {
  readonly #steps: ExplainedStep[] = []

  get all(): readonly ExplainedStep[] {
    return this.#steps
  }

  say(stage: string, verdict: string, values: StepValues = {}): void {
    this.#steps.push({ stage, verdict, values })
  }

  /** False, as of a check that has not been passed. */
  drop(stage: string, reason: number, values: StepValues = {}): false {
    this.#steps.push({ stage, verdict: 'drop', reason: DROP_REASONS[reason]!.name, values })
    return false
  }
}
