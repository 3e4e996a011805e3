/** How failures of the model become answers: one table of HTTP statuses, and one shape of body. */

import { HTTPException } from 'hono/http-exception'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { Failure } from '../../control/api.ts'
import { ErrorCode, TapwireError } from '../../control/errors.ts'
import { TapError } from '../../ports/tap.ts'

/** By ErrorCode, as Docker's API has it. What is not here is a failure of ours or of the machine: 500. */
const STATUS: Readonly<Record<string, ContentfulStatusCode>> = {
  [ErrorCode.badRequest]: 400,
  [ErrorCode.notPermitted]: 403,
  [ErrorCode.routeUnknown]: 404,
  [ErrorCode.labUnknown]: 404,
  [ErrorCode.sandboxUnknown]: 404,
  [ErrorCode.requestTimeout]: 408,
  [ErrorCode.labUpAlready]: 409,
  [ErrorCode.bodyTooLarge]: 413,
  [ErrorCode.bodyTypeUnknown]: 415,
  [ErrorCode.labFileInvalid]: 400,
  [ErrorCode.upgradeRequired]: 426,
  [ErrorCode.tooManyStreams]: 503,
}

export interface Answer {
  readonly status: ContentfulStatusCode
  readonly failure: Failure
}

/** What to answer to a request that failed with `error`. */
export function answerTo(error: unknown): Answer {
  if (error instanceof TapwireError) {
    return { status: STATUS[error.code] ?? 500, failure: failureOf(error) }
  }
  if (error instanceof HTTPException) {
    return { status: error.status, failure: { code: ErrorCode.badRequest, message: `${error.message}.` } }
  }
  return { status: 500, failure: failureOf(error) }
}

export function failureOf(error: unknown): Failure {
  if (error instanceof TapwireError || error instanceof TapError) {
    const { code, message, hint } = error
    return { code, message, ...(hint !== undefined && { hint }) }
  }
  return { code: ErrorCode.internal, message: error instanceof Error ? error.message : String(error) }
}
