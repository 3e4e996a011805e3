/** `npm run bench -- replay`: captures replayed in memory: frames a second, from the file to where they leave. */

import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseLab } from '../src/control/lab-file.ts'
import { openCapture } from '../src/inspect/pcap/capture-input.ts'
import { makeRoomForInlining } from '../src/simulation/inlining.ts'
import { Replay } from '../src/simulation/replay/replay.ts'
import { ReplayCapture } from '../src/simulation/replay/replay-capture.ts'
import { SimulatedLab } from '../src/simulation/simulated-lab.ts'
import { type Circumstances, lookAround, measuredLine } from './support/circumstances.ts'
import { runBenchmark } from './support/command-line.ts'
import { WORK_FOLDER } from './support/folders.ts'
import { table } from './support/markdown.ts'
import { readMemoryOptions } from './support/memory-options.ts'
import { Progress } from './support/progress.ts'
import { publish } from './support/publish.ts'
import { LAB, type Way, writeCapture } from './support/replayed-capture.ts'
import { median } from './support/statistics.ts'

const ROUNDS = 7
const FRAMES = 1_000_000
const RATE_MIN = 1_000_000

interface Shape {
  readonly way: Way
  /** Whether what the data path did is written as a capture, to nowhere. */
  readonly written: boolean
}

const SHAPES: readonly Shape[] = [
  { way: 'switched', written: false },
  { way: 'translated', written: false },
  { way: 'switched', written: true },
  { way: 'translated', written: true },
]

const USAGE = `npm run bench -- replay [OPTION…]

  --rounds N   rounds, ${ROUNDS} unless told
  --json       prints the result as JSON

A run of ${ROUNDS} rounds or more is written to bench/results and into docs/performance.md, a shorter one to bench/.work.`

interface Measured extends Shape {
  /** Frames a second: the median of the rounds, and each round's value. */
  readonly rate: number
  readonly rounds: readonly number[]
}

interface Result extends Circumstances {
  readonly rounds: number
  readonly shapes: readonly Measured[]
}

async function main(): Promise<void> {
  const options = readMemoryOptions(USAGE, ROUNDS)
  if (options === undefined) return
  const { rounds, json } = options
  const circumstances = await lookAround(new Progress())
  makeRoomForInlining()
  const result: Result = { ...circumstances, rounds, shapes: await measure(rounds) }
  const report = toMarkdown(result)
  publish({ name: 'replay', title: 'Replay in memory', result, report, complete: rounds >= ROUNDS })
  console.log(json ? JSON.stringify(result, null, 2) : report)
}

async function measure(rounds: number): Promise<readonly Measured[]> {
  mkdirSync(WORK_FOLDER, { recursive: true })
  const pathOf = (way: Way): string => join(WORK_FOLDER, `replay-${way}.pcapng`)
  try {
    for (const way of ['switched', 'translated'] as const) writeCapture(pathOf(way), way, FRAMES)
    const all = SHAPES.map((shape) => ({ shape, rates: [] as number[] }))
    for (const { shape } of all) await replay(pathOf(shape.way), shape)
    for (let round = 0; round < rounds; round++) {
      for (const { shape, rates } of all) rates.push(await replay(pathOf(shape.way), shape))
    }
    return all.map(({ shape, rates }) => ({ ...shape, rate: median(rates), rounds: rates }))
  } finally {
    for (const way of ['switched', 'translated'] as const) rmSync(pathOf(way), { force: true })
  }
}

/** Frames a second. */
async function replay(path: string, { written }: Shape): Promise<number> {
  const lab = await SimulatedLab.start(parseLab(LAB, 'replay.yaml', '/'))
  const input = openCapture(path)
  const started = performance.now()
  const watcher = written ? new ReplayCapture(lab, () => undefined, '') : undefined
  const run = new Replay(lab, { watcher })
  while (!run.read(input.reader)) input.fill()
  const ms = performance.now() - started
  input.close()
  const { transmitted, dropped, file } = run.finish()
  watcher?.end()
  if (file.placed !== FRAMES || transmitted < FRAMES || dropped > 0) {
    throw new Error(
      `of ${FRAMES} frames ${file.placed} were placed, ${transmitted} left and ${dropped} were dropped`,
    )
  }
  return (FRAMES * 1000) / ms
}

function toMarkdown(result: Result): string {
  const rows = result.shapes.map(({ way, written, rate }) => [
    `${way === 'switched' ? 'by the switch' : 'by the router, translated'}${written ? ', and written as a capture' : ''}`,
    `${(rate / 1e6).toFixed(2)} million/s`,
    written ? '' : `≥ ${(RATE_MIN / 1e6).toFixed(0)} million/s`,
    written ? '' : rate >= RATE_MIN ? 'met' : '**missed**',
  ])
  const what = `Frames of 100 bytes, ${FRAMES.toLocaleString('en')} to a file; medians of ${result.rounds} rounds`
  return `${measuredLine(result, what)}\n\n${table(['', 'Measured', 'Target', ''], rows)}`
}

await runBenchmark(main)
