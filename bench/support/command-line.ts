/** What the benchmarks' command lines have in common: every one knows `--json` and `--help`, and says in a line what was wrong. */

import { type ParseArgsConfig, parseArgs } from 'node:util'

const COMMON = {
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const

type Options = NonNullable<ParseArgsConfig['options']>

type CommandLine<Own extends Options> = ReturnType<
  typeof parseArgs<{ options: Own & typeof COMMON }>
>['values']

/** The options' values. Undefined where the usage was asked for, which is then printed. Throws where there is an unknown option. */
export function readCommandLine<const Own extends Options>(
  usage: string,
  own: Own,
): CommandLine<Own> | undefined {
  const { values } = parseArgs({ options: { ...own, ...COMMON } })
  // What the options of any benchmark make of them, TypeScript cannot tell here.
  if (!(values as { help: boolean }).help) return values
  console.log(usage)
  return undefined
}

/** Throws where the text is no whole number between these. */
export function wholeNumber(
  option: string,
  text: string | number,
  least: number,
  most = Number.POSITIVE_INFINITY,
): number {
  const number = Number(text)
  if (Number.isInteger(number) && number >= least && number <= most) return number
  const limit = most === Number.POSITIVE_INFINITY ? '' : ` to ${most}`
  throw new Error(`${option} ${text}: want a number from ${least}${limit}`)
}

/** Those of `all` that a comma-separated list names, in their own order: all of them where there is no list. Throws where it names another. */
export function chooseSome<Id extends string>(
  option: string,
  list: string | undefined,
  all: readonly Id[],
): readonly Id[] {
  const wanted: readonly string[] = list?.split(',') ?? all
  const unknown = wanted.find((id) => !all.some((one) => one === id))
  if (unknown !== undefined) throw new Error(`${option} ${unknown}: want some of ${all.join(',')}`)
  return all.filter((id) => wanted.includes(id))
}

/** Runs a benchmark: an error is a line on standard error, and the exit code 1. */
export async function runBenchmark(main: () => void | Promise<void>): Promise<void> {
  try {
    await main()
  } catch (error) {
    console.error(messageOf(error))
    process.exitCode = 1
  }
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
