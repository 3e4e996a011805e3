/** Spans of time as Docker tells them: one unit, rounded down. */

import type { SandboxState } from '../model/records.ts'

/** `Less than a second`, `3 minutes`, `About an hour`. `ms` may be negative, which is less than a second. */
export function humanDuration(ms: number): string {
  throw new Error('to be written')
}

/** `Up 3 minutes`, `Exited (0) 2 hours ago`, `Created`. */
export function humanStatus(state: SandboxState, nowMs: number): string {
  throw new Error('to be written')
}
