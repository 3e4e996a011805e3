import { spawnSync } from 'node:child_process'

/** No command that is measured takes this long; one that does has failed. */
const COMMAND_MS = 120_000

/** Runs a command to its end: milliseconds, and its standard output. Throws where it fails. */
export function timeCommand(
  [program, args]: readonly [string, readonly string[]],
  env: NodeJS.ProcessEnv = process.env,
): { ms: number; output: string } {
  const start = performance.now()
  const result = spawnSync(program, args, {
    env: { ...env, LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    timeout: COMMAND_MS,
    killSignal: 'SIGKILL',
  })
  const ms = performance.now() - start
  if (result.error !== undefined) throw result.error
  if (result.status !== 0) throw new Error(`${program} ${args.join(' ')}: ${result.stderr}${result.stdout}`)
  return { ms, output: result.stdout.trim() }
}

/** Milliseconds that `work` takes, and what it resolves to. */
export async function time<T>(work: () => Promise<T>): Promise<{ ms: number; value: T }> {
  const start = performance.now()
  const value = await work()
  return { ms: performance.now() - start, value }
}
