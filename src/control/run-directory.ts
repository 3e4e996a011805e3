/**
 * Where running labs are: a folder for each in the run directory, with the socket of the lab's API, the lab itself as
 * JSON, the daemon's log and its process id. Nothing else says which labs there are.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { SOCKET_PATH_MAX } from '../limits.ts'
import { ErrorCode, TapwireError } from './errors.ts'
import { NAME_PATTERN } from './lab-schema-values.ts'

export const RUN_DIRECTORY_DEFAULT = '/run/tapwire'

export interface LabPaths {
  readonly directory: string
  readonly socket: string
  readonly lab: string
  readonly log: string
  readonly pid: string
  /** The namespaces that the daemon has made, a line each. */
  readonly namespaces: string
}

/** `$TAPWIRE_RUN`, or /run/tapwire. */
export function runDirectory(environment: Readonly<Record<string, string | undefined>>): string {
  const { TAPWIRE_RUN: given = '' } = environment
  return given === '' ? RUN_DIRECTORY_DEFAULT : given
}

/** Throws RUN_DIRECTORY where the socket's path would be longer than the kernel takes. */
export function labPaths(run: string, lab: string): LabPaths {
  const directory = join(run, lab)
  const socket = join(directory, 'api.sock')
  const length = Buffer.byteLength(socket)
  if (length > SOCKET_PATH_MAX) {
    throw new TapwireError(
      ErrorCode.runDirectory,
      `The path ${socket} has ${length} bytes; a socket's path can have ${SOCKET_PATH_MAX}.`,
      { hint: 'Set TAPWIRE_RUN to a shorter folder, or give the lab a shorter name.' },
    )
  }
  return {
    directory,
    socket,
    lab: join(directory, LAB_FILE),
    log: join(directory, 'daemon.log'),
    pid: join(directory, PID_FILE),
    namespaces: join(directory, 'namespaces'),
  }
}

const LAB_FILE = 'lab.json'
const PID_FILE = 'daemon.pid'
const DAEMON_FILES = [LAB_FILE, PID_FILE]

/**
 * The names of the labs that are up or have left remains, sorted. A run directory that is not there holds none. A
 * folder is a lab's if there is a daemon's file in it; TAPWIRE_RUN may name a folder with others.
 */
export function labsIn(run: string): string[] {
  try {
    return readdirSync(run, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && NAME_PATTERN.test(entry.name))
      .filter((entry) => DAEMON_FILES.some((file) => existsSync(join(run, entry.name, file))))
      .map((entry) => entry.name)
      .sort()
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT') return []
    throw new TapwireError(ErrorCode.runDirectory, `Cannot read the run directory ${run}: ${message}.`, {
      hint: code === 'EACCES' ? 'Run as root, or set TAPWIRE_RUN.' : undefined,
      cause,
    })
  }
}

/** The process id that a lab's daemon wrote, whether or not it still runs; undefined if it wrote none. */
function readDaemonPid(paths: LabPaths): number | undefined {
  try {
    const text = readFileSync(paths.pid, 'utf8').trim()
    return /^[1-9]\d{0,9}$/.test(text) ? Number(text) : undefined
  } catch (cause) {
    if (isMissing(cause)) return undefined
    throw cause
  }
}

/**
 * The process id of a lab's daemon if that runs: the one that it wrote, unless the process has ended, or is another one
 * that began after the id was written and got the same number.
 */
export function livingDaemon(paths: LabPaths): number | undefined {
  const pid = readDaemonPid(paths)
  const began = pid === undefined ? undefined : processStart(pid)
  if (began === undefined) return undefined
  try {
    return began <= statSync(paths.pid).mtimeMs + CLOCK_SLACK_MS ? pid : undefined
  } catch (cause) {
    if (isMissing(cause)) return undefined
    throw cause
  }
}

export function processRuns(pid: number): boolean {
  return processStart(pid) !== undefined
}

/** The time of boot is only known to the second. */
const CLOCK_SLACK_MS = 2000

/** The kernel counts these times in hundredths of a second for programs, whatever its own clock (USER_HZ). */
const CLOCK_TICK_MS = 10

/**
 * When a process began, in milliseconds since 1970 (proc(5): /proc/PID/stat, fields 3 and 22, and btime of /proc/stat).
 * Undefined where there is none: one that has ended and whose parent has not asked for its exit code (Z) is none.
 */
function processStart(pid: number): number | undefined {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch (cause) {
    if (isMissing(cause)) return undefined
    throw cause
  }
  // The second field, the name in brackets, may itself hold blanks and brackets.
  const fieldsFromThird = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [state = ''] = fieldsFromThird
  if ('ZX'.includes(state)) return undefined
  const [, bootSeconds] = /^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'utf8')) ?? []
  return Number(bootSeconds) * 1000 + Number(fieldsFromThird[22 - 3]) * CLOCK_TICK_MS
}

/** ESRCH comes from a process that ends while its entry is read. */
function isMissing(cause: unknown): boolean {
  const { code } = cause as NodeJS.ErrnoException
  return code === 'ENOENT' || code === 'ESRCH'
}
