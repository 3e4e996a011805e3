import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** Namespaces of the benchmark that process `pid` made. */
export function namespacesOf(pid: number): string[] {
  return readdirSync('/run/netns').filter((name) => name.startsWith(`tapwire-bench-${pid}-`))
}

/** Whether a process has `part` in its command line. */
export function isRunning(part: string): boolean {
  const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return processes.some((pid) => commandLine(pid).includes(part))
}

/** Empty for one that has ended. */
function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ')
  } catch {
    return ''
  }
}

/** What nothing here takes, on a machine that is busy with other tests. */
const DEADLINE_MS = 60_000

/** Resolves when `holds` does, and rejects when that takes too long. */
export async function until(holds: () => boolean): Promise<void> {
  for (const end = Date.now() + DEADLINE_MS; !holds(); await sleep(20))
    if (Date.now() > end) throw new Error(`not in time: ${holds.toString()}`)
}
