/**
 * `npm run bench -- hot`: the switched path in memory, beside the same algorithm in C at -O2. One run, taking turns;
 * both count the same frames and list the same transmissions, or there is no result.
 */

import { BURST_MAX } from '../src/limits.ts'
import { makeRoomForInlining } from '../src/simulation/inlining.ts'
import { buildReference } from './support/build-reference.ts'
import { type Circumstances, lookAround, measuredLine } from './support/circumstances.ts'
import { runBenchmark } from './support/command-line.ts'
import { heapGrowth } from './support/heap-growth.ts'
import { table } from './support/markdown.ts'
import { readMemoryOptions } from './support/memory-options.ts'
import { run } from './support/process.ts'
import { Progress } from './support/progress.ts'
import { publish } from './support/publish.ts'
import { median } from './support/statistics.ts'
import { type Outcome, type Shape, SwitchedTraffic } from './support/switched-traffic.ts'

const SMALL: Shape = { ports: 3, stations: 30 }
const LARGE: Shape = { ports: 1000, stations: 100_000 }

/** Rounds of a run; bursts of a sample, some 5 to 15 ms; samples that each side takes in its turn. */
const ROUNDS = 15
const BURSTS = 1000
const SAMPLES = 9

const FRAMES_PER_SAMPLE = BURSTS * BURST_MAX

const RATIO_TO_C_MAX = 2.5
const RATIO_TO_SMALL_MAX = 2

const USAGE = `npm run bench -- hot [OPTION…]

  --rounds N   rounds, ${ROUNDS} unless told
  --json       prints the result as JSON

A run of ${ROUNDS} rounds or more is written to bench/results, a shorter one to bench/.work.`

/** What the reference prints. */
interface ReferenceOutput extends Outcome {
  readonly nsPerFrame: number
}

interface Measured extends Shape {
  /** Nanoseconds per frame: medians over the rounds, and each round's value, itself the median of its samples. */
  readonly typescript: number
  readonly c: number
  readonly typescriptRounds: readonly number[]
  readonly cRounds: readonly number[]
  /** How many times as long TypeScript takes as C: the ratio of the medians. */
  readonly ratio: number
  readonly allocatedBytesPerFrame: number
  readonly outcome: Outcome
}

interface Result extends Circumstances {
  readonly rounds: number
  readonly framesPerRound: number
  readonly shapes: readonly Measured[]
  readonly targets: readonly Target[]
}

interface Target {
  readonly title: string
  readonly atMost: number
  readonly measured: number
  readonly met: boolean
}

class Measurement {
  readonly shape: Shape
  readonly #program: string
  readonly #typescript: number[] = []
  readonly #c: number[] = []
  #allocated = Number.POSITIVE_INFINITY
  #outcome: Outcome | undefined

  constructor(shape: Shape, program: string) {
    this.shape = shape
    this.#program = program
  }

  /** One round of both. Throws where they do not agree. */
  async round(): Promise<string> {
    const reference = await this.#runReference()
    const traffic = new SwitchedTraffic(this.shape)
    const samples: number[] = []
    for (let sample = 0; sample < SAMPLES; sample++) {
      const own = heapGrowth(() => time(() => undefined))
      let ns = 0
      const grown = heapGrowth(() => (ns = time(() => traffic.round(BURSTS))))
      samples.push(ns / FRAMES_PER_SAMPLE)
      // The heap shrinks only by a garbage collection, which says that something has been allocated, but not how much.
      if (grown >= 0) this.#allocated = Math.min(this.#allocated, Math.max(0, grown - own))
    }
    this.#typescript.push(median(samples))
    this.#c.push(reference.nsPerFrame)
    this.#outcome = agreed(traffic.outcome(), reference)
    return `TypeScript ${median(samples).toFixed(1)} ns, C ${reference.nsPerFrame.toFixed(1)} ns a frame`
  }

