/** What the benchmarks in memory are told on the command line: `--rounds N` and `--json`. */

import { parseArgs } from 'node:util'

export interface MemoryOptions {
  readonly rounds: number
  readonly json: boolean
}

/** Undefined where the usage was asked for, which is then printed. Throws where rounds are no number from 1. */
export function readMemoryOptions(usage: string, rounds: number): MemoryOptions | undefined {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: String(rounds) },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) {
    console.log(usage)
    return undefined
  }
  const wanted = Number(values.rounds)
  if (!Number.isInteger(wanted) || wanted < 1)
    throw new Error(`--rounds ${values.rounds}: want a number from 1`)
  return { rounds: wanted, json: values.json }
}
