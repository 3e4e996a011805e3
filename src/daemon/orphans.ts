/**
 * What daemons that died have left: sandboxes whose shims still run, though nobody has their root any more; processes that
 * outlived their shim; names of namespaces that are gone. They are known by what only Tapwire makes:
 *
 *     a process whose program is tapwire-shim, its folder ROOT/sandboxes/ID, and ROOT/daemon.pid, which nobody has locked,
 *     and which still has the number of a daemon in it: one that ended in order has taken it out, and left what runs on purpose
 *     a process with TAPWIRE_SANDBOX=ID in its environment, and no shim that holds ID
 *     a link /run/netns/tw-ID that leads to no shim
 */

import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { SystemPruned } from '../control/api/system.ts'
import { namespacePath } from './namespace.ts'
import { lock } from './program.ts'
import { type RootPaths, rootPaths } from './root-directory.ts'
import { Holder } from './shim/holder.ts'
import { LeftBehind, markersOf } from './shim/left-behind.ts'
import { isCode } from './system-error.ts'

const NAMESPACES = '/run/netns'
const PROGRAM = 'tapwire-shim'
const LINK = /^tw-[0-9a-f]{12}$/

interface Shim {
  readonly holder: Holder
  /** ROOT/sandboxes/ID */
  readonly directory: string
}

/** Removes them, but nothing of a root that a daemon has, and resolves to what that was. */
export async function removeOrphans(own: RootPaths): Promise<SystemPruned> {
  const orphans = await orphanedShims(own)
  const namespaces: string[] = []
  for (const { holder, directory } of orphans) {
    await holder.kill()
    await new LeftBehind().kill(basename(directory))
    rmSync(directory, { recursive: true, force: true })
  }
  const shims = livingShims()
  const processes = await killUnheld(shims)
  for (const name of deadLinks(shims)) {
    rmSync(join(NAMESPACES, name), { force: true })
    namespaces.push(namespacePath(name))
  }
  return {
    Namespaces: namespaces,
    Processes: [...orphans.map(({ holder }) => holder.pid), ...processes],
    Sandboxes: orphans.map(({ directory }) => basename(directory)),
    NetworksDeleted: [],
  }
}

/** Those of roots that are nobody's any more. A shim inside another one's sandbox goes with that one. */
async function orphanedShims(own: RootPaths): Promise<Shim[]> {
  const served = new Map<string, boolean>([[own.root, true]])
  const orphans: Shim[] = []
  for (const shim of livingShims()) {
    const root = dirname(dirname(shim.directory))
    // As the shim sees it: its daemon may have a file system of its own.
    if (!served.has(root)) served.set(root, await isSomebodys(`/proc/${shim.holder.pid}/root${root}`))
    if (!served.get(root)) orphans.push(shim)
  }
  return orphans
}

/** Whether a daemon has the root, or the one that had it ended in order. A root that was removed is nobody's. */
async function isSomebodys(root: string): Promise<boolean> {
  let descriptor: number
  try {
    descriptor = openSync(rootPaths(root).pid, 'r')
  } catch (error) {
    return !isCode(error, 'ENOENT')
  }
  try {
    return !(await lock(descriptor)) || readFileSync(descriptor, 'utf8').trim() === ''
  } finally {
    closeSync(descriptor)
  }
}

function livingShims(): Shim[] {
  return processIds().flatMap((pid) => {
    const directory = heldDirectory(pid)
    const holder = directory === undefined ? undefined : Holder.of(pid)
    return directory === undefined || holder === undefined ? [] : [{ holder, directory }]
  })
}

/** The folder of the sandbox that the process holds; undefined where it is no shim. */
function heldDirectory(pid: number): string | undefined {
  try {
    const program = basename(readlinkSync(`/proc/${pid}/exe`))
    if (program !== PROGRAM && program !== `${PROGRAM} (deleted)`) return undefined
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    const at = words.indexOf('--directory')
    return words[1] === 'hold' && at > 0 ? words[at + 1] : undefined
  } catch {
    // It has ended meanwhile, or is none of ours to look at.
    return undefined
  }
}

/** Ends the processes of sandboxes that no shim holds; the ids of those that there were. */
async function killUnheld(shims: readonly Shim[]): Promise<number[]> {
  const held = new Set(shims.map(({ directory }) => basename(directory)))
  const found = processIds().flatMap((pid) => {
    const unheld = pid === process.pid ? undefined : markersOf(pid).find((marker) => !held.has(marker))
    return unheld === undefined ? [] : [{ pid, marker: unheld }]
  })
  const leftBehind = new LeftBehind()
  await Promise.all([...new Set(found.map(({ marker }) => marker))].map((marker) => leftBehind.kill(marker)))
  return found.map(({ pid }) => pid)
}

function deadLinks(shims: readonly Shim[]): string[] {
  const living = new Set(shims.map(({ holder }) => `/proc/${holder.pid}/ns/net`))
  return entriesOf(NAMESPACES).filter((name) => {
    if (!LINK.test(name)) return false
    try {
      return !living.has(readlinkSync(join(NAMESPACES, name)))
    } catch {
      // A file: not made by us.
      return false
    }
  })
}

const processIds = (): number[] =>
  entriesOf('/proc').flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []))

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
