/** Seconds between the stop signal and SIGKILL. As in Docker, a negative number is "wait as long as it takes". */

import { SHUTDOWN_STOP_TIMEOUT_S_MAX, STOP_TIMEOUT_S_MAX } from '../../limits.ts'
import { ErrorCode, TapwireError } from '../errors.ts'

export const STOP_TIMEOUT_S_DEFAULT = 10
const STOP_TIMEOUT_NEVER = -1

/** In normal form. Throws SANDBOX_INVALID. */
export function checkStopTimeout(seconds: number): number {
  if (seconds > STOP_TIMEOUT_S_MAX) {
    throw new TapwireError(
      ErrorCode.sandboxInvalid,
      `invalid stop timeout: ${seconds} s, at most ${STOP_TIMEOUT_S_MAX} are possible`,
    )
  }
  return Math.max(seconds, STOP_TIMEOUT_NEVER)
}

/** How long a daemon that ends gives a sandbox: it has been told to end, and somebody waits for that. */
export function timeoutAtShutdown(seconds: number): number {
  return seconds < 0 ? STOP_TIMEOUT_S_DEFAULT : Math.min(seconds, SHUTDOWN_STOP_TIMEOUT_S_MAX)
}
