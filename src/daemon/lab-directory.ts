/**
 * A lab's folder in the run directory: taken by one daemon at a time, and the record of what must be cleaned up
 * should that daemon die without doing so.
 *
 * Who has locked the file of the process id has the folder. The kernel takes the lock from a process that ends, so one
 * that finds the file unlocked, and something in it, finds the remains of a daemon that has died.
 */

import {
  appendFileSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { ErrorCode, TapwireError } from '../control/errors.ts'
import type { Lab } from '../control/lab.ts'
import { type LabPaths, labPaths, livingDaemon } from '../control/run-directory.ts'
import { deleteNamespaces, namespaceIdentity, namespacePath } from './namespace.ts'
import { lock } from './program.ts'

const RUN_DIRECTORY_MODE = 0o755
const DIRECTORY_MODE = 0o750
const FILE_MODE = 0o640

export class LabDirectory {
  readonly paths: LabPaths
  /** Of the file of the process id, which is locked as long as this is open. */
  readonly #lock: number

  /**
   * Takes the lab's folder for this process. The remains of a dead daemon are removed first, and `onRemains` told.
   * Throws LAB_UP_ALREADY where a daemon runs, RUN_DIRECTORY where the folder cannot be written to.
   */
  static async take(run: string, lab: Lab, onRemains: (message: string) => void): Promise<LabDirectory> {
    const directory = await LabDirectory.#open(run, lab.name)
    if (directory.#hasRemains()) {
      onRemains(`the daemon of ${lab.name} had died; removing what it left`)
      await directory.#removeRemains()
    }
    try {
      directory.#write(lab)
      return directory
    } catch (error) {
      directory.leave()
      throw unusable(run, error)
    }
  }

  /** Removes what a dead daemon left of the lab. Throws LAB_UP_ALREADY where it lives, LAB_UNKNOWN where there is nothing. */
  static async cleanUp(run: string, lab: string): Promise<void> {
    if (!existsSync(labPaths(run, lab).directory)) {
      throw new TapwireError(ErrorCode.labUnknown, `The run directory ${run} has no lab ${lab}.`)
    }
    const directory = await LabDirectory.#open(run, lab)
    await directory.#removeRemains()
    directory.leave()
  }

  static async #open(run: string, lab: string): Promise<LabDirectory> {
    const paths = labPaths(run, lab)
    for (;;) {
      const descriptor = openLockFile(run, paths)
      if (descriptor === undefined) continue
      if (!(await locked(descriptor))) throw upAlready(lab, paths)
      if (isAt(descriptor, paths.pid)) return new LabDirectory(paths, descriptor)
      // Its daemon was on its way out, and has removed it: what we have locked is no one's file.
      closeSync(descriptor)
    }
  }

  private constructor(paths: LabPaths, lock: number) {
    this.paths = paths
    this.#lock = lock
  }

  /** Notes a namespace that was made for the lab, by the inode that tells it from a later one of the name. */
  record(namespace: string): void {
    appendFileSync(this.paths.namespaces, `${namespace} ${namespaceIdentity(namespacePath(namespace))}\n`, {
      mode: FILE_MODE,
    })
  }

  /** Puts the log beside the folder, as LAB.failed.log, where it stays. */
  keepLog(): void {
    try {
      renameSync(this.paths.log, `${this.paths.directory}.failed.log`)
    } catch {
      // There is none, or no place for it.
    }
  }

  /** Removes the folder, and lets others take it. */
  leave(): void {
    const { directory, pid, ...others } = this.paths
    for (const path of [...Object.values(others), draftOf(this.paths)]) rmSync(path, { force: true })
    // Last, for as long as it is there the folder is ours. From here on another daemon may make the folder its own.
    rmSync(pid, { force: true })
    closeSync(this.#lock)
    try {
      rmdirSync(directory)
    } catch {
      // Another one has, or somebody has put a file there.
    }
  }

  #hasRemains(): boolean {
    return fstatSync(this.#lock).size > 0 || existsSync(this.paths.lab)
  }

  /** The TAPs and the commands died with the daemon; what stays is the namespaces and the files. */
  async #removeRemains(): Promise<void> {
    try {
      await deleteNamespaces(recordedNamespaces(this.paths))
    } catch (error) {
      // The record stays, for the next one who tries.
      closeSync(this.#lock)
      throw error
    }
    const { lab, log, socket, namespaces } = this.paths
    for (const path of [lab, log, socket, namespaces]) rmSync(path, { force: true })
  }

  #write(lab: Lab): void {
    ftruncateSync(this.#lock)
    writeSync(this.#lock, `${process.pid}\n`, 0)
    // Whoever reads it finds all of it or nothing.
    const draft = draftOf(this.paths)
    writeFileSync(draft, JSON.stringify(lab, undefined, 2), { mode: FILE_MODE })
    renameSync(draft, this.paths.lab)
  }
}

const draftOf = (paths: LabPaths): string => `${paths.lab}.new`

/** Undefined where the folder has gone away meanwhile. */
function openLockFile(run: string, paths: LabPaths): number | undefined {
  try {
    makeDirectories(run)
    makeDirectory(paths.directory, DIRECTORY_MODE)
    refuseForeign(paths.directory)
  } catch (error) {
    throw unusable(run, error)
  }
  try {
    // Not for appending: the process id goes to the file's beginning.
    return openSync(paths.pid, constants.O_RDWR | constants.O_CREAT, FILE_MODE)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw unusable(run, error)
  }
}

/**
 * Node's own recursion goes round for ever where the file system answers ENOENT, as /proc does, and says ENOENT where it
 * answers EROFS.
 */
function makeDirectories(path: string): void {
  if (existsSync(path)) return
  makeDirectories(dirname(path))
  makeDirectory(path, RUN_DIRECTORY_MODE)
}

function makeDirectory(path: string, mode: number): void {
  try {
    mkdirSync(path, { mode })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/** In a folder that somebody else can write to, our files could be links to what only we may overwrite. */
function refuseForeign(path: string): void {
  const { uid, mode } = lstatSync(path)
  if ((mode & constants.S_IFMT) === constants.S_IFDIR && uid === process.geteuid?.() && (mode & 0o022) === 0)
    return
  throw new Error(`${path} is not a folder of this user alone`)
}

/** Closes the descriptor where the lock is not to be had. */
async function locked(descriptor: number): Promise<boolean> {
  let success = false
  try {
    success = await lock(descriptor)
    return success
  } finally {
    if (!success) closeSync(descriptor)
  }
}

function isAt(descriptor: number, path: string): boolean {
  const open = fstatSync(descriptor)
  const present = statSync(path, { throwIfNoEntry: false })
  return present?.ino === open.ino && present.dev === open.dev
}

/** What the dead daemon made, and nobody has removed or made anew since. */
function recordedNamespaces(paths: LabPaths): string[] {
  if (!existsSync(paths.namespaces)) return [] // It died before it had made any.
  const records = readFileSync(paths.namespaces, 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
  return records.flatMap(([name, identity]) =>
    name !== undefined && identity !== undefined && namespaceIdentity(namespacePath(name)) === identity
      ? [name]
      : [],
  )
}

function upAlready(lab: string, paths: LabPaths): TapwireError {
  const pid = livingDaemon(paths)
  const daemon = pid === undefined ? '' : ` (daemon ${pid})`
  return new TapwireError(ErrorCode.labUpAlready, `The lab ${lab} is up already${daemon}.`, {
    hint: `Take it down first: tapwire down ${lab}`,
  })
}

function unusable(run: string, cause: unknown): TapwireError {
  const { code, message } = cause as NodeJS.ErrnoException
  return new TapwireError(
    ErrorCode.runDirectory,
    `The run directory ${run} cannot be written to: ${message}.`,
    {
      hint: code === 'EACCES' ? 'Run as root, or set TAPWIRE_RUN.' : 'Set TAPWIRE_RUN to another folder.',
      cause,
    },
  )
}
