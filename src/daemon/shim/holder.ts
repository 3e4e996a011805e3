/** A process that is known by more than its number, which the kernel gives to another one some day. */

import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

/** Milliseconds between two looks at a process that is about to end, and is no child of ours. */
const LOOK_MS = 2

/** How long what is killed may take to be gone; only a process that hangs in the kernel takes that long. */
const KILL_MS = 10_000

export class Holder {
  readonly pid: number
  /** Field 22 of /proc/PID/stat: clock ticks since the machine's start. */
  readonly startTime: string

  constructor({ pid, startTime }: { readonly pid: number; readonly startTime: string }) {
    this.pid = pid
    this.startTime = startTime
  }

  /** The process that has the number now; undefined where none has. */
  static of(pid: number): Holder | undefined {
    const found = processFacts(pid)
    return found && new Holder({ pid, startTime: found.startTime })
  }

  isAlive(): boolean {
    const found = processFacts(this.pid)
    return found !== undefined && found.startTime === this.startTime && !'ZX'.includes(found.state)
  }

  /** Kills it, should it still be there, and resolves when it is gone; to false where it does not go. */
  async kill(): Promise<boolean> {
    const end = performance.now() + KILL_MS
    while (this.isAlive()) {
      if (performance.now() > end) return false
      killProcess(this.pid)
      await delay(LOOK_MS)
    }
    return true
  }
}

/** SIGKILL. The process may be gone already. */
export function killProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended meanwhile.
  }
}

/** Undefined where there is no such process. */
function processFacts(pid: number): { readonly state: string; readonly startTime: string } | undefined {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return undefined
  }
  // Field 2 is the program's name in parentheses, in which any character may be.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { state: fields[0] ?? 'X', startTime: fields[19] ?? '' }
}
