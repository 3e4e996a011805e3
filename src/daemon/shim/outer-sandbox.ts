/**
 * Whether this process is in a sandbox itself, as the daemon of a lab's host is. The variable that says so is inherited by whatever
 * is started there, also by what then leaves the sandbox; what goes with the sandbox are its shim's descendants, and no others.
 */

import { readFileSync } from 'node:fs'
import { findShims } from './found-shims.ts'
import { ownMarkers } from './left-behind.ts'

/** Takes TAPWIRE_SANDBOX out of the environment of what is started from here on, unless it is true. */
export function forgetForeignSandbox(): void {
  const id = ownMarkers().at(-1)
  const holders = new Set(
    findShims()
      .filter((shim) => shim.id === id)
      .map(({ holder }) => holder.pid),
  )
  for (let pid = process.pid; pid > 0; pid = parentOf(pid)) if (holders.has(pid)) return
  delete process.env['TAPWIRE_SANDBOX']
}

/** 0 of a process that has none. */
function parentOf(pid: number): number {
  try {
    const [, parent] = /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? []
    return Number(parent ?? 0)
  } catch {
    return 0
  }
}
