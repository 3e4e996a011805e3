/**
 * The daemon's root: the folder that it keeps everything in, and that one daemon has at a time. Who has locked the file of the
 * process id has the root; the kernel takes the lock from a process that ends.
 */

import {
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { ErrorCode, TapwireError } from '../control/errors.ts'
import { EXIT_ROOT_LOCKED } from './exit-code.ts'
import { lock } from './program.ts'

export const ROOT_DEFAULT = '/var/lib/tapwire'
export const SOCKET_DEFAULT = '/run/tapwire/tapwire.sock'

/** Others may pass through, to the socket where it lies in the root; they cannot list or read. */
const ROOT_MODE = 0o711
const SOCKET_DIRECTORY_MODE = 0o755
const SANDBOXES_MODE = 0o711
const FILE_MODE = 0o640

export interface RootPaths {
  readonly root: string
  readonly socket: string
  readonly pid: string
  readonly log: string
  readonly configuration: string
  readonly state: string
  readonly sandboxes: string
}

/** `socket` is where the user put it; undefined is the usual place for the root. */
export function rootPaths(root: string, socket?: string): RootPaths {
  const at = resolve(root)
  return {
    root: at,
    socket: socket ?? (at === ROOT_DEFAULT ? SOCKET_DEFAULT : join(at, 'tapwire.sock')),
    pid: join(at, PID_FILE),
    log: join(at, 'daemon.log'),
    configuration: join(at, 'daemon.json'),
    state: join(at, 'state.json'),
    sandboxes: join(at, 'sandboxes'),
  }
}

const PID_FILE = 'daemon.pid'

/** What there may be in a root that no daemon has used yet. */
const PREPARED = new Set(['daemon.log', 'daemon.json', 'lost+found'])

export class RootDirectory {
  readonly paths: RootPaths
  /** Of the file of the process id, which is locked as long as this is open. */
  readonly #lock: number

  /** Makes the root where there is none, and locks it. Throws ROOT_LOCKED with exit code 75, or ROOT_UNUSABLE. */
  static async take(paths: RootPaths): Promise<RootDirectory> {
    let descriptor: number
    try {
      makeDirectories(paths.root, ROOT_MODE)
      refuseForeign(paths.root)
      // Not for appending: the process id goes to the file's beginning. It is what others know a root by, so it is there before all else.
      descriptor = openSync(paths.pid, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, FILE_MODE)
    } catch (error) {
      throw unusable(paths.root, error)
    }
    try {
      makeDirectories(paths.sandboxes, SANDBOXES_MODE)
      makeDirectories(dirname(paths.socket), SOCKET_DIRECTORY_MODE)
    } catch (error) {
      closeSync(descriptor)
      throw unusable(paths.root, error)
    }
    await lockOrClose(descriptor, paths)
    ftruncateSync(descriptor)
    writeSync(descriptor, `${process.pid}\n`, 0)
    fsyncSync(descriptor)
    return new RootDirectory(paths, descriptor)
  }

  private constructor(paths: RootPaths, lockDescriptor: number) {
    this.paths = paths
    this.#lock = lockDescriptor
  }

  /**
   * Says that the daemon has ended in order. The root stays locked until the process is gone: whatever it might still do, no other
   * daemon is there to be disturbed by it. The file stays too: one that was removed could be locked by two.
   */
  leave(): void {
    ftruncateSync(this.#lock)
  }
}

async function lockOrClose(descriptor: number, paths: RootPaths): Promise<void> {
  let locked = false
  try {
    locked = await lock(descriptor)
  } finally {
    if (!locked) closeSync(descriptor)
  }
  if (locked) return
  const pid = readFileSync(paths.pid, 'utf8').trim()
  const who = pid === '' ? 'another daemon' : `the daemon with process id ${pid}`
  throw new TapwireError(ErrorCode.rootLocked, `The root ${paths.root} belongs to ${who}.`, {
    hint: 'Use that one, or choose another folder with --root.',
    exitCode: EXIT_ROOT_LOCKED,
  })
}

/**
 * Node's own recursion goes round for ever where the file system answers ENOENT, as /proc does, and says ENOENT where it
 * answers EROFS.
 */
function makeDirectories(path: string, mode: number): void {
  if (existsSync(path)) return
  makeDirectories(dirname(path), SOCKET_DIRECTORY_MODE)
  try {
    mkdirSync(path, { mode })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/**
 * In a folder that somebody else can write to, our files could be links to what only we may overwrite. One that is full of
 * something else was named by mistake.
 */
function refuseForeign(path: string): void {
  const { uid, mode } = lstatSync(path)
  if ((mode & constants.S_IFMT) !== constants.S_IFDIR) throw new Error('it is no folder')
  if (uid !== process.geteuid?.() || (mode & 0o022) !== 0) {
    throw new Error('others than this user can write to it')
  }
  const entries = readdirSync(path)
  if (entries.includes(PID_FILE)) return
  const foreign = entries.find((entry) => !PREPARED.has(entry))
  if (foreign !== undefined) throw new Error(`it has ${foreign} in it, and is no root of a daemon`)
}

function unusable(root: string, cause: unknown): TapwireError {
  const { code, message } = cause as NodeJS.ErrnoException
  return new TapwireError(ErrorCode.rootUnusable, `The root ${root} cannot be used: ${message}.`, {
    hint: code === 'EACCES' || code === 'EPERM' ? 'Run as root.' : 'Choose another folder with --root.',
    cause,
  })
}
