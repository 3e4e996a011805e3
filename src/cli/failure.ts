import type { Failure } from '../control/api/failure.ts'

/** Why the daemon refuses: the body of an answer of its API, or what its program tells, also as `{"failed":…}`. */
export function parseFailure(text: string): Failure | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { failed } = value as Record<string, unknown>
  const { code, message, hint } = (typeof failed === 'object' && failed !== null ? failed : value) as Record<
    string,
    unknown
  >
  if (typeof code !== 'string' || typeof message !== 'string') return undefined
  return { code, message, ...(typeof hint === 'string' ? { hint } : undefined) }
}
