import { cpus } from 'node:os'
import { run } from './process.ts'

/** The core of the load generator, and the one of the forwarder, where a measure keeps them apart. */
export const GENERATOR_CORE = 0
export const FORWARDER_CORE = 1

/** Binds all threads of the processes to one core, or with undefined to all cores. */
export async function pinProcesses(pids: readonly number[], core: number | undefined): Promise<void> {
  const cores = core === undefined ? `0-${cpus().length - 1}` : String(core)
  for (const pid of pids) await run('taskset', ['-a', '-c', '-p', cores, String(pid)])
}
