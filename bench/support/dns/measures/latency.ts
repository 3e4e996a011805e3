import { join } from 'node:path'
import { check } from '../../measure.ts'
import { percentile } from '../../statistics.ts'
import { dnsperf } from '../dnsperf.ts'
import type { DnsMeasure } from '../name-server.ts'
import { askedInTurn, questionFile } from '../names.ts'

/** Questions a second, the same for all: far less than any of them can do. */
const RATE = 5000

/** How long an answer takes while there is some work, as the client's program sees it. */
export const latency: DnsMeasure = {
  id: 'latency',
  title: 'time of an answer',
  async run(bed, server, { seconds }) {
    const questions = questionFile(join(bed.folder, 'latency'), askedInTurn('few'))
    const asked = { questions, seconds, rate: RATE, outstanding: 100, timed: true }
    const { answered, microseconds } = await dnsperf(server.networks.few, asked)
    check(microseconds.length === answered, `${microseconds.length} times of ${answered} answers`)
    return { dnsP50: percentile(microseconds, 0.5), dnsP99: percentile(microseconds, 0.99) }
  },
}
