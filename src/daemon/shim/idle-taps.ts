/** TAPs in a sandbox's network namespace, as its own /sys shows them: no program has to be started for that. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Bits of tun_flags (linux/if_tun.h). */
const IFF_TAP = 0x0002
const IFF_PERSIST = 0x0800

/** Names of the persistent TAPs of ours that no process has open. `pid` is of a process in the sandbox; with `mac` only those of that address. */
export function idleTapsOf(pid: number, mac?: string): string[] {
  const interfaces = `/proc/${pid}/root/sys/class/net`
  return readdirSync(interfaces).filter((name) => {
    const path = join(interfaces, name)
    return isIdleTap(path) && (mac === undefined || read(join(path, 'address'))?.trim() === mac)
  })
}

function isIdleTap(path: string): boolean {
  const flags = Number(read(join(path, 'tun_flags')))
  const wanted = IFF_TAP | IFF_PERSIST
  if ((flags & wanted) !== wanted) return false
  // We own what we make; what somebody in the sandbox has made has no owner (-1), unless it was given one.
  if (Number(read(join(path, 'owner'))) !== process.geteuid?.()) return false
  // Without a process that has it open it has no carrier; one that is down does not even say so.
  return read(join(path, 'carrier'))?.trim() !== '1'
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
