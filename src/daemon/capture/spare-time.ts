/** Whether the machine has a processor that nobody uses: what it takes from one that has none it takes from the traffic. */

import { closeSync, openSync, readSync } from 'node:fs'

const WINDOW_MS = 100
/** Of one processor's time, which has to be left. */
const SPARE_MIN = 0.2
/** USER_HZ is 100 on every architecture that Node runs on. */
const MS_PER_TICK = 10
/** Of /proc/stat the first line, which is about all processors. */
const LINE_SIZE = 256
const IDLE = 4

export class SpareTime {
  readonly #line = Buffer.alloc(LINE_SIZE)
  #sinceMs = Number.NEGATIVE_INFINITY
  #idleTicks = 0
  #isThere = true

  /** As the last tenth of a second was. `nowMs`: of a clock that never goes back. */
  isThere(nowMs: number): boolean {
    const passed = nowMs - this.#sinceMs
    if (passed < WINDOW_MS) return this.#isThere
    const ticks = this.#readIdleTicks()
    // Who has not asked for long asks about a time that has nothing to do with now.
    if (passed < 3 * WINDOW_MS) this.#isThere = (ticks - this.#idleTicks) * MS_PER_TICK >= passed * SPARE_MIN
    this.#sinceMs = nowMs
    this.#idleTicks = ticks
    return this.#isThere
  }

  /** cpu user nice system idle …, since the machine's start (proc(5)); waiting for a disk is no work either, but is not told reliably. */
  #readIdleTicks(): number {
    let file: number | undefined
    try {
      file = openSync('/proc/stat', 'r')
      const size = readSync(file, this.#line, 0, LINE_SIZE, 0)
      const ticks = Number(this.#line.toString('latin1', 0, size).split(/\s+/, IDLE + 1)[IDLE])
      return Number.isNaN(ticks) ? Number.POSITIVE_INFINITY : ticks
    } catch {
      // Without it there is no telling, and nobody is held up.
      return Number.POSITIVE_INFINITY
    } finally {
      if (file !== undefined) closeSync(file)
    }
  }
}
