import { join } from 'node:path'
import { readCpuTime } from '../../cpu.ts'
import { type Answers, type Asked, dnsperf } from '../dnsperf.ts'
import type { Asking, DnsMeasure } from '../name-server.ts'
import { askedInTurn, questionFile } from '../names.ts'

/** Ways to ask as fast as can be; which one is the fastest depends on the server. More than 250 at once overrun a socket's buffer. */
const WAYS: readonly Pick<Asked, 'outstanding' | 'sockets'>[] = [
  { outstanding: 20, sockets: 1 },
  { outstanding: 100, sockets: 1 },
  { outstanding: 100, sockets: 10 },
  { outstanding: 200, sockets: 4 },
]
const TRIAL_S = 0.5
const MILLION = 1e6

/** The most questions a second, for 10 names and for 10,000 of them; what they cost; and what is lost at half that rate. */
export const rate: DnsMeasure = {
  id: 'rate',
  title: 'questions a second',
  async run(bed, server, { seconds }) {
    const few = questionFile(join(bed.folder, 'few'), askedInTurn('few'))
    const many = questionFile(join(bed.folder, 'many'), askedInTurn('many'))
    const best = await fastest(server.networks.few, few)
    const cpuBefore = readCpuTime(server.pids)
    const top = await dnsperf(server.networks.few, { ...best, questions: few, seconds })
    const cpuAfter = readCpuTime(server.pids)
    const half = await dnsperf(server.networks.few, {
      questions: few,
      seconds,
      rate: Math.floor(perSecond(top) / 2),
      outstanding: 200,
      sockets: 4,
    })
    const bestOfMany = await fastest(server.networks.many, many)
    const topOfMany = await dnsperf(server.networks.many, { ...bestOfMany, questions: many, seconds })
    return {
      dnsRate: perSecond(top),
      dnsRateMany: perSecond(topOfMany),
      dnsManyCost: perSecond(top) / perSecond(topOfMany),
      dnsLost: (100 * (half.sent - half.answered)) / half.sent,
      dnsCpuServer: ((cpuAfter.processes - cpuBefore.processes) * MILLION) / top.answered,
      dnsCpuClient: (top.cpu * MILLION) / top.answered,
      dnsCpu: ((cpuAfter.system - cpuBefore.system) * MILLION) / top.answered,
    }
  },
}

async function fastest(asking: Asking, questions: string): Promise<Pick<Asked, 'outstanding' | 'sockets'>> {
  let best = WAYS[0]!
  let most = 0
  for (const way of WAYS) {
    const found = perSecond(await dnsperf(asking, { ...way, questions, seconds: TRIAL_S }))
    if (found > most) [most, best] = [found, way]
  }
  return best
}

const perSecond = ({ answered, seconds }: Answers): number => answered / seconds
