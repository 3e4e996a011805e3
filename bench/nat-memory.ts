/**
 * `npm run bench -- nat-memory`: gateway and NAT in memory. The connection table: a lookup among a thousand flows and among a
 * million, a new flow, and how long the expiry of a million keeps everything else waiting. The whole path beside the
 * switched one: packets routed and translated, first packets, expiry, published ports.
 */

import { makeRoomForInlining } from '../src/simulation/inlining.ts'
import { type Circumstances, lookAround, measuredLine } from './support/circumstances.ts'
import { runBenchmark } from './support/command-line.ts'
import { type ConnectionFigures, measureConnections } from './support/connection-measures.ts'
import { table } from './support/markdown.ts'
import { readMemoryOptions } from './support/memory-options.ts'
import { Progress } from './support/progress.ts'
import { publish } from './support/publish.ts'
import { measureRouter, type RoutedFigures, type RouterFigures } from './support/routed-measures.ts'

const ROUNDS = 7

/** Fewer tell nothing of what is done once for each flow. */
const COLD_FLOWS = 100_000

const USAGE = `npm run bench -- nat-memory [OPTION…]

  --rounds N   rounds, ${ROUNDS} unless told
  --json       prints the result as JSON

A run of ${ROUNDS} rounds or more is written to bench/results and into docs/performance.md, a shorter one to bench/.work.`

interface Result extends Circumstances {
  readonly rounds: number
  readonly router: RouterFigures
  readonly connections: ConnectionFigures
}

interface Row {
  readonly name: string
  readonly value: number
  /** Empty for a ratio. */
  readonly unit: string
  /** What the project has set itself. */
  readonly atMost?: number
}

async function main(): Promise<void> {
  const options = readMemoryOptions(USAGE, ROUNDS)
  if (options === undefined) return
  const { rounds, json } = options
  const circumstances = await lookAround(new Progress())
  makeRoomForInlining()
  const router = measureRouter(rounds)
  const connections = measureConnections(rounds)
  const result: Result = { ...circumstances, rounds, router, connections }
  const rows = [...routerRows(router), ...connectionRows(connections)]
  publish({
    name: 'nat-memory',
    title: 'Gateway and NAT in memory',
    result,
    report: toMarkdown(result, rows),
    complete: rounds >= ROUNDS,
  })
  console.log(json ? JSON.stringify(result, null, 2) : rows.map(line).join('\n'))
}

function line({ name, value, unit, atMost }: Row): string {
  const wanted = atMost === undefined ? '' : `  (want <= ${atMost})`
  return `${name.padEnd(52)}${value.toFixed(1).padStart(9)} ${unit.padEnd(3)}${wanted}`.trimEnd()
}

function toMarkdown(result: Result, rows: readonly Row[]): string {
  const cells = rows.map(({ name, value, unit, atMost }) => [
    name,
    unit === '' ? value.toFixed(2) : `${value.toFixed(value < 100 ? 1 : 0)} ${unit}`,
    atMost === undefined ? '' : `≤ ${atMost}${unit === '' ? '' : ` ${unit}`}`,
    atMost === undefined ? '' : value <= atMost ? 'met' : '**missed**',
  ])
  return `${measuredLine(result, `Medians of ${result.rounds} rounds`)}\n\n${table(['', 'Measured', 'Target', ''], cells)}`
}

const routerRows = ({ shapes, largeToSmall, publish: publishing }: RouterFigures): readonly Row[] => [
  ...shapes.flatMap(shapeRows),
  { name: 'routed, a million flows / a thousand', value: largeToSmall, unit: '' },
  { name: '10,000 published ports as one range, and back', value: publishing, unit: 'µs' },
]

function shapeRows(shape: RoutedFigures): readonly Row[] {
  const { protocol, way, flows, routed, switched, ratio, newFlow } = shape
  const { tickMedian, tickLongest, tickLongestFirst } = shape
  const name = `${protocol.toUpperCase()} ${way}, ${flows.toLocaleString('en')} flows: `
  return [
    { name: `${name}routed and translated`, value: routed, unit: 'ns' },
    { name: `${name}switched meanwhile`, value: switched, unit: 'ns' },
    { name: `${name}routed / switched`, value: ratio, unit: '', atMost: 6 },
    // A thousand flows are open before the compiler knows how.
    ...(flows < COLD_FLOWS
      ? []
      : [
          { name: `${name}first packet`, value: newFlow, unit: 'ns', atMost: 2000 },
          { name: `${name}tick while all expire`, value: tickMedian, unit: 'µs' },
          { name: `${name}tick, longest`, value: tickLongest, unit: 'µs', atMost: 1000 },
          { name: `${name}tick, longest, the first time`, value: tickLongestFirst, unit: 'µs' },
        ]),
  ]
}

function connectionRows(figures: ConnectionFigures): readonly Row[] {
  const { small, large, largeToSmall, newFlow, newFlowEvicting, removal, expiry, bytesPerFlow } = figures
  const [few, many] = [small, large].map(({ flows }) => flows.toLocaleString('en'))
  return [
    { name: `table: lookup, ${few} flows, warmed`, value: small.warmed, unit: 'ns' },
    { name: `table: lookup, ${many} flows, warmed`, value: large.warmed, unit: 'ns' },
    { name: `table: lookup, ${many} flows / ${few}`, value: largeToSmall, unit: '', atMost: 2.5 },
    { name: `table: lookup, ${few} flows, one by one`, value: small.plain, unit: 'ns' },
    { name: `table: lookup, ${many} flows, one by one`, value: large.plain, unit: 'ns' },
    { name: 'table: new flow', value: newFlow, unit: 'ns', atMost: 2000 },
    { name: 'table: new flow where it is full', value: newFlowEvicting, unit: 'ns' },
    { name: 'table: removal', value: removal, unit: 'ns' },
    { name: 'table: expiry of a flow', value: expiry.perFlow, unit: 'ns' },
    { name: 'table: a call of expire', value: expiry.median, unit: 'µs' },
    { name: 'table: a call of expire, one in a thousand', value: expiry.thousandth, unit: 'µs' },
    { name: 'table: a call of expire, longest', value: expiry.longest, unit: 'µs', atMost: 1000 },
    { name: 'table: a flow', value: bytesPerFlow, unit: 'B', atMost: 128 },
  ]
}

await runBenchmark(main)
