import { chooseSome, readCommandLine, wholeNumber } from './command-line.ts'
import type { Bed, Comparison } from './comparison.ts'
import type { Contender, Forwarder } from './contender.ts'
import type { Effort, Measure } from './measure.ts'

/** What a command line asks of a comparison. */
export interface Plan<B extends Bed, F extends Forwarder> {
  readonly rounds: number
  readonly effort: Effort
  readonly contenders: readonly Contender<B, F>[]
  readonly measures: readonly Measure<B, F>[]
  readonly json: boolean
  /** Whether the result is one to keep. */
  readonly complete: boolean
}

/** Prints the usage and gives nothing where the command line asks for help. */
export function readPlan<B extends Bed, F extends Forwarder>(
  comparison: Comparison<B, F>,
): Plan<B, F> | undefined {
  const values = readCommandLine(usage(comparison), {
    rounds: { type: 'string' },
    only: { type: 'string' },
    measures: { type: 'string' },
    quick: { type: 'boolean', default: false },
  })
  if (values === undefined) return undefined
  const rounds = wholeNumber('--rounds', values.rounds ?? (values.quick ? 1 : comparison.rounds), 1)
  const isWhole = !values.quick && values.only === undefined && values.measures === undefined
  return {
    rounds,
    effort: values.quick ? comparison.quick : comparison.full,
    contenders: choose('--only', values.only, comparison.contenders),
    measures: choose('--measures', values.measures, comparison.measures),
    json: values.json,
    complete: isWhole && rounds >= comparison.rounds,
  }
}

function usage<B extends Bed, F extends Forwarder>({
  name,
  rounds,
  contenders,
  measures,
}: Comparison<B, F>): string {
  return `npm run bench -- ${name} [OPTION…]

  --rounds N        rounds, ${rounds} unless told
  --only LIST       of ${contenders.map(({ id }) => id).join(',')}
  --measures LIST   of ${measures.map(({ id }) => id).join(',')}
  --quick           one round of short measurements, to see that all works
  --json            prints the result as JSON (with \`npm run -s\`, and nothing else)

Needs root. A complete run (${rounds} rounds or more, everything) is written to bench/results and into
docs/performance.md, any other to bench/.work.`
}

function choose<T extends { readonly id: string }>(
  option: string,
  list: string | undefined,
  from: readonly T[],
): readonly T[] {
  const wanted = chooseSome(
    option,
    list,
    from.map(({ id }) => id),
  )
  return from.filter(({ id }) => wanted.includes(id))
}
