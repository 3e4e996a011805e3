import { heapGrowth } from '../../bench/support/heap-growth.ts'

/**
 * Measurements until one is good enough. The second is as a rule; but what is not optimized yet may allocate, and on a machine
 * where others are at work the compiler, which has a thread of its own, takes its time.
 */
const MEASUREMENTS_MAX = 400

/**
 * Bytes that the heap grows by while `work` runs, once everybody has settled down: the least of several measurements, since
 * a compiler that ends in one of them takes room too, while what a frame allocates shows in all. The first that is below
 * `allowed` is the last. After a garbage collection the heap may be smaller than before, so that is no good measurement.
 */
export function leastGrowth(work: () => void, allowed: number): number {
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < MEASUREMENTS_MAX && least >= allowed; i++) {
    const own = heapGrowth(() => undefined)
    const grown = heapGrowth(work)
    if (grown >= own) least = Math.min(least, grown - own)
  }
  return least
}
