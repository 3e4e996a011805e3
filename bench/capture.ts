/**
 * What captures cost those whose frames are captured: the rate between two sandboxes of a daemon at full load, and the path of a frame in
 * memory.
 */

import { makeRoomForInlining } from '../src/simulation/inlining.ts'
import { CaptureBed, type Captured } from './support/capture/capture-bed.ts'
import { type CaptureMode, MODES } from './support/capture/modes.ts'
import { PATHS, type Path, RecordedTraffic } from './support/capture/recorded-traffic.ts'
import { type Circumstances, lookAround, measuredLine } from './support/circumstances.ts'
import { chooseSome, readCommandLine, runBenchmark, wholeNumber } from './support/command-line.ts'
import { iperfTcp } from './support/iperf.ts'
import { table } from './support/markdown.ts'
import { sendFrames } from './support/measures/frames.ts'
import { cleanUpOnExit, removeStale } from './support/namespaces.ts'
import { FORWARDER_CORE, pinProcesses } from './support/pin.ts'
import { Progress } from './support/progress.ts'
import { publish } from './support/publish.ts'
import { median } from './support/statistics.ts'
import { INTERFACE } from './support/test-bed.ts'

const FULL = { rounds: 7, seconds: 5, memoryRounds: 15 }
const QUICK = { rounds: 1, seconds: 1, memoryRounds: 3 }
const LOADS = ['tcp', 'frames'] as const
const PARTS = [...LOADS, 'memory'] as const
const MODE_IDS = MODES.map(({ id }) => id)
const TITLES = { tcp: 'TCP, 1 stream, Gbit/s', frames: '60-byte frames, millions a second' } as const

const USAGE = `npm run bench -- capture [OPTION…]

  --rounds N   rounds, ${FULL.rounds} unless told
  --only LIST  of ${PARTS.join(',')}
  --modes LIST of ${MODE_IDS.join(',')}; without a capture is always measured
  --io NAME    io_uring unless told, or epoll
  --quick      little of everything, to see that all works
  --json       prints the result as JSON

Needs root, but for what is in memory. A full run is written to bench/results, any other to bench/.work.`

type Load = (typeof LOADS)[number]
type Amount = typeof FULL

interface Round {
  /** Gbit/s, or millions of frames a second. */
  readonly rate: number
  /** Processors that the daemon and the client of the capture kept busy. */
  readonly cores: number
  readonly captured?: Captured
}

interface Figures {
  readonly load: Load
  readonly mode: CaptureMode['id']
  readonly rounds: readonly Round[]
  readonly median: number
  /** The median of the rounds' shares of the rate that there is without a capture in the same round. */
  readonly ratio: number
  /** Share of the copies that were wanted which were lost for want of room; median. */
  readonly dropped: number
  /** Processors that daemon and client keep busy for a unit of the rate; median. It tells the cost of a capture where the machine is not at rest, too. */
  readonly cost: number
}

interface Result extends Circumstances {
  readonly io: string
  readonly loads: readonly Figures[]
  /** Nanoseconds a frame. */
  readonly memory: Readonly<Partial<Record<Path, number>>>
  readonly targets: readonly Target[]
}

interface Target {
  readonly title: string
  readonly atMost: number
  readonly measured: number
  readonly met: boolean
}

const progress = new Progress()

/** Bits or frames that one load gets across, by the second. */
async function runLoad(bed: CaptureBed, load: Load, seconds: number): Promise<number> {
  const [from, to] = bed.namespaces as readonly [string, string]
  const { pid } = bed.daemon
  if (load === 'tcp') {
    const path = { from, to, address: bed.address, arrivalInterface: INTERFACE }
    return (await iperfTcp(path, [pid], seconds, 1)).gigabits
  }
  return (await sendFrames(from, to, seconds)) / 1e6
}

/** All modes under one load, in turns: each round begins with another, and every second one goes the other way, so that none always follows the same. */
async function measureLoad(
  bed: CaptureBed,
  load: Load,
  modes: readonly CaptureMode[],
  { rounds, seconds }: Amount,
): Promise<Figures[]> {
  const found = new Map<string, Round[]>(modes.map(({ id }) => [id, []]))
  for (let round = 0; round < rounds; round++) {
    const first = round % modes.length
    const order = [...modes.slice(first), ...modes.slice(0, first)]
    for (const mode of round % 2 === 0 ? order : order.toReversed()) {
      const { result: rate, cores, captured } = await bed.during(mode, () => runLoad(bed, load, seconds))
      found.get(mode.id)!.push({ rate, cores, ...(captured !== undefined && { captured }) })
      progress.line(
        `${load} ${round + 1}/${rounds}  ${mode.title.padEnd(30)}${rate.toFixed(3)}  ${cores.toFixed(2)} cores${droppedText(captured)}`,
      )
    }
  }
  const plain = found.get('off')!
  return modes.map(({ id }) => {
    const own = found.get(id)!
    return {
      load,
      mode: id,
      rounds: own,
      median: median(own.map(({ rate }) => rate)),
      ratio: median(own.map(({ rate }, i) => rate / plain[i]!.rate)),
      dropped: median(own.map(({ captured }) => droppedShare(captured))),
      cost: median(own.map(({ rate, cores }) => cores / rate)),
    }
  })
}

