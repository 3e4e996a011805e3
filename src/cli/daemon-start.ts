/** Starts a daemon in the background, where a command finds none. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, fstatSync, mkdirSync, openSync, readSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { Failure } from '../control/api/failure.ts'
import { ErrorCode, TapwireError } from '../control/errors.ts'
import { DAEMON_START_TIMEOUT_MS } from '../limits.ts'
import type { Cli } from './cli.ts'
import { parseFailure } from './failure.ts'

/**
 * Resolves when a daemon listens at `socket`. It need not be the one that was started here: of several, the first to lock
 * the root stays and the others end, and then this waits for the first. Throws why there is none.
 */
export async function startDaemon(cli: Cli, root: string, socket: string): Promise<void> {
  const path = join(root, 'daemon.log')
  const log = openLog(root, path)
  try {
    const { size } = fstatSync(log)
    const child = spawn(
      process.execPath,
      [cli.daemonProgram, '--root', root, '--socket', socket, '--ready-fd', '3'],
      { cwd: '/', detached: true, env: cli.env, stdio: ['ignore', log, log, 'pipe'] },
    )
    const told = await firstLine(child)
    if (told.includes('"ready"')) return
    const failure = parseFailure(told)
    if (failure?.code === ErrorCode.rootLocked && (await listensSoon(socket))) return
    throw failureOf(failure, readFrom(log, size), path)
  } finally {
    closeSync(log)
  }
}

function openLog(root: string, path: string): number {
  try {
    mkdirSync(root, { recursive: true, mode: 0o711 })
    return openSync(path, 'a+', 0o640)
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    throw new TapwireError(ErrorCode.daemonFailed, `The daemon cannot be started: ${message}.`, {
      hint:
        code === 'EACCES' || code === 'EPERM'
          ? 'Run the command as root.'
          : 'Choose another folder with --root.',
      cause,
    })
  }
}

/** What the daemon tells on its ready pipe, `{"ready":true}` or `{"failed":…}`; nothing where it ended without a word. */
export function firstLine(child: ChildProcess): Promise<string> {
  const pipe = child.stdio[3] as Readable
  return new Promise((resolve, reject) => {
    let told = ''
    const finish = () => {
      pipe.destroy()
      child.unref()
      resolve(told.split('\n', 1)[0]!)
    }
    pipe.setEncoding('utf8')
    pipe.on('data', (text: string) => {
      told += text
      if (told.includes('\n')) finish()
    })
    pipe.once('end', finish)
    child.once('error', reject)
  })
}

/** Whether the daemon that took the root first comes to listen. */
async function listensSoon(socket: string): Promise<boolean> {
  const started = performance.now()
  while (performance.now() - started < DAEMON_START_TIMEOUT_MS) {
    if (await listens(socket)) return true
    await delay(POLL_MS)
  }
  return false
}

const POLL_MS = 10

function listens(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(socket)
    connection.once('connect', () => {
      connection.destroy()
      resolve(true)
    })
    connection.once('error', () => resolve(false))
  })
}

export function failureOf(failure: Failure | undefined, logged: string, path: string): TapwireError {
  if (failure !== undefined) {
    return new TapwireError(failure.code, failure.message, { hint: failure.hint ?? `Its log is ${path}.` })
  }
  const lines = logged.split('\n').filter((line) => line !== '')
  const why = lines.findLast((line) => line.includes('Error')) ?? lines.at(-1) ?? 'it says nothing'
  return new TapwireError(ErrorCode.daemonFailed, `The daemon has ended: ${why}`, {
    hint: `Its log is ${path}.`,
  })
}

/** What was appended to a file behind `position`, or the last part of it. */
function readFrom(descriptor: number, position: number): string {
  const { size } = fstatSync(descriptor)
  const from = Math.max(position, size - LOG_SHOWN_MAX)
  const buffer = Buffer.alloc(Math.max(0, size - from))
  const length = readSync(descriptor, buffer, 0, buffer.length, from)
  return buffer.toString('utf8', 0, length)
}

const LOG_SHOWN_MAX = 4096
