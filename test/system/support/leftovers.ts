/** What a process has of the machine, so that a test can see that it gives it back. */

import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** A process that has ended and that nobody has asked for its exit code, a zombie, does not live. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const state = stat.slice(stat.lastIndexOf(')') + 2)[0]
    return state !== 'Z' && state !== 'X'
  } catch {
    return false
  }
}

/** What the descriptors of a process are, as `ls -l /proc/PID/fd` shows it. */
export function descriptors(pid: number | 'self'): string[] {
  const folder = `/proc/${pid}/fd`
  return readdirSync(folder).flatMap((descriptor) => {
    try {
      return [readlinkSync(`${folder}/${descriptor}`)]
    } catch {
      return [] // That of reading the folder.
    }
  })
}

export const tapDescriptors = (pid: number | 'self'): number =>
  descriptors(pid).filter((path) => path === '/dev/net/tun').length

export const threads = (pid: number | 'self'): number => readdirSync(`/proc/${pid}/task`).length
