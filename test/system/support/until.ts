import { setTimeout as pause } from 'node:timers/promises'

/** What nothing here takes, on a machine that is busy with other tests. */
const DEADLINE_MS = 60_000
const PAUSE_MS = 5
/** What takes longer is asked for less and less often, so that it has the processor: so much longer is each pause than the one before. */
const LONGER = 1.3
const PAUSE_MAX_MS = 50

/**
 * Resolves once `holds` does, for what there is no event for. Rejects where it does not in a minute. Who starts a program to find
 * out begins with a longer pause.
 */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  pauseMs = PAUSE_MS,
): Promise<void> {
  const end = performance.now() + DEADLINE_MS
  let next = pauseMs
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`not within ${DEADLINE_MS / 1000} s: ${what}`)
    await pause(next)
    next = Math.max(next, Math.min(next * LONGER, PAUSE_MAX_MS))
  }
}
