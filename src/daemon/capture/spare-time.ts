/** Whether there is a processor that nobody uses. Where there is none, whoever works takes from the traffic. */

import { readFileSync } from 'node:fs'

const WINDOW_MS = 100
/** Of one processor's time, which has to be left. */
const SPARE_MIN = 0.2
/** USER_HZ is 100 on every architecture that Node runs on. */
const MS_PER_TICK = 10
/** As the last tenth of a second was. */
export class SpareTime {
  #sinceMs = Number.NEGATIVE_INFINITY
  #idleTicks = 0
  #isThere = true

  /** `nowMs`: of a clock that never goes back. */
  isThere(nowMs: number): boolean {
    const passed = nowMs - this.#sinceMs
    if (passed < WINDOW_MS) return this.#isThere
    const ticks = readIdleTicks()
    // Who has not asked for long asks about a time that has nothing to do with now.
    if (passed < 3 * WINDOW_MS) this.#isThere = (ticks - this.#idleTicks) * MS_PER_TICK >= passed * SPARE_MIN
    this.#sinceMs = nowMs
    this.#idleTicks = ticks
    return this.#isThere
  }
}

/** Of the processors that this process may run on, since the machine's start; infinitely many where there is no telling: then nobody is held up. */
function readIdleTicks(): number {
  try {
    const allowed = /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? ''
    return idleTicks(readFileSync('/proc/stat', 'utf8'), parseList(allowed))
  } catch {
    return Number.POSITIVE_INFINITY
  }
}

/** `stat`: /proc/stat, lines of `cpuN user nice system idle iowait …` (proc(5)). Who waits for a disk is told of too unreliably to count. */
export function idleTicks(stat: string, processors: ReadonlySet<number>): number {
  let ticks = 0
  for (const [, number, idle] of stat.matchAll(/^cpu(\d+) \d+ \d+ \d+ (\d+)/gm))
    if (processors.has(Number(number))) ticks += Number(idle)
  return ticks
}

/** `0-3,8` */
export function parseList(text: string): ReadonlySet<number> {
  const found = new Set<number>()
  for (const [, first, last = first] of text.matchAll(/(\d+)(?:-(\d+))?/g))
    for (let i = Number(first); i <= Number(last); i++) found.add(i)
  return found
}
