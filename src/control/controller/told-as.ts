import { TapwireError } from '../errors.ts'

/** Does `action`; its error is told behind `words`, which say what it was that failed. */
export async function toldAs<T>(words: string, action: () => T | Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (error) {
    throw withWords(words, error)
  }
}

/** The same error with `words` in front. One that is no TapwireError is a defect, and stays as it is. */
export function withWords(words: string, error: unknown): unknown {
  if (!(error instanceof TapwireError)) return error
  const { code, message, hint, exitCode, cause } = error
  return new TapwireError(code, `${words}: ${message}`, { hint, exitCode, cause })
}
