import { ErrorCode, TapwireError } from '../control/errors.ts'
import type { Lab } from '../control/lab.ts'
import type { LabPaths } from '../control/run-directory.ts'
import { missingCapabilities } from './capabilities.ts'
import { LabApi } from './lab-api.ts'
import { LabDirectory } from './lab-directory.ts'
import { LabRuntime } from './lab-runtime.ts'
import { describe, type Log, type LogFile, openLog } from './log.ts'
import type { ProgressWriter, Steps } from './progress.ts'

export interface LabDaemonOptions {
  readonly lab: Lab
  /** The run directory. */
  readonly run: string
  readonly io: 'auto' | 'io_uring' | 'epoll'
  readonly progress: ProgressWriter
  /** The lab belongs to the process at the other end of standard input, and ends with it. */
  readonly attached: boolean
}

/** Why the daemon ends, and the exit code that says so. */
interface Ending {
  readonly reason: string
  readonly exitCode: number
  readonly error?: unknown
}

/**
 * Brings the lab up, serves it until a signal, a request or a failure ends it, and takes it down. Resolves to the exit code.
 * Throws where the lab does not come up; nothing is left of it then.
 */
export async function runLab(options: LabDaemonOptions): Promise<number> {
  const end = endings()
  if (options.attached) endWithInput(end)
  requireCapabilities()
  const directory = await takeDirectory(options, end)
  const logFile = openLogOf(directory)
  end.logTo(logFile.log)
  const runtime = new LabRuntime(options.lab, {
    io: options.io,
    log: logFile.log,
    record: (namespace) => directory.record(namespace),
    commandLog: logFile.descriptor,
    onFailure: (error) => end.now({ reason: 'the data path failed', exitCode: 1, error }),
  })
  try {
    return await serve(runtime, directory.paths, logFile.log, options.progress, end)
  } finally {
    // The log goes with the folder, unless it says why the daemon failed.
    if (end.first()?.error !== undefined) directory.keepLog()
    await takeDown(runtime, directory, logFile)
  }
}

function requireCapabilities(): void {
  const missing = missingCapabilities()
  if (missing.length === 0) return
  throw new TapwireError(ErrorCode.notPermitted, `Bringing a lab up takes ${missing.join(' and ')}.`, {
    hint: 'Run as root, with sudo for example.',
  })
}

function endWithInput(end: Endings): void {
  const now = (): void => end.now({ reason: 'the command that the lab belongs to has ended', exitCode: 0 })
  // Listened to, but no reason to stay when all else has ended.
  process.stdin.on('end', now).on('error', now).resume().unref()
}

async function takeDirectory(options: LabDaemonOptions, end: Endings): Promise<LabDirectory> {
  let directory: LabDirectory | undefined
  await unlessEnded(options.progress, end).step('Take the run directory', async () => {
    let remains: string | undefined
    directory = await LabDirectory.take(options.run, options.lab, (message) => {
      remains = message
    })
    return remains ?? directory.paths.directory
  })
  return directory!
}

function openLogOf(directory: LabDirectory): LogFile {
  try {
    return openLog(directory.paths.log)
  } catch (error) {
    directory.leave()
    throw error
  }
}

async function serve(
  runtime: LabRuntime,
  paths: LabPaths,
  log: Log,
  progress: ProgressWriter,
  end: Endings,
): Promise<number> {
  await runtime.up(unlessEnded(progress, end))
  const api = await LabApi.listen(paths.socket, runtime, log, () =>
    end.now({ reason: 'down was asked for', exitCode: 0 }),
  )
  try {
    throwIfEnded(end)
    log.info({ pid: process.pid, backend: runtime.status().backend }, 'the lab is up')
    progress.ready()
    const { reason, exitCode, error } = await end.wait
    if (error === undefined) log.info({ reason }, 'the lab goes down')
    else log.fatal({ reason, error: describe(error) }, 'the lab goes down')
    return exitCode
  } finally {
    await api.close()
  }
}

async function takeDown(runtime: LabRuntime, directory: LabDirectory, logFile: LogFile): Promise<void> {
  try {
    await runtime.down()
    directory.leave()
  } catch (error) {
    // The folder stays: it says what is left, and `tapwire down` tries again.
    logFile.log.error({ error: describe(error) }, 'not everything of the lab could be removed')
    throw error
  } finally {
    logFile.close()
  }
}

/** What ends the daemon while the lab still comes up, ends it between two steps. */
const unlessEnded = (steps: Steps, end: Endings): Steps => ({
  async step(name, action) {
    throwIfEnded(end)
    await steps.step(name, action)
  },
})

function throwIfEnded(end: Endings): void {
  const ending = end.first()
  if (ending === undefined) return
  const { reason, error } = ending
  const what =
    error === undefined ? reason : `${reason}: ${error instanceof Error ? error.message : describe(error)}`
  const code = error === undefined ? ErrorCode.interrupted : ErrorCode.daemonFailed
  throw new TapwireError(code, `The lab did not come up: ${what}.`, { cause: error })
}

interface Endings {
  readonly wait: Promise<Ending>
  /** Undefined while nothing ends the daemon. */
  first(): Ending | undefined
  now(ending: Ending): void
  /** Where errors go that nobody caught, each of them. */
  logTo(log: Log): void
}

/** Signals, uncaught errors and requests end the daemon in the same orderly way; the first one counts. */
function endings(): Endings {
  let log: Log | undefined
  let first: Ending | undefined
  let tell!: (ending: Ending) => void
  const wait = new Promise<Ending>((resolve) => {
    tell = resolve
  })
  const now = (ending: Ending): void => {
    first ??= ending
    tell(first)
  }
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => now({ reason: signal, exitCode: 0 }))
  }
  const crash = (error: unknown): void => {
    log?.fatal({ error: describe(error) }, 'an error that nobody caught')
    now({ reason: 'an error that nobody caught', exitCode: 1, error })
  }
  process.on('uncaughtException', crash)
  process.on('unhandledRejection', crash)
  const logTo = (to: Log): void => {
    log = to
  }
  return { wait, first: () => first, now, logTo }
}