  result(): Measured {
    const typescript = median(this.#typescript)
    const c = median(this.#c)
    return {
      ...this.shape,
      typescript,
      c,
      typescriptRounds: this.#typescript,
      cRounds: this.#c,
      ratio: typescript / c,
      allocatedBytesPerFrame: this.#allocated / FRAMES_PER_SAMPLE,
      outcome: this.#outcome!,
    }
  }

  async #runReference(): Promise<ReferenceOutput> {
    const { ports, stations } = this.shape
    const output = await run(this.#program, [ports, stations, BURSTS, SAMPLES].map(String))
    return JSON.parse(output) as ReferenceOutput
  }
}

async function main(): Promise<void> {
  const options = readMemoryOptions(USAGE, ROUNDS)
  if (options === undefined) return
  const { rounds, json } = options

  const progress = new Progress()
  const program = await buildReference('switch')
  const circumstances = await lookAround(progress)
  makeRoomForInlining()
  // The compiler gets to know the path with both shapes before either is measured.
  for (const shape of [SMALL, LARGE, SMALL, LARGE]) new SwitchedTraffic(shape).round(2 * BURSTS)

  const measurements = [SMALL, LARGE].map((shape) => new Measurement(shape, program))
  for (let round = 1; round <= rounds; round++) {
    for (const measurement of measurements) {
      const { ports, stations } = measurement.shape
      const name = `round ${round}/${rounds}  ${ports} ports, ${stations} stations`
      progress.line(`${name.padEnd(44)}${await measurement.round()}`)
    }
  }
  const shapes = measurements.map((measurement) => measurement.result())
  const framesPerRound = SAMPLES * FRAMES_PER_SAMPLE
  const result: Result = { ...circumstances, rounds, framesPerRound, shapes, targets: targets(shapes) }
  const written = publish({
    name: 'hot',
    title: 'The switched path in memory',
    result,
    report: toMarkdown(result),
    complete: rounds >= ROUNDS,
    onPage: false,
  })
  progress.line('')
  for (const { title, measured, atMost, met } of result.targets) {
    progress.line(`${title.padEnd(44)}${measured.toFixed(2)} (want <= ${atMost})  ${met ? 'met' : 'missed'}`)
  }
  progress.line(`\n${written}`)
  if (json) console.log(JSON.stringify(result, null, 2))
}

function targets([small, large]: readonly Measured[]): Target[] {
  const target = (title: string, measured: number, atMost: number): Target => ({
    title,
    atMost,
    measured,
    met: measured <= atMost,
  })
  return [
    target('small switch, TypeScript / C', small!.ratio, RATIO_TO_C_MAX),
    target('large switch, TypeScript / C', large!.ratio, RATIO_TO_C_MAX),
    target('TypeScript, large / small switch', large!.typescript / small!.typescript, RATIO_TO_SMALL_MAX),
    ...[small!, large!].map(({ ports, allocatedBytesPerFrame }) =>
      target(`bytes allocated per frame, ${ports} ports`, allocatedBytesPerFrame, 0),
    ),
  ]
}

function agreed(ours: Outcome, theirs: Outcome): Outcome {
  for (const key of ['received', 'transmitted', 'transmittedBytes', 'dropped', 'checksum'] as const) {
    if (ours[key] !== theirs[key])
      throw new Error(`${key}: TypeScript has ${ours[key]}, C has ${theirs[key]}`)
  }
  return ours
}

function toMarkdown(result: Result): string {
  const { rounds, framesPerRound, shapes, targets: verdicts } = result
  const figures = shapes.map(({ ports, stations, typescript, c, ratio, allocatedBytesPerFrame }) => [
    `${ports} ports, ${stations} stations`,
    typescript.toFixed(1),
    c.toFixed(1),
    ratio.toFixed(2),
    allocatedBytesPerFrame.toFixed(2),
  ])
  const judged = verdicts.map(({ title, atMost, measured, met }) => [
    title,
    `≤ ${atMost}`,
    measured.toFixed(2),
    met ? 'met' : '**missed**',
  ])
  return [
    measuredLine(result, `Medians of ${rounds} rounds of ${framesPerRound} frames`),
    table(['', 'TypeScript (ns/frame)', 'C, -O2 (ns/frame)', 'Ratio', 'Allocated (bytes/frame)'], figures),
    table(['', 'Target', 'Measured', ''], judged),
  ].join('\n\n')
}

/** How many nanoseconds `work` takes. */
function time(work: () => void): number {
  const start = process.hrtime.bigint()
  work()
  return Number(process.hrtime.bigint() - start)
}

await runBenchmark(main)
