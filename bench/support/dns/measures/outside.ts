import { join } from 'node:path'
import { check } from '../../measure.ts'
import { median } from '../../statistics.ts'
import { UPSTREAM } from '../bed.ts'
import { dnsperf } from '../dnsperf.ts'
import type { Asking, DnsMeasure } from '../name-server.ts'
import { newNames, questionFile } from '../names.ts'

/** Questions to the one and to the other in turn, so that what disturbs the one disturbs the other. */
const TURNS = 5
const RATIO = 1.2

/** Questions a second: each is answered before the next is asked. (Told to wait for each answer, dnsperf 2.10 sleeps 100 ms now and then.) */
const RATE = 500

/**
 * Names of the world outside, one question at a time: new ones, the same ones again, and as many asked of the upstream by a client
 * that only kernels part from it.
 */
export const outside: DnsMeasure = {
  id: 'outside',
  title: 'names from outside',
  async run(bed, server, { pings }) {
    const direct: Asking = { namespace: bed.path('client'), address: UPSTREAM }
    const times = { miss: [] as number[], hit: [] as number[], direct: [] as number[] }
    for (let turn = 0; turn < TURNS; turn++) {
      const names = questionFile(join(bed.folder, 'new'), newNames(Math.ceil(pings / TURNS)))
      times.miss.push(...(await timesOf(server.outside, names)))
      times.hit.push(...(await timesOf(server.outside, names)))
      times.direct.push(...(await timesOf(direct, names)))
    }
    const [miss, hit, directly] = [median(times.miss), median(times.hit), median(times.direct)]
    return { dnsMiss: miss, dnsHit: hit, dnsDirect: directly, dnsMissExtra: miss - RATIO * directly }
  },
}

async function timesOf(asking: Asking, questions: string): Promise<readonly number[]> {
  const { sent, answered, microseconds } = await dnsperf(asking, {
    questions,
    rate: RATE,
    outstanding: 50,
    timed: true,
  })
  check(answered === sent && microseconds.length === sent, `${answered} answers to ${sent} questions`)
  return microseconds
}
