/** How much a user may have the daemon keep: labels are in its state file, and in the events of what has them. */

import { ENVIRONMENT_MAX, ENVIRONMENT_SIZE_MAX, LABELS_MAX, LABELS_SIZE_MAX } from '../../limits.ts'
import type { ErrorCode } from '../errors.ts'
import { TapwireError } from '../errors.ts'

type StringMap = Readonly<Record<string, string>> | null | undefined

type Code = (typeof ErrorCode)[keyof typeof ErrorCode]

/** `what` are labels or options, in the plural. Throws an error of this code. */
export function checkMap(code: Code, what: string, map: StringMap): void {
  const texts = Object.entries(map ?? {}).flat()
  check(code, what, { count: texts.length / 2, texts, most: LABELS_MAX, size: LABELS_SIZE_MAX })
}

/** The same of a list of words. */
export function checkWords(code: Code, what: string, words: readonly string[]): void {
  check(code, what, { count: words.length, texts: words, most: ENVIRONMENT_MAX, size: ENVIRONMENT_SIZE_MAX })
}

interface Bounded {
  readonly count: number
  readonly texts: readonly string[]
  readonly most: number
  readonly size: number
}

function check(code: Code, what: string, { count, texts, most, size }: Bounded): void {
  if (count > most) throw new TapwireError(code, `too many ${what}: ${count}, at most ${most} are possible`)
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)
  if (bytes > size) {
    throw new TapwireError(code, `the ${what} are too large: ${bytes} bytes, at most ${size} are possible`)
  }
}
