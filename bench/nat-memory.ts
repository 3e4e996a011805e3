/**
 * `npm run bench -- nat-memory`: gateway and NAT in memory. The connection table: a lookup among a thousand flows and among a
 * million, a new flow, and how long the expiry of a million keeps everything else waiting. The whole path beside the
 * switched one: packets routed and translated, first packets, expiry, published ports.
 */

import { parseArgs } from 'node:util'
import { makeRoomForInlining } from '../src/daemon/inlining.ts'
import { type ConnectionFigures, measureConnections } from './support/connection-measures.ts'
import { measureRouter, type RoutedFigures, type RouterFigures } from './support/routed-measures.ts'

const ROUNDS = 7

/** Fewer tell nothing of what is done once for each flow. */
const COLD_FLOWS = 100_000

const USAGE = `npm run bench -- nat-memory [OPTION…]

  --rounds N   rounds, ${ROUNDS} unless told
  --json       prints the result as JSON`

function main(): void {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: String(ROUNDS) },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) {
    console.log(USAGE)
    return
  }
  const rounds = Number(values.rounds)
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new Error(`--rounds ${values.rounds}: want a number from 1`)
  makeRoomForInlining()
  const router = measureRouter(rounds)
  const connections = measureConnections(rounds)
  console.log(
    values.json
      ? JSON.stringify({ router, connections }, null, 2)
      : [...routerRows(router), ...connectionRows(connections)].map(line).join('\n'),
  )
}

type Row = readonly [name: string, value: number, unit: string]

const line = ([name, value, unit]: Row): string => `${name.padEnd(56)}${value.toFixed(1).padStart(9)} ${unit}`

const routerRows = ({ shapes, largeToSmall, publish }: RouterFigures): readonly Row[] => [
  ...shapes.flatMap(shapeRows),
  ['routed, large / small', largeToSmall, ''],
  ['10,000 published ports as one range, and back', publish, 'us'],
]

function shapeRows(shape: RoutedFigures): readonly Row[] {
  const { protocol, way, flows, routed, switched, ratio, newFlow } = shape
  const { tickMedian, tickLongest, tickLongestFirst } = shape
  const name = `${protocol} ${way}, ${flows} flows: `
  return [
    [`${name}routed and translated`, routed, 'ns'],
    [`${name}switched meanwhile`, switched, 'ns'],
    [`${name}routed / switched (want <= 6)`, ratio, ''],
    // A thousand flows are open before the compiler knows how.
    ...(flows < COLD_FLOWS
      ? []
      : ([
          [`${name}first packet (want <= 2000)`, newFlow, 'ns'],
          [`${name}tick while all expire, median`, tickMedian, 'us'],
          [`${name}tick, longest (want <= 1000)`, tickLongest, 'us'],
          [`${name}tick, longest, the first time`, tickLongestFirst, 'us'],
        ] as const)),
  ]
}

function connectionRows(figures: ConnectionFigures): readonly Row[] {
  const { small, large, largeToSmall, newFlow, newFlowEvicting, removal, expiry, bytesPerFlow } = figures
  return [
    [`lookup, ${small.flows} flows, warmed`, small.warmed, 'ns'],
    [`lookup, ${large.flows} flows, warmed`, large.warmed, 'ns'],
    ['large / small (want <= 2.5)', largeToSmall, ''],
    [`lookup, ${small.flows} flows, one by one`, small.plain, 'ns'],
    [`lookup, ${large.flows} flows, one by one`, large.plain, 'ns'],
    ['new flow (want <= 2000)', newFlow, 'ns'],
    ['new flow in a full table', newFlowEvicting, 'ns'],
    ['removal', removal, 'ns'],
    ['expiry of a flow', expiry.perFlow, 'ns'],
    ['one call of expire, median', expiry.median, 'us'],
    ['one call of expire, one in a thousand', expiry.thousandth, 'us'],
    ['one call of expire, longest (want <= 1000)', expiry.longest, 'us'],
    ['bytes of a flow (want <= 128)', bytesPerFlow, ''],
  ]
}

try {
  main()
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}
