/**
 * What a test wants of the machine, in the form of node:test's `skip` option:
 *
 *     it('is what tshark reads', { skip: needs('tshark') }, () => { ... })
 *     describe('a TAP', { skip: needsTap() || needs('ip', 'ping') }, () => { ... })
 *
 * Each gives false where the wish is met, otherwise the reason to skip, which the run lists at its end. In CI as
 * root nothing may be missing, so there an unmet wish throws, which fails the file.
 */

import { accessSync, constants, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'

export type Skip = false | string

/** Bits of a capability set (linux/capability.h). */
const CAP_NET_ADMIN = 12n
const CAP_SYS_ADMIN = 21n

/** Root with the capabilities to make network namespaces and interfaces. */
export function needsRoot(): Skip {
  if (process.geteuid?.() !== 0) return skip('needs root')
  const effective = /^CapEff:\s*(\w+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
  const capabilities = BigInt(`0x${effective ?? '0'}`)
  const has = (bit: bigint): boolean => (capabilities & (1n << bit)) !== 0n
  return has(CAP_NET_ADMIN) && has(CAP_SYS_ADMIN)
    ? false
    : skip('needs the capabilities CAP_NET_ADMIN and CAP_SYS_ADMIN')
}

/** What `needsRoot` asks for, and the device that TAPs are made with. */
export function needsTap(): Skip {
  return (
    needsRoot() ||
    (accessible('/dev/net/tun', constants.R_OK | constants.W_OK) ? false : skip('needs /dev/net/tun'))
  )
}

/** Programs, by the names they are started with. */
export function needs(...programs: readonly string[]): Skip {
  const missing = programs.filter((name) => programPath(name) === undefined)
  return missing.length === 0 ? false : skip(`needs ${missing.join(' and ')}, not installed`)
}

/** A file, by its path, that `what` (a Debian package, say) brings. */
export function needsFile(path: string, what: string): Skip {
  return accessible(path, constants.R_OK) ? false : skip(`needs ${what}, not installed`)
}

/** A program's path, also where it lies in an sbin folder that a plain user's PATH leaves out. */
export function programPath(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin']
  return folders.map((folder) => join(folder, name)).find((path) => accessible(path, constants.X_OK))
}

function accessible(path: string, mode: number): boolean {
  try {
    accessSync(path, mode)
    return true
  } catch {
    return false
  }
}

function skip(reason: string): string {
  if (process.env['CI'] === 'true' && process.geteuid?.() === 0) {
    throw new Error(`this test ${reason}; in CI as root it must not be skipped`)
  }
  return reason
}
