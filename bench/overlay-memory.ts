/**
 * `npm run bench -- overlay-memory`: tunnels in memory. Frames of 60 bytes into a tunnel and out of one, beside the same frames switched from TAP
 * to TAP; what the kernel would do with them is left out of all.
 */

import { makeRoomForInlining } from '../src/simulation/inlining.ts'
import { runBenchmark } from './support/command-line.ts'
import { readMemoryOptions } from './support/memory-options.ts'
import { median } from './support/statistics.ts'
import { TunnelledTraffic, type Way } from './support/tunnelled-traffic.ts'

const ROUNDS = 7
const WARM_UP_BURSTS = 4000
const BURSTS = 2000
const WAYS: readonly Way[] = ['switched', 'into', 'out of', 'out of, 64 in one']

const USAGE = `npm run bench -- overlay-memory [OPTION…]

  --rounds N   rounds, ${ROUNDS} unless told
  --json       prints the result as JSON`

function main(): void {
  const options = readMemoryOptions(USAGE, ROUNDS)
  if (options === undefined) return
  makeRoomForInlining()
  const traffic = WAYS.map((way) => new TunnelledTraffic(way))
  for (const one of traffic) one.round(WARM_UP_BURSTS)
  const rounds = Array.from({ length: options.rounds }, () => traffic.map((one) => one.round(BURSTS)))
  const [switched, into, outOf, outOfGroups] = WAYS.map((_, way) =>
    median(rounds.map((round) => round[way]!)),
  )
  const ratio = median(rounds.map(([s, i, o]) => (i! + o!) / s!))
  const result = { switched, into, outOf, outOfGroups, ratio }
  if (options.json) console.log(JSON.stringify(result))
  else {
    for (const [name, value] of Object.entries(result)) {
      console.log(
        `${name.padEnd(14)}${value!.toFixed(1).padStart(8)}${name === 'ratio' ? '  (want <= 4)' : ' ns'}`,
      )
    }
  }
  for (const one of traffic) if (one.transmitted === 0) throw new Error('nothing has left')
}

await runBenchmark(main)
