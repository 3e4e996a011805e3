/** Starts the daemon's program and follows what it tells on its standard output: one JSON value a line. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type Failure, type Progress as ProgressLine, progressSchema } from '../control/api.ts'
import { ErrorCode, TapwireError } from '../control/errors.ts'
import { type Cli, EXIT_INTERRUPTED } from './cli.ts'
import { parseFailure } from './failure.ts'
import { Progress } from './progress.ts'

export interface DaemonTask {
  /** The daemon's arguments; `folder` is for files that it needs until it is ready. */
  args(folder: string): string[]
  /** Where the commands of the lab's sandboxes run. */
  readonly directory?: string
  /** The daemon ends with this process, however that ends. */
  readonly attached?: boolean
  /** Shown as a step of its own, where the daemon tells none. */
  readonly step?: string
  /** Ready: the daemon stays and has said that it is. Exit: it has done its work and ended. */
  readonly until: 'ready' | 'exit'
}

/**
 * Runs the daemon's program in a session of its own, with its steps shown, until what `task` waits for. Throws what the
 * daemon says has failed, DAEMON_FAILED where it ends without a word, or INTERRUPTED, after it was told to end and did.
 */
export async function runDaemon(cli: Cli, task: DaemonTask): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tapwire-'))
  const progress = new Progress(cli)
  try {
    const errors = openSync(join(folder, 'stderr'), 'w+')
    const attached = task.attached === true ? ['--attached'] : []
    const child = spawn(process.execPath, [cli.daemonProgram, ...task.args(folder), ...attached], {
      cwd: task.directory,
      env: cli.env,
      detached: true,
      stdio: [task.attached === true ? 'pipe' : 'ignore', 'pipe', errors],
    })
    closeSync(errors)
    if (task.step !== undefined) progress.start(task.step)
    const end = await followDaemon(cli, child, progress)
    const failure = judge(end, task.until, readFileSync(join(folder, 'stderr'), 'utf8').trim())
    if (failure !== undefined) throw failure
    if (task.step !== undefined) progress.done(task.step)
  } finally {
    progress.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

interface DaemonEnd {
  ready: boolean
  failed: Failure | undefined
  unknownLine: string | undefined
  interruptedBy: NodeJS.Signals | undefined
  /** Undefined while it runs. */
  exit: { code: number | null; signal: NodeJS.Signals | null } | undefined
}

/** Resolves when the daemon is ready or has ended. */
function followDaemon(cli: Cli, child: ChildProcess, progress: Progress): Promise<DaemonEnd> {
  const end: DaemonEnd = {
    ready: false,
    failed: undefined,
    unknownLine: undefined,
    interruptedBy: undefined,
    exit: undefined,
  }
  return new Promise((resolve, reject) => {
    const stopListening = cli.onInterrupt((signal) => {
      // The daemon undoes what it has done and ends. Whoever is in a hurry interrupts twice, and it goes on alone.
      if (end.interruptedBy !== undefined) {
        finish()
        return
      }
      end.interruptedBy = signal
      progress.start('stop', 'Stopping; once more to leave that to the daemon')
      child.kill('SIGTERM')
    })
    const finish = () => {
      stopListening()
      child.stdout?.destroy()
      child.unref()
      // Held open, and no reason to stay.
      if (child.stdin instanceof Socket) child.stdin.unref()
      resolve(end)
    }
    createInterface({ input: child.stdout! }).on('line', (text) => {
      const line = parseLine(text)
      if (line === undefined) {
        end.unknownLine ??= text
      } else if ('ready' in line) {
        end.ready = true
        // Where it was told to end, it does so from here.
        if (end.interruptedBy === undefined) finish()
      } else if ('failed' in line) {
        end.failed = line.failed
      } else {
        showStep(progress, line)
      }
    })
    child.once('error', (error) => {
      stopListening()
      reject(error)
    })
    child.once('close', (code, signal) => {
      end.exit = { code, signal }
      finish()
    })
  })
}

function judge(end: DaemonEnd, until: DaemonTask['until'], errorOutput: string): TapwireError | undefined {
  if (end.interruptedBy !== undefined) {
    return new TapwireError(ErrorCode.interrupted, `Interrupted by ${end.interruptedBy}.`, {
      hint: end.exit === undefined ? 'The daemon still takes down what it has built.' : undefined,
      exitCode: EXIT_INTERRUPTED,
    })
  }
  const failed = end.failed ?? parseFailure(errorOutput)
  if (failed !== undefined) return new TapwireError(failed.code, failed.message, { hint: failed.hint })
  if (until === 'ready' ? end.ready : end.exit?.code === 0) return undefined
  return diedSilently(end, errorOutput)
}

function diedSilently(end: DaemonEnd, errorOutput: string): TapwireError {
  const { code = null, signal = null } = end.exit ?? {}
  const how = signal === null ? `with exit code ${code}` : `by ${signal}`
  const lines = [errorOutput, end.unknownLine ?? ''].filter((text) => text !== '')
  const said = lines.length === 0 ? '.' : `:\n${lines.join('\n')}`
  return new TapwireError(ErrorCode.daemonFailed, `The daemon ended ${how} before its work was done${said}`, {
    hint: 'See what `tapwire doctor` says.',
  })
}

function parseLine(text: string): ProgressLine | undefined {
  try {
    return progressSchema.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

function showStep(progress: Progress, line: Extract<ProgressLine, { step: string }>): void {
  const { step, state, message, detail } = line
  if (state === 'start') progress.start(step, message)
  else if (state === 'done') progress.done(step, message, detail)
  else progress.failed(step, message, detail)
}