const droppedShare = (captured: Captured | undefined): number =>
  captured === undefined || captured.accepted === 0 ? 0 : captured.dropped / captured.accepted

function droppedText(captured: Captured | undefined): string {
  if (captured === undefined) return ''
  const { accepted, dropped, bytes } = captured
  return `  ${accepted} copies wanted, ${dropped} lost; a file of ${Math.round(bytes / 1e6)} MB`
}

async function measureLoads(
  io: 'io_uring' | 'epoll',
  loads: readonly Load[],
  modes: readonly CaptureMode[],
  amount: Amount,
): Promise<Figures[]> {
  const figures: Figures[] = []
  for (const load of loads) {
    const bed = await CaptureBed.create(io)
    try {
      // As `l2` does it: the load's generator has the other core. Of TCP the scheduler decides.
      if (load === 'frames') await pinProcesses([bed.daemon.pid], FORWARDER_CORE)
      figures.push(...(await measureLoad(bed, load, modes, amount)))
    } finally {
      await bed.stop()
    }
  }
  return figures
}

function measureMemory({ memoryRounds }: Amount): Record<Path, number> {
  makeRoomForInlining()
  const traffics = PATHS.map((path) => new RecordedTraffic(path))
  const samples = PATHS.map((): number[] => [])
  // The compiler gets to know each of them first.
  for (let i = 0; i < 3; i++) for (const traffic of traffics) traffic.measure()
  for (let round = 0; round < memoryRounds; round++)
    for (const [i, traffic] of traffics.entries()) samples[i]!.push(traffic.measure())
  return Object.fromEntries(PATHS.map((path, i) => [path, median(samples[i]!)])) as Record<Path, number>
}

function judge(figures: readonly Figures[]): Target[] {
  return figures.flatMap(({ load, mode, ratio }) => {
    const { title, lossMax } = MODES.find(({ id }) => id === mode)!
    if (lossMax === undefined) return []
    const measured = 1 - ratio
    return { title: `${load}: ${title} costs`, atMost: lossMax, measured, met: measured <= lossMax }
  })
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`

function toMarkdown(result: Result): string {
  const titleOf = (mode: string): string => MODES.find(({ id }) => id === mode)!.title
  const rows = result.loads.map(({ load, mode, median: rate, ratio, dropped, cost }) => [
    TITLES[load],
    titleOf(mode),
    rate.toFixed(2),
    ratio.toFixed(3),
    cost.toFixed(3),
    percent(dropped),
  ])
  const paths = Object.entries(result.memory).map(([path, ns]) => [path, ns.toFixed(1)])
  const verdicts = result.targets.map(({ title, atMost, measured, met }) => [
    title,
    `≤ ${percent(atMost)}`,
    percent(measured),
    met ? 'met' : '**missed**',
  ])
  return [
    measuredLine(result, `I/O by ${result.io}. Medians`),
    table(['Load', 'Capture', 'Rate', 'Ratio', 'Processors for a unit of the rate', 'Copies lost'], rows),
    table(['Path of a 60-byte frame in memory', 'ns/frame'], paths),
    table(['', 'Target', 'Measured', ''], verdicts),
  ].join('\n\n')
}

async function main(): Promise<void> {
  const values = readCommandLine(USAGE, {
    rounds: { type: 'string' },
    only: { type: 'string' },
    modes: { type: 'string' },
    io: { type: 'string', default: 'io_uring' },
    quick: { type: 'boolean', default: false },
  })
  if (values === undefined) return
  const only = chooseSome('--only', values.only, PARTS)
  const wanted = chooseSome('--modes', values.modes, MODE_IDS)
  const modes = MODES.filter(({ id, query }) => query === undefined || wanted.includes(id))
  const { io } = values
  if (io !== 'io_uring' && io !== 'epoll') throw new Error(`--io ${io}: want io_uring or epoll`)
  const usual = values.quick ? QUICK : FULL
  const rounds = wholeNumber('--rounds', values.rounds ?? usual.rounds, 1)
  const amount = { ...usual, rounds }

  removeStale()
  cleanUpOnExit()
  const circumstances = await lookAround(progress)
  const chosen = LOADS.filter((load) => only.includes(load))
  const loads = await measureLoads(io, chosen, modes, amount)
  const memory = only.includes('memory') ? measureMemory(amount) : {}
  const result: Result = { ...circumstances, io, loads, memory, targets: judge(loads) }
  const isComplete =
    !values.quick && rounds >= FULL.rounds && only.length === PARTS.length && modes.length === MODES.length
  const report = toMarkdown(result)
  publish({
    name: 'capture',
    title: 'What captures cost',
    result,
    report,
    complete: isComplete,
    onPage: false,
  })
  console.log(values.json ? JSON.stringify(result) : report)
}

await runBenchmark(main)
