/** Spans of time as Docker tells them: one unit, rounded down, but hours to the nearest. */

import type { SandboxState } from '../model/records.ts'

const DAY_H = 24
const WEEK_H = 7 * DAY_H
const MONTH_H = 30 * DAY_H
const YEAR_H = 365 * DAY_H

/** `Less than a second`, `3 minutes`, `About an hour`. `ms` may be negative, which is less than a second. */
export function humanDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  if (seconds < 1) return 'Less than a second'
  if (seconds === 1) return '1 second'
  if (seconds < 60) return `${seconds} seconds`
  const minutes = Math.floor(seconds / 60)
  if (minutes === 1) return 'About a minute'
  if (minutes < 60) return `${minutes} minutes`
  const hours = Math.floor(ms / 3_600_000 + 0.5)
  if (hours === 1) return 'About an hour'
  if (hours < 2 * DAY_H) return `${hours} hours`
  if (hours < 2 * WEEK_H) return `${Math.floor(hours / DAY_H)} days`
  if (hours < 2 * MONTH_H) return `${Math.floor(hours / WEEK_H)} weeks`
  if (hours < 2 * YEAR_H) return `${Math.floor(hours / MONTH_H)} months`
  return `${Math.floor(ms / 3_600_000 / YEAR_H)} years`
}

/** `Up 3 minutes`, `Exited (0) 2 hours ago`, `Created`. */
export function humanStatus(state: SandboxState, nowMs: number): string {
  const since = (time: string) => humanDuration(nowMs - Date.parse(time))
  switch (state.status) {
    case 'created':
      return 'Created'
    case 'running':
      return `Up ${since(state.startedAt)}`
    case 'exited':
      return `Exited (${state.exitCode}) ${since(state.finishedAt)} ago`
  }
}
