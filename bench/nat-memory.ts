/**
 * `npm run bench -- nat-memory`: the connection table in memory. A lookup among a thousand flows and among a million,
 * a new flow, and how long the expiry of a million keeps everything else waiting.
 */

import { parseArgs } from 'node:util'
import { type ConnectionFigures, measureConnections } from './support/connection-measures.ts'

const ROUNDS = 7

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
  const figures = measureConnections(rounds)
  console.log(values.json ? JSON.stringify(figures, null, 2) : table(figures))
}

function table(figures: ConnectionFigures): string {
  const { small, large, largeToSmall, newFlow, newFlowEvicting, removal, expiry, bytesPerFlow } = figures
  const rows: readonly (readonly [string, number, string])[] = [
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
  return rows
    .map(([name, value, unit]) => `${name.padEnd(46)}${value.toFixed(1).padStart(9)} ${unit}`)
    .join('\n')
}

try {
  main()
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}
