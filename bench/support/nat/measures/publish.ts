import { readdirSync, readFileSync } from 'node:fs'
import { check } from '../../measure.ts'
import type { NatMeasure } from '../gateway.ts'

const FIRST = 20_000
const COUNT = 10_000

/** Threads that may have come meanwhile for other reasons: a runtime starts those of its pool when it first needs them. */
const OTHER_THREADS = 16

/** A range of ports published on a sandbox that runs, by one request. Only for gateways that can do that. */
export const publish: NatMeasure = {
  id: 'publish',
  title: 'publish a range',
  async run(_bed, gateway) {
    if (gateway.publishRange === undefined) return {}
    const { pids } = gateway
    const before = countThreads(pids)
    const start = performance.now()
    await gateway.publishRange(FIRST, COUNT)
    const ms = performance.now() - start
    const more = countThreads(pids) - before
    check(more <= OTHER_THREADS, `${more} threads more for ${COUNT} ports`)
    return { publish: ms }
  },
}

/** Threads of the processes and of all that they have started. */
function countThreads(pids: readonly number[]): number {
  return pids
    .flatMap((pid) => readdirSync(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}`))
    .map((thread) => 1 + countThreads(childrenOf(thread)))
    .reduce((sum, count) => sum + count, 0)
}

/** Pids of the processes that a thread has started. */
function childrenOf(thread: string): number[] {
  return readFileSync(`${thread}/children`, 'utf8').split(' ').map(Number).filter(Boolean)
}
