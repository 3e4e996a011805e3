import { readCommandLine, wholeNumber } from './command-line.ts'

/** What the benchmarks in memory are told on the command line. */
export interface MemoryOptions {
  readonly rounds: number
  readonly json: boolean
}

/** Undefined where the usage was asked for, which is then printed. Throws where rounds are no number from 1. */
export function readMemoryOptions(usage: string, rounds: number): MemoryOptions | undefined {
  const values = readCommandLine(usage, { rounds: { type: 'string', default: String(rounds) } })
  if (values === undefined) return undefined
  return { rounds: wholeNumber('--rounds', values.rounds, 1), json: values.json }
}
