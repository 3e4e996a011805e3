const FACTOR = Number(process.env['TAPWIRE_RANDOM_RUNS'] ?? 1)

/** How many cases a random test draws: `count`, of which `TAPWIRE_RANDOM_RUNS=10` makes ten times as many. */
export const randomRuns = (count: number): number => Math.ceil(count * FACTOR)
