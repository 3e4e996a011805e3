import { type Failure, failureSchema } from '../control/api.ts'

/** Why the daemon refuses: the body of an answer of its API, or what its program leaves on standard error. */
export function parseFailure(text: string): Failure | undefined {
  try {
    return failureSchema.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}
