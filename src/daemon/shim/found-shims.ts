/**
 * Shims that run on this machine, whoever's they are. That a process is one, its name and arguments only say, which anybody may
 * choose; nothing is ended or removed on such a word. Proof is that
 *
 *     it is wholly our user's, and in a mount namespace of its own
 *     it has a folder open whose path is ROOT/sandboxes/ID, and that is the folder which we see there (or it was removed)
 *     ROOT and the folder are our user's alone, and the folder's `holder` names this very process
 */

import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
} from 'node:fs'
import { basename, dirname } from 'node:path'
import { Holder } from './holder.ts'
import { SandboxDirectory } from './sandbox-directory.ts'

const PROGRAM = 'tapwire-shim'
/** Without `.`, `..` and empty parts, which the kernel does not have in a path that it tells. */
const FOLDER = /^(?:\/(?!\.\.?\/)[^/]+)+\/sandboxes\/[0-9a-f]{12}$/

/** What says that it is a shim. */
export interface FoundShim {
  readonly holder: Holder
  /** ROOT/sandboxes/ID */
  readonly directory: string
  readonly root: string
  /** Twelve digits. */
  readonly id: string
}

export function findShims(): FoundShim[] {
  return processIds().flatMap((pid) => {
    // First who it is: the number may be another's when the rest is read.
    const holder = Holder.of(pid)
    const directory = holder && claimedDirectory(pid)
    if (holder === undefined || directory === undefined) return []
    return [{ holder, directory, root: dirname(dirname(directory)), id: basename(directory) }]
  })
}

function claimedDirectory(pid: number): string | undefined {
  try {
    const program = basename(readlinkSync(`/proc/${pid}/exe`))
    if (program !== PROGRAM && program !== `${PROGRAM} (deleted)`) return undefined
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    const at = words.indexOf('--directory')
    const directory = words[1] === 'hold' && at > 0 ? (words[at + 1] ?? '') : ''
    return FOLDER.test(directory) ? directory : undefined
  } catch {
    // It has ended meanwhile, or is none of ours to look at.
    return undefined
  }
}

/**
 * The folder of a shim that is proved to be one: open, so that its path may lead elsewhere from now on; `removed` where it was
 * removed under the shim; undefined where there is no proof. The caller closes it.
 */
export function openFolder(shim: FoundShim): number | 'removed' | undefined {
  const { holder, directory, root } = shim
  let folder: number | undefined
  try {
    if (!isWhollyOurs(holder.pid) || isInOurMounts(holder.pid)) return undefined
    const held = heldFolder(shim)
    if (held === undefined || held === 'removed') return holder.isAlive() ? held : undefined
    folder = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
    const seen = fstatSync(folder, { bigint: true })
    const noted = new SandboxDirectory(`/proc/self/fd/${folder}`).readHolder()
    const proved =
      seen.dev === held.dev &&
      seen.ino === held.ino &&
      isOurFolder(folder) &&
      isOurFolder(root) &&
      noted?.pid === holder.pid &&
      noted.startTime === holder.startTime
    if (!proved) return undefined
    const result = folder
    folder = undefined
    return result
  } catch {
    return undefined
  } finally {
    if (folder !== undefined) closeSync(folder)
  }
}

/** What the shim has locked: it is opened by it and by nobody else, whatever its path leads to by now. */
function heldFolder({ holder, directory }: FoundShim): { dev: bigint; ino: bigint } | 'removed' | undefined {
  const descriptors = `/proc/${holder.pid}/fd`
  for (const name of readdirSync(descriptors)) {
    const target = readlinkSync(`${descriptors}/${name}`)
    if (target === `${directory} (deleted)`) return 'removed'
    if (target === directory) return statSync(`${descriptors}/${name}`, { bigint: true })
  }
  return undefined
}

/** Real, effective, saved and file system user: none that a set-user-ID program could have from somebody else. */
function isWhollyOurs(pid: number): boolean {
  const [, ids = ''] = /^Uid:\s+(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? []
  return ids.split(/\s+/).every((id) => Number(id) === process.getuid?.())
}

const isInOurMounts = (pid: number): boolean =>
  readlinkSync(`/proc/${pid}/ns/mnt`) === readlinkSync('/proc/self/ns/mnt')

function isOurFolder(folder: string | number): boolean {
  const { uid, mode } = typeof folder === 'string' ? statSync(folder) : fstatSync(folder)
  return uid === process.getuid?.() && (mode & 0o022) === 0
}

export function processIds(): number[] {
  try {
    return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []))
  } catch {
    return []
  }
}
