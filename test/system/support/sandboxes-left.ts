/** Ends the sandboxes of daemons that were killed and never restarted. Synchronous: it is done when a test's process ends. */

import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'

/** Those whose folder is below one of `folders`, each an absolute path or the beginning of one. */
export function killSandboxes(folders: readonly string[]): void {
  const killed = new Set<string>()
  for (const pid of processes()) {
    const [, mode, option, directory = ''] = words(pid, 'cmdline')
    if (mode !== 'hold' || option !== '--directory') continue
    if (!folders.some((folder) => directory.startsWith(folder))) continue
    kill(pid)
    killed.add(basename(directory))
    rmSync(join('/run/netns', `tw-${basename(directory)}`), { force: true })
  }
  if (killed.size === 0) return
  for (const pid of processes()) {
    const marker = words(pid, 'environ').find((word) => word.startsWith('TAPWIRE_SANDBOX='))
    if (killed.has(marker?.slice('TAPWIRE_SANDBOX='.length) ?? '')) kill(pid)
  }
}

const processes = (): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)

function words(pid: number, file: 'cmdline' | 'environ'): string[] {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1').split('\0')
  } catch {
    return [] // It has ended.
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended.
  }
}
