import { setTimeout as pause } from 'node:timers/promises'

/** What nothing here takes, on a machine that is busy with other tests. */
const DEADLINE_MS = 60_000
const PAUSE_MS = 5

/**
 * Resolves once `holds` does, for what there is no event for. Rejects where it does not in a minute. Who starts a program to find
 * out asks less often, so that what is waited for has the processor.
 */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  pauseMs = PAUSE_MS,
): Promise<void> {
  const end = performance.now() + DEADLINE_MS
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`not within ${DEADLINE_MS / 1000} s: ${what}`)
    await pause(pauseMs)
  }
}
