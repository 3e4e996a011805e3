/**
 * Where running labs are: a folder for each in the run directory, with the socket of the lab's API, the lab itself as
 * JSON, the daemon's log and its process id. Nothing else says which labs there are.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { SOCKET_PATH_MAX } from '../limits.ts'
import { ErrorCode, TapwireError } from './errors.ts'
import { NAME_PATTERN } from './lab-schema.ts'

export const RUN_DIRECTORY_DEFAULT = '/run/tapwire'

export interface LabPaths {
  readonly directory: string
  readonly socket: string
  readonly lab: string
  readonly log: string
  readonly pid: string
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
    lab: join(directory, 'lab.json'),
    log: join(directory, 'daemon.log'),
    pid: join(directory, 'daemon.pid'),
  }
}

/** The names of the labs that are up or have left remains, sorted. A run directory that is not there holds none. */
export function labsIn(run: string): string[] {
  try {
    return readdirSync(run, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && NAME_PATTERN.test(entry.name))
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
export function readDaemonPid(paths: LabPaths): number | undefined {
  try {
    const text = readFileSync(paths.pid, 'utf8').trim()
    return /^[1-9]\d{0,9}$/.test(text) ? Number(text) : undefined
  } catch {
    return undefined
  }
}
