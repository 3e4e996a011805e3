/** Progress as the lines of an answer: what is done is told while it is done, and the last line says how it ended. */

import type { Progress } from '../../control/api/progress.ts'
import type { Steps } from '../../control/labs/steps.ts'
import { failureOf } from './failure.ts'

type Ready = Extract<Progress, { ready: true }>

/** Runs `work` and gives each of its steps as a line of JSON. Throws what it threw where that came before any step. */
export async function* progressLines(work: (steps: Steps) => Promise<Ready>): AsyncGenerator<string> {
  const lines: Progress[] = []
  let wake: () => void = () => undefined
  let told = false
  let finished = false
  const tell = (line: Progress): void => {
    lines.push(line)
    wake()
  }
  const done = work(new StepTeller(tell)).finally(() => {
    finished = true
    wake()
  })
  // Told below; without this, a failure before the last line is read would be one that nobody handles.
  done.catch(() => undefined)
  for (;;) {
    const line = lines.shift()
    if (line !== undefined) {
      told = true
      yield `${JSON.stringify(line)}\n`
    } else if (finished) {
      break
    } else {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  yield `${JSON.stringify(await done.catch((error: unknown) => failed(error, told)))}\n`
}

function failed(error: unknown, told: boolean): Progress {
  if (!told) throw error
  return { failed: failureOf(error) }
}

class StepTeller implements Steps {
  readonly #tell: (line: Progress) => void

  constructor(tell: (line: Progress) => void) {
    this.#tell = tell
  }

  async step(name: string, action: () => Promise<string | void>): Promise<void> {
    this.#tell({ step: name, state: 'start' })
    try {
      const detail = (await action()) ?? undefined
      this.#tell({ step: name, state: 'done', detail })
    } catch (error) {
      this.#tell({ step: name, state: 'failed' })
      throw error
    }
  }
}
