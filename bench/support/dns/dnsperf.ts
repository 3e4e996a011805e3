import { check } from '../measure.ts'
import { CommandError, run } from '../process.ts'
import type { Asking } from './name-server.ts'

/** Seconds after which dnsperf takes a question for lost. */
const LOST_S = 2
const START_MS = 30_000
const TICKS_PER_SECOND = 100

/** How dnsperf asks. */
export interface Asked {
  readonly questions: string
  /** Questions that wait for their answers at the same time, and sockets that they are shared out to. */
  readonly outstanding?: number
  readonly sockets?: number
  /** Without it, once through all questions. */
  readonly seconds?: number
  /** Questions a second at most. */
  readonly rate?: number
  /** Whether each question's time is wanted, which costs the client some. */
  readonly timed?: boolean
}

export interface Answers {
  readonly sent: number
  readonly answered: number
  readonly seconds: number
  /** The client's own CPU seconds. */
  readonly cpu: number
  /** Microseconds of each question, where they were wanted. */
  readonly microseconds: readonly number[]
}

/** Prints, behind dnsperf's output, the CPU time of the program that has ended (proc(5), /proc/PID/stat: cutime, cstime). */
const WITH_CPU =
  '"$@" || exit; read -r _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ user system _ < /proc/$$/stat; echo "cpu $user $system"'

/** Asks, and throws where an answer is another than a name's records. */
export async function dnsperf({ namespace, address }: Asking, asked: Asked): Promise<Answers> {
  const { questions, outstanding = 1, sockets = 1, seconds, rate, timed = false } = asked
  const args = ['-s', address, '-d', questions, '-q', String(outstanding), '-c', String(sockets)]
    .concat(['-T', '1', '-t', String(LOST_S)])
    .concat(seconds === undefined ? ['-n', '1'] : ['-l', String(seconds)])
    .concat(rate === undefined ? [] : ['-Q', String(rate)])
    .concat(timed ? ['-v'] : [])
  const output = await run('sh', ['-c', WITH_CPU, 'sh', 'dnsperf', ...args], { namespace })
  const answered = figure(output, /Queries completed: +(\d+)/)
  const [, codes = ''] = /Response codes: +(.*)/.exec(output) ?? []
  check(answered > 0 && /^NOERROR \d+ \(100\.00%\)$/.test(codes.trim()), `${address} has answered: ${codes}`)
  const [, user, system] = /^cpu (\d+) (\d+)$/m.exec(output) ?? []
  return {
    sent: figure(output, /Queries sent: +(\d+)/),
    answered,
    seconds: figure(output, /Run time \(s\): +([\d.]+)/),
    cpu: (Number(user) + Number(system)) / TICKS_PER_SECOND,
    microseconds: Array.from(
      output.matchAll(/^> NOERROR \S+ A ([\d.]+)$/gm),
      ([, time]) => Number(time) * 1e6,
    ),
  }
}

/** Resolves when each of the questions has its answer. */
export async function untilAnswered(asking: Asking, questions: string): Promise<void> {
  const end = performance.now() + START_MS
  for (;;) {
    try {
      const { sent, answered } = await dnsperf(asking, { questions, outstanding: 50 })
      if (answered === sent) return
    } catch (error) {
      if (performance.now() > end) throw error
    }
    if (performance.now() > end) throw new CommandError(`${asking.address} does not answer every question`)
  }
}

function figure(output: string, pattern: RegExp): number {
  const [, value] = pattern.exec(output) ?? []
  if (value === undefined) throw new CommandError(`dnsperf has not told ${pattern}: ${output}`)
  return Number(value)
}
