/**
 * `npm run bench -- dns-memory`: the name server of the data path in memory: what a question costs, among ten names and among ten
 * thousand, beside a frame that is switched.
 */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BURST_MAX } from '../src/limits.ts'
import { makeRoomForInlining } from '../src/simulation/inlining.ts'
import { busyShare } from './support/cpu.ts'
import { PERFORMANCE_PAGE, RESULTS_FOLDER, WORK_FOLDER } from './support/folders.ts'
import { describeMachine, type Machine, machineLine } from './support/machine.ts'
import { table } from './support/markdown.ts'
import { readMemoryOptions } from './support/memory-options.ts'
import { type NamedShape, NamedTraffic } from './support/named-traffic.ts'
import { updatePage } from './support/page.ts'
import { median } from './support/statistics.ts'
import { SwitchedTraffic } from './support/switched-traffic.ts'

const ROUNDS = 15
const WARM_UP_PASSES = 20
const PASSES = 4
const SHAPES: readonly NamedShape[] = [
  { names: 10, known: true },
  { names: 10_000, known: true },
  { names: 10, known: false },
  { names: 10_000, known: false },
]
/** As in bench/hot. */
const SWITCH = { ports: 3, stations: 30 }
const RATIO_MAX = 1.5

const USAGE = `npm run bench -- dns-memory [OPTION…]

  --rounds N   rounds, ${ROUNDS} unless told
  --json       prints the result as JSON

A run of ${ROUNDS} rounds or more is written to bench/results and into docs/performance.md, a shorter one to bench/.work.`

interface Measured extends NamedShape {
  /** Nanoseconds for a question: the median of the rounds, and each round's value, itself the median of its bursts. */
  readonly nanoseconds: number
  readonly rounds: readonly number[]
}

interface Result {
  readonly date: string
  readonly machine: Machine
  readonly rounds: number
  /** Share of all cores that others kept busy just before the run, 0 to 1. */
  readonly busyBefore: number
  readonly shapes: readonly Measured[]
  /** Nanoseconds for a frame that is switched, in the same turns. */
  readonly switched: number
  /** 10,000 names over 10: of known ones, of unknown ones. */
  readonly manyToFew: readonly [number, number]
}

async function main(): Promise<void> {
  const options = readMemoryOptions(USAGE, ROUNDS)
  if (options === undefined) return
  const { rounds, json } = options
  const machine = describeMachine()
  const busyBefore = await busyShare(machine.cores, 2000)
  makeRoomForInlining()
  const date = new Date().toISOString()
  publish({ date, machine, rounds, busyBefore, ...measure(rounds) }, json)
}

function measure(rounds: number): Pick<Result, 'shapes' | 'switched' | 'manyToFew'> {
  const all = SHAPES.map((shape) => ({ shape, traffic: new NamedTraffic(shape), times: [] as number[] }))
  const switched = new SwitchedTraffic(SWITCH)
  for (let pass = 0; pass < WARM_UP_PASSES; pass++) {
    for (const { traffic } of all) traffic.pass()
    switched.round(BURST_MAX)
  }
  for (const { traffic } of all) traffic.check()
  const switchedTimes: number[] = []
  for (let round = 0; round < rounds; round++) {
    // Each round begins with another one.
    for (let turn = 0; turn < all.length; turn++) {
      const { traffic, times } = all[(round + turn) % all.length]!
      times.push(median(Array.from({ length: PASSES }, () => traffic.pass()).flat()))
    }
    switchedTimes.push(median(Array.from({ length: BURST_MAX }, () => timeOfBurst(switched))))
  }
  const shapes = all.map(({ shape, times }) => ({ ...shape, nanoseconds: median(times), rounds: times }))
  const cost = (index: number): number => shapes[index]!.nanoseconds
  return {
    shapes,
    switched: median(switchedTimes),
    manyToFew: [cost(1) / cost(0), cost(3) / cost(2)],
  }
}

function timeOfBurst(traffic: SwitchedTraffic): number {
  const start = process.hrtime.bigint()
  traffic.round(1)
  return Number(process.hrtime.bigint() - start) / BURST_MAX
}

function publish(result: Result, json: boolean): void {
  const complete = result.rounds >= ROUNDS
  const folder = complete ? RESULTS_FOLDER : WORK_FOLDER
  const report = toMarkdown(result)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'dns-memory.json'), `${JSON.stringify(result, null, 2)}\n`)
  writeFileSync(join(folder, 'dns-memory.md'), `# Names in memory\n\n${report}\n`)
  if (complete) updatePage(PERFORMANCE_PAGE, 'bench dns-memory', report)
  console.log(json ? JSON.stringify(result, null, 2) : report)
}

function toMarkdown({ date, machine, rounds, busyBefore, shapes, switched, manyToFew }: Result): string {
  const cells = [
    ...shapes.map(({ names, known, nanoseconds }) => [
      `${known ? 'a name that is there' : 'one that is not'}, ${names.toLocaleString('en')} names`,
      `${nanoseconds.toFixed(0)} ns`,
      '',
      '',
    ]),
    ['a frame that is switched', `${switched.toFixed(0)} ns`, '', ''],
    ...manyToFew.map((ratio, index) => [
      `10,000 names / 10, ${index === 0 ? 'there' : 'not there'}`,
      ratio.toFixed(2),
      `≤ ${RATIO_MAX}`,
      ratio <= RATIO_MAX ? 'met' : '**missed**',
    ]),
  ]
  const measured =
    `Measured ${date.slice(0, 10)} on ${machineLine(machine)}. Medians of ${rounds} rounds; ` +
    `${Math.round(busyBefore * 100)} % of the machine was busy with other things just before.`
  return `${measured}\n\n${table(['', 'Measured', 'Target', ''], cells)}`
}

try {
  await main()
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}
