/**
 * `npm run bench -- dns-memory`: the name server of the data path in memory: what a question costs, among ten names and among ten
 * thousand, beside a frame that is switched.
 */

import { BURST_MAX } from '../src/limits.ts'
import { makeRoomForInlining } from '../src/simulation/inlining.ts'
import { type Circumstances, lookAround, measuredLine } from './support/circumstances.ts'
import { runBenchmark } from './support/command-line.ts'
import { table } from './support/markdown.ts'
import { readMemoryOptions } from './support/memory-options.ts'
import { type NamedShape, NamedTraffic } from './support/named-traffic.ts'
import { Progress } from './support/progress.ts'
import { publish } from './support/publish.ts'
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

interface Result extends Circumstances {
  readonly rounds: number
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
  const circumstances = await lookAround(new Progress())
  makeRoomForInlining()
  const result: Result = { ...circumstances, rounds, ...measure(rounds) }
  const report = toMarkdown(result)
  publish({ name: 'dns-memory', title: 'Names in memory', result, report, complete: rounds >= ROUNDS })
  console.log(json ? JSON.stringify(result, null, 2) : report)
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

function toMarkdown(result: Result): string {
  const { rounds, shapes, switched, manyToFew } = result
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
  return `${measuredLine(result, `Medians of ${rounds} rounds`)}\n\n${table(['', 'Measured', 'Target', ''], cells)}`
}

await runBenchmark(main)
