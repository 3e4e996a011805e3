import { LAB_PROBLEMS_MAX } from '../limits.ts'
import { ErrorCode, TapwireError } from './errors.ts'

/** Keys and list indexes from the top of a lab file to a value. */
export type LabPath = readonly (string | number)[]

/** What is wrong in a lab file, and where. */
export interface LabProblem {
  readonly file: string
  /** 1 is the first. */
  readonly line: number
  readonly column: number
  readonly message: string
  /** What would be right, or what to try. */
  readonly hint?: string | undefined
}

/** `demo.yaml:3:5: unknown key 'mtuu'; did you mean 'mtu'?`, a form that editors can jump to. */
export function formatLabProblem(problem: LabProblem): string {
  const hint = problem.hint === undefined ? '' : `; ${problem.hint}`
  return `${problem.file}:${problem.line}:${problem.column}: ${problem.message}${hint}`
}

export class LabFileError extends TapwireError {
  override readonly name = 'LabFileError'
  /** In the order of the file; at most LAB_PROBLEMS_MAX. */
  readonly problems: readonly LabProblem[]
  /** Problems found beyond those. */
  readonly unlisted: number

  constructor(file: string, problems: readonly LabProblem[], unlisted: number) {
    const count = problems.length + unlisted
    super(ErrorCode.labFileInvalid, `${file} has ${count === 1 ? 'a problem' : `${count} problems`}.`)
    this.problems = problems
    this.unlisted = unlisted
  }
}

export interface LabPlace {
  readonly line: number
  readonly column: number
}

/** Collects the problems of one file, each place and message once. */
export class LabProblems {
  readonly #file: string
  readonly #found = new Map<string, LabProblem>()
  #unlisted = 0

  constructor(file: string) {
    this.#file = file
  }

  get isEmpty(): boolean {
    return this.#found.size === 0
  }

  /** The hint is a function where it takes a search, which problems that are only counted do without. */
  add(place: LabPlace, message: string, hint?: string | (() => string | undefined)): void {
    const key = `${place.line}:${place.column}:${message}`
    if (this.#found.has(key)) return
    if (this.#found.size === LAB_PROBLEMS_MAX) {
      this.#unlisted += 1
      return
    }
    this.#found.set(key, {
      file: this.#file,
      line: place.line,
      column: place.column,
      message,
      hint: typeof hint === 'function' ? hint() : hint,
    })
  }

  /** All that was found, in the order of the file. */
  toError(): LabFileError {
    const sorted = [...this.#found.values()].sort((a, b) => a.line - b.line || a.column - b.column)
    return new LabFileError(this.#file, sorted, this.#unlisted)
  }
}
