import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** Namespaces of the benchmark that process `pid` made. */
export function namespacesOf(pid: number): string[] {
  return readdirSync('/run/netns').filter((name) => name.startsWith(`tapwire-bench-${pid}-`))
}

/** Whether a process has `part` in its command line. */
export function isRunning(part: string): boolean {
  return spawnSync('pgrep', ['-f', part]).status === 0
}

/** Resolves when `holds` does, and rejects when that takes longer than ten seconds. */
export async function until(holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 10_000; !holds(); await sleep(20))
    if (Date.now() > end) throw new Error(`not in time: ${holds.toString()}`)
}
