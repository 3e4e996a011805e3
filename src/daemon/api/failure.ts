/** How failures of the model become answers: one table of HTTP statuses, and one shape of body. */

import { HTTPException } from 'hono/http-exception'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { Failure } from '../../control/api/failure.ts'
import { ErrorCode, TapwireError } from '../../control/errors.ts'
import { TapError } from '../../ports/tap.ts'

/** By status: the codes that it is for, as Docker's API has it. All others are failures of ours or of the machine: 500. */
const CODES: Readonly<Partial<Record<ContentfulStatusCode, readonly string[]>>> = {
  400: [
    ErrorCode.badRequest,
    ErrorCode.nameInvalid,
    ErrorCode.referenceInvalid,
    ErrorCode.referenceAmbiguous,
    ErrorCode.networkConfigInvalid,
    ErrorCode.sandboxInvalid,
    ErrorCode.endpointInvalid,
    ErrorCode.portInvalid,
    ErrorCode.filterInvalid,
    ErrorCode.addressOutOfRange,
    ErrorCode.commandNotFound,
    ErrorCode.commandNotExecutable,
    ErrorCode.linkTarget,
    ErrorCode.labFileInvalid,
  ],
  403: [
    ErrorCode.notPermitted,
    ErrorCode.networkPredefined,
    ErrorCode.networkInUse,
    ErrorCode.poolOverlap,
    ErrorCode.addressInUse,
    ErrorCode.connectionRefused,
    ErrorCode.notConnected,
  ],
  404: [
    ErrorCode.routeUnknown,
    ErrorCode.networkUnknown,
    ErrorCode.sandboxUnknown,
    ErrorCode.driverUnknown,
    ErrorCode.portNotPublished,
    ErrorCode.labUnknown,
  ],
  408: [ErrorCode.requestTimeout],
  409: [
    ErrorCode.nameTaken,
    ErrorCode.interfaceNameTaken,
    ErrorCode.notRunning,
    ErrorCode.sandboxRunning,
    ErrorCode.sandboxEnded,
    ErrorCode.poolsExhausted,
    ErrorCode.addressesExhausted,
    ErrorCode.limitReached,
    ErrorCode.labUpAlready,
    ErrorCode.labConflict,
  ],
  413: [ErrorCode.bodyTooLarge],
  415: [ErrorCode.bodyTypeUnknown],
  426: [ErrorCode.upgradeRequired],
  503: [ErrorCode.tooManyStreams, ErrorCode.daemonStopping],
}

const STATUS: ReadonlyMap<string, ContentfulStatusCode> = new Map(
  Object.entries(CODES).flatMap(([status, codes]) =>
    codes.map((code) => [code, Number(status) as ContentfulStatusCode]),
  ),
)

export interface Answer {
  readonly status: ContentfulStatusCode
  readonly failure: Failure
}

/** What to answer to a request that failed with `error`. */
export function answerTo(error: unknown): Answer {
  if (error instanceof TapwireError) {
    return { status: STATUS.get(error.code) ?? 500, failure: failureOf(error) }
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
