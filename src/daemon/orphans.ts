/**
 * What daemons that died have left: sandboxes whose shims still run, though their root is gone; processes that outlived their
 * shim; names of namespaces that are gone. They are known by what only Tapwire makes:
 *
 *     a process that is proved to be a shim (shim/found-shims.ts), whose root has no daemon, and no state.json to start one with
 *     a process in namespaces of its own with TAPWIRE_SANDBOX=…/ID in its environment, and no shim that holds ID
 *     a link /run/netns/tw-ID that leads to no shim
 *
 * A root that still has its state is spared: its daemon may be started again any moment, and takes up what runs.
 */

import { closeSync, existsSync, openSync, readdirSync, readlinkSync, rmdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { SystemPruned } from '../control/api/system.ts'
import { namespacePath } from './namespace.ts'
import { lock } from './program.ts'
import { type RootPaths, rootPaths } from './root-directory.ts'
import { type FoundShim, findShims, openFolder, processIds } from './shim/found-shims.ts'
import { Holder, killProcess } from './shim/holder.ts'
import { LeftBehind, markersOf, ownMarkers } from './shim/left-behind.ts'
import { SandboxDirectory } from './shim/sandbox-directory.ts'
import { isCode } from './system-error.ts'

const NAMESPACES = '/run/netns'
const LINK = /^tw-([0-9a-f]{12})$/
const TARGET = /^\/proc\/(\d+)\/ns\/net$/

/** PROC_PID_INIT_INO (linux/proc_ns.h): the process numbers of the machine, not of a container. */
const INITIAL_PID_NAMESPACE = 'pid:[4026531836]'

/** Between two looks, and how many there are: what has been killed takes a moment, and may just have made another one. */
const LOOK_MS = 5
const LOOKS_MAX = 400

interface Ended {
  readonly pid: number
  readonly id: string
}

/** Removes them, but nothing of a root that a daemon has or may have again, and resolves to what that was. */
export async function removeOrphans(own: RootPaths): Promise<SystemPruned> {
  const orphans: Ended[] = []
  const spared: string[] = []
  const shims = findShims()
  for (const root of new Set(shims.map((shim) => shim.root))) {
    if (root === own.root) continue
    const ended = await endOrphansOf(
      root,
      shims.filter((shim) => shim.root === root),
    )
    if (ended === 'spared') spared.push(root)
    else orphans.push(...ended)
  }
  const processes = await killUnheld()
  return {
    Namespaces: removeDeadLinks(own, new Set([...orphans, ...processes].map(({ id }) => id))),
    Processes: [...new Set([...orphans, ...processes].map(({ pid }) => pid))],
    Sandboxes: orphans.map(({ id }) => id),
    NetworksDeleted: [],
    RootsSpared: spared,
  }
}

/** No daemon gets the root until all is done. */
async function endOrphansOf(root: string, shims: readonly FoundShim[]): Promise<Ended[] | 'spared'> {
  const paths = rootPaths(root)
  const descriptor = openIfThere(paths.pid)
  if (descriptor === 'unknown') return []
  try {
    if (descriptor !== undefined && !(await lock(descriptor))) return []
    const folders = shims.map((shim) => ({ shim, folder: openFolder(shim) }))
    try {
      const proved = folders.filter(({ folder }) => folder !== undefined)
      if (proved.length === 0) return []
      // state.json.previous alone: somebody has just put the other one aside.
      if (existsSync(paths.state) || existsSync(`${paths.state}.previous`)) return 'spared'
      const ended: Ended[] = []
      for (const { shim, folder } of proved) if (await end(shim, folder)) ended.push(endedOf(shim))
      return ended
    } finally {
      for (const { folder } of folders) if (typeof folder === 'number') closeSync(folder)
    }
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}

const endedOf = ({ holder, id }: FoundShim): Ended => ({ pid: holder.pid, id })

/** Undefined where the root is gone; `unknown` is nothing to judge by. */
function openIfThere(path: string): number | undefined | 'unknown' {
  try {
    return openSync(path, 'r')
  } catch (error) {
    return isCode(error, 'ENOENT') ? undefined : 'unknown'
  }
}

/** False where it does not go. Only files that we make are removed, and only in the very folder that the shim had. */
async function end(
  { holder, id, directory }: FoundShim,
  folder: number | 'removed' | undefined,
): Promise<boolean> {
  if (!(await holder.kill())) return false
  await new LeftBehind().kill(id)
  if (typeof folder !== 'number') return true
  new SandboxDirectory(`/proc/self/fd/${folder}`).remove({ log: true })
  try {
    rmdirSync(directory)
  } catch {
    // Somebody has put something into it, or it has another name by now.
  }
  return true
}

/** Ends the processes of sandboxes that no shim holds. */
async function killUnheld(): Promise<Ended[]> {
  const ended = new Map<number, Ended>()
  for (let look = 0; look < LOOKS_MAX; look++) {
    const left = unheldProcesses()
    if (left.length === 0) break
    for (const { holder, id } of left) {
      ended.set(holder.pid, { pid: holder.pid, id })
      if (holder.isAlive()) killProcess(holder.pid)
    }
    await delay(LOOK_MS)
  }
  return [...ended.values()]
}

/**
 * Of nested sandboxes the innermost one counts: what runs there goes when that one is gone. The shims are looked for behind
 * the processes, since a sandbox that starts in between has its shim first.
 */
function unheldProcesses(): { readonly holder: Holder; readonly id: string }[] {
  const marked = processIds().flatMap((pid) => {
    const holder = Holder.of(pid)
    const id = markersOf(pid).at(-1)
    return holder === undefined || id === undefined ? [] : [{ holder, id }]
  })
  // The sandboxes that we are in ourselves, whose shims we may not even see.
  const held = new Set([...findShims().map(({ id }) => id), ...ownMarkers()])
  return marked.filter(({ id }) => !held.has(id))
}

/**
 * `known` are ids of what has just been ended. Of others the number in the link is only good on the machine itself: in a
 * container with processes of its own it is another one's, or nobody's, and the shim lives all the same.
 */
function removeDeadLinks(own: RootPaths, known: ReadonlySet<string>): string[] {
  const everything = readlinkSync('/proc/self/ns/pid') === INITIAL_PID_NAMESPACE
  const living = new Set(findShims().map(({ holder }) => holder.pid))
  const removed: string[] = []
  for (const name of entriesOf(NAMESPACES)) {
    const [, id] = LINK.exec(name) ?? []
    const pid = id === undefined ? undefined : linkedProcess(join(NAMESPACES, name))
    if (id === undefined || pid === undefined || living.has(pid)) continue
    if (!everything && !known.has(id) && !existsSync(join(own.sandboxes, id))) continue
    rmSync(join(NAMESPACES, name), { force: true })
    removed.push(namespacePath(name))
  }
  return removed
}

/** Undefined of what is no link of ours. */
function linkedProcess(path: string): number | undefined {
  try {
    const [, pid] = TARGET.exec(readlinkSync(path)) ?? []
    return pid === undefined ? undefined : Number(pid)
  } catch {
    // A file: not made by us.
    return undefined
  }
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
