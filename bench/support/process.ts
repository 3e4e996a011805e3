import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { Readable, Writable } from 'node:stream'

/** A program that failed, gave no answer in time, or is missing. The message says which and shows its output. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
}

export interface CommandOptions {
  /** Path of the network namespace to run in; the bench's own without it. */
  readonly namespace?: string | undefined
  /** The one core it may run on; any without it. */
  readonly core?: number | undefined
  readonly environment?: Readonly<Record<string, string>>
  /** Ends the program by SIGKILL. 60 seconds unless told. */
  readonly timeoutMs?: number
}

/** A program that runs until `stop`. */
export interface Background {
  readonly pid: number
  /** All it has written to standard output so far. */
  output(): string
  /** Resolves with its standard output when it ends by itself with code 0, rejects on any other end. */
  readonly ended: Promise<string>
  /** SIGTERM, after two seconds SIGKILL; resolves when it is gone. */
  stop(): Promise<void>
}

const TIMEOUT_MS = 60_000
const STOP_MS = 2000

const children = new Set<ChildProcess>()

/** Ends every child at once. For the way out, where nothing can be awaited. */
export function killChildren(): void {
  for (const child of children) child.kill('SIGKILL')
}

/** Whether `program` is on the PATH. */
export function isInstalled(program: string): boolean {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin']
  return folders.some((folder) => folder !== '' && existsSync(join(folder, program)))
}

/** Runs a program to its end and gives its standard output. */
export async function run(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const { child, end } = launch(command, args, options)
  const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? TIMEOUT_MS)
  try {
    return await end
  } finally {
    clearTimeout(timer)
  }
}

/** Starts a program and resolves once it has printed `ready` on standard output. */
export async function startUntil(
  ready: string,
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<Background> {
  const { child, end, output } = launch(command, args, options)
  const printed = new Promise<void>((resolve) => {
    child.stdout.on('data', () => {
      if (output().includes(ready)) resolve()
    })
  })
  const endedEarly = end.then(() => {
    throw new CommandError(`${command} ended before it printed "${ready}"`)
  })
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new CommandError(`${command} did not print "${ready}" in time; it printed: ${output()}`))
    }, options.timeoutMs ?? TIMEOUT_MS)
  })
  try {
    await Promise.race([printed, endedEarly, late])
  } finally {
    clearTimeout(timer)
  }
  return { pid: child.pid!, output, ended: end, stop: () => stop(child) }
}

/** Starts a program that says nothing when it is ready; the caller looks for a sign of its own. */
export function start(command: string, args: readonly string[], options: CommandOptions = {}): Background {
  const { child, end, output } = launch(command, args, options)
  if (child.pid === undefined) throw new CommandError(`${command}: could not be started`)
  return { pid: child.pid, output, ended: end, stop: () => stop(child) }
}

interface Launched {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>
  readonly output: () => string
  readonly end: Promise<string>
}

/**
 * `setpriv --pdeathsig` ties the child's life to ours, even if we die by SIGKILL. setpriv, taskset and nsenter
 * replace themselves by the program, so the child's process id is the program's.
 */
function launch(command: string, args: readonly string[], options: CommandOptions): Launched {
  const line = ['--pdeathsig', 'KILL']
  if (options.core !== undefined) line.push('taskset', '-c', String(options.core))
  if (options.namespace !== undefined) line.push('nsenter', `--net=${options.namespace}`)
  const child = spawn('setpriv', [...line, command, ...args], {
    // An input that stays open and silent: some daemons end when theirs is closed.
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, LC_ALL: 'C', ...options.environment },
  })
  children.add(child)

  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const end = new Promise<string>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      children.delete(child)
      if (code === 0) resolve(stdout)
      else
        reject(
          new CommandError(`${command} ${args.join(' ')}: ${signal ?? `code ${code}`}\n${stderr}${stdout}`),
        )
    })
  })
  // Whoever stops a program does not wait for its end; that must not count as an unhandled rejection.
  end.catch(() => undefined)
  return { child, output: () => stdout, end }
}

async function stop(child: ChildProcess): Promise<void> {
  if (!children.has(child)) return
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()))
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await closed
  clearTimeout(timer)
}
