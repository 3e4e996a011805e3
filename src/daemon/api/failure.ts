/** How failures of the model become answers: one table of HTTP statuses, and one shape of body. */

import { HTTPException } from 'hono/http-exception'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { Failure } from '../../control/api/failure.ts'
import { ErrorCode, TapwireError } from '../../control/errors.ts'
import { TapError } from '../../ports/tap.ts'

type Code = (typeof ErrorCode)[keyof typeof ErrorCode]

/** As Docker's API has it, for every code there is. 500 is a failure of ours, or of the machine. */
const STATUS: Readonly<Record<Code, ContentfulStatusCode>> = {
  [ErrorCode.badRequest]: 400,
  [ErrorCode.nameInvalid]: 400,
  [ErrorCode.referenceInvalid]: 400,
  [ErrorCode.referenceAmbiguous]: 400,
  [ErrorCode.networkConfigInvalid]: 400,
  [ErrorCode.sandboxInvalid]: 400,
  [ErrorCode.endpointInvalid]: 400,
  [ErrorCode.portInvalid]: 400,
  [ErrorCode.filterInvalid]: 400,
  [ErrorCode.captureInvalid]: 400,
  [ErrorCode.addressOutOfRange]: 400,
  [ErrorCode.commandNotFound]: 400,
  [ErrorCode.commandNotExecutable]: 400,
  [ErrorCode.linkTarget]: 400,
  [ErrorCode.labFileInvalid]: 400,
  [ErrorCode.uplinkInvalid]: 400,
  [ErrorCode.linkInvalid]: 400,
  [ErrorCode.clusterInvalid]: 400,
  [ErrorCode.serviceInvalid]: 400,
  [ErrorCode.noCluster]: 400,

  [ErrorCode.notPermitted]: 403,
  [ErrorCode.networkPredefined]: 403,
  [ErrorCode.networkInUse]: 403,
  [ErrorCode.hostPresent]: 403,
  [ErrorCode.poolOverlap]: 403,
  [ErrorCode.addressInUse]: 403,
  [ErrorCode.connectionRefused]: 403,
  [ErrorCode.notConnected]: 403,

  [ErrorCode.routeUnknown]: 404,
  [ErrorCode.networkUnknown]: 404,
  [ErrorCode.sandboxUnknown]: 404,
  [ErrorCode.serviceUnknown]: 404,
  [ErrorCode.objectUnknown]: 404,
  [ErrorCode.driverUnknown]: 404,
  [ErrorCode.portNotPublished]: 404,
  [ErrorCode.labUnknown]: 404,
  [ErrorCode.labHostUnknown]: 404,

  [ErrorCode.requestTimeout]: 408,

  [ErrorCode.nameTaken]: 409,
  [ErrorCode.interfaceNameTaken]: 409,
  [ErrorCode.notRunning]: 409,
  [ErrorCode.sandboxRunning]: 409,
  [ErrorCode.sandboxEnded]: 409,
  [ErrorCode.poolsExhausted]: 409,
  [ErrorCode.addressesExhausted]: 409,
  [ErrorCode.limitReached]: 409,
  [ErrorCode.registryNotInstalled]: 409,
  [ErrorCode.labConflict]: 409,
  [ErrorCode.labAmbiguous]: 409,
  [ErrorCode.labNotUp]: 409,

  [ErrorCode.bodyTooLarge]: 413,
  [ErrorCode.bodyTypeUnknown]: 415,
  [ErrorCode.upgradeRequired]: 426,

  [ErrorCode.tooManyStreams]: 503,
  [ErrorCode.registryUnavailable]: 503,
  [ErrorCode.registryLeaseUnknown]: 503,
  [ErrorCode.daemonStopping]: 503,

  [ErrorCode.labIncomplete]: 500,
  [ErrorCode.sandboxStart]: 500,
  [ErrorCode.commandFailed]: 500,
  [ErrorCode.programMissing]: 500,
  [ErrorCode.portInUse]: 500,
  [ErrorCode.stateInvalid]: 500,
  [ErrorCode.stateUnwritable]: 500,
  [ErrorCode.eventsLost]: 500,

  // Of the daemon's start, when nobody can ask yet.
  [ErrorCode.rootLocked]: 500,
  [ErrorCode.rootUnusable]: 500,
  [ErrorCode.configurationInvalid]: 500,
  [ErrorCode.addonMissing]: 500,
  [ErrorCode.socketUnusable]: 500,

  // Of the command line, or told by a daemon that this one has asked.
  [ErrorCode.usage]: 500,
  [ErrorCode.templateInvalid]: 500,
  [ErrorCode.interrupted]: 500,
  [ErrorCode.labFileUnreadable]: 500,
  [ErrorCode.outputUnwritable]: 500,
  [ErrorCode.daemonUnreachable]: 500,
  [ErrorCode.daemonAddress]: 500,
  [ErrorCode.daemonVersion]: 500,
  [ErrorCode.daemonAnswer]: 500,
  [ErrorCode.daemonFailed]: 500,
  [ErrorCode.internal]: 500,
  [ErrorCode.daemonStays]: 500,
  [ErrorCode.portsExhausted]: 500,
  [ErrorCode.uplinkUnusable]: 400,
  [ErrorCode.parentUnusable]: 400,
  [ErrorCode.tunnelUnusable]: 400,
  [ErrorCode.vniInUse]: 409,
  [ErrorCode.simulationImpossible]: 400,
  [ErrorCode.outputFailed]: 400,
}

const STATUS_BY_TEXT: ReadonlyMap<string, ContentfulStatusCode> = new Map(Object.entries(STATUS))

export interface Answer {
  readonly status: ContentfulStatusCode
  readonly failure: Failure
}

/** What to answer to a request that failed with `error`. */
export function answerTo(error: unknown): Answer {
  if (error instanceof TapwireError) {
    return { status: STATUS_BY_TEXT.get(error.code) ?? 500, failure: failureOf(error) }
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
