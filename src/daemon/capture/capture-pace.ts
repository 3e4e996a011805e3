/**
 * How much of the daemon's thread captures may take. On a machine with nothing to do as much as they need; where every processor is busy,
 * with the data path and with the programs whose traffic is captured, a part: what a ring has no room for is lost to the capture, but what
 * nobody has a processor for is lost to the programs.
 *
 *     |■■■■|            |■■■|         |■■■■| …       work and rest, where there is no spare time
 *     |■■■■|■■■|■■■■|■■■|■■■■|■■■|■■■■|■■■■| …       where there is
 *
 * What counts as work is all that the thread does, whoever asked for it: several captures share the part.
 */

import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { CAPTURE_BUSY_SHARE } from '../../limits.ts'
import { SpareTime } from './spare-time.ts'

/** Work that is done at a time: longer than a timer is off, and shorter than what a ring has room for takes to come. */
const SLICE_MS = 4
const REST_MAX_MS = 50

/** What has come is not asked for again at once: who waits for each burst has to be woken for each, and the data path has to do that. */
const GATHER_MS = 2

const spareTime = new SpareTime()

export class CapturePace {
  #sinceMs = 0
  #activeMs = 0

  /** There is more to do: now, or after a rest. */
  async more(): Promise<void> {
    const nowMs = performance.now()
    const work = activeMs() - this.#activeMs
    const passed = nowMs - this.#sinceMs
    if (work < SLICE_MS && passed < REST_MAX_MS) return nextTurn()
    const rest = spareTime.isThere(nowMs) ? 0 : Math.min(REST_MAX_MS, work / CAPTURE_BUSY_SHARE - passed)
    if (rest >= 1) await delay(rest)
    else await nextTurn()
    this.#sinceMs = performance.now()
    this.#activeMs = activeMs()
  }

  /** All that has come is done, and more will come soon. */
  async gather(): Promise<void> {
    await delay(GATHER_MS)
  }
}

/** Milliseconds that the thread was not idle for. */
const activeMs = (): number => performance.eventLoopUtilization().active

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
