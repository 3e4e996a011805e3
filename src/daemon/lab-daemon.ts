import { ErrorCode, TapwireError } from '../control/errors.ts'
import type { Lab } from '../control/lab.ts'
import type { LabPaths } from '../control/run-directory.ts'
import { LabApi } from './lab-api.ts'
import { leaveDirectory, takeDirectory } from './lab-directory.ts'
import { LabRuntime } from './lab-runtime.ts'
import { type Log, type LogFile, openLog } from './log.ts'
import type { ProgressWriter, Steps } from './progress.ts'

export interface LabDaemonOptions {
  readonly lab: Lab
  /** The run directory. */
  readonly run: string
  readonly io: 'auto' | 'io_uring' | 'epoll'
  readonly progress: ProgressWriter
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
  const { lab, run, io, progress } = options
  let paths: LabPaths | undefined
  await progress.step('Take the run directory', async () => {
    let remains: string | undefined
    paths = await takeDirectory(run, lab, (message) => {
      remains = message
    })
    return remains ?? paths.directory
  })
  const directory = paths!
  const logFile = openLog(directory.log)
  const end = endings(logFile.log)
  const runtime = new LabRuntime(lab, {
    io,
    log: logFile.log,
    commandLog: logFile.descriptor,
    onFailure: (error) => end.now({ reason: 'the data path failed', exitCode: 1, error }),
  })
  try {
    return await serve(runtime, directory, logFile.log, progress, end)
  } finally {
    await takeDown(runtime, directory, logFile)
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
    log.info({ pid: process.pid, backend: runtime.status().backend }, 'the lab is up')
    progress.ready()
    const { reason, exitCode, error } = await end.wait
    if (error === undefined) log.info({ reason }, 'the lab goes down')
    else log.fatal({ reason, error: String(error) }, 'the lab goes down')
    return exitCode
  } finally {
    await api.close()
  }
}

async function takeDown(runtime: LabRuntime, paths: LabPaths, logFile: LogFile): Promise<void> {
  try {
    await runtime.down()
    leaveDirectory(paths)
  } catch (error) {
    // The folder stays: it says what is left, and `tapwire down` tries again.
    logFile.log.error({ error: String(error) }, 'not everything of the lab could be removed')
    throw error
  } finally {
    logFile.close()
  }
}

/** What ends the daemon while the lab still comes up, ends it between two steps. */
const unlessEnded = (steps: Steps, end: Endings): Steps => ({
  async step(name, action) {
    const ending = end.first()
    if (ending !== undefined) {
      throw new TapwireError(ErrorCode.interrupted, `The lab did not come up: ${ending.reason}.`)
    }
    await steps.step(name, action)
  },
})

interface Endings {
  readonly wait: Promise<Ending>
  /** Undefined while nothing ends the daemon. */
  first(): Ending | undefined
  now(ending: Ending): void
}

/** Signals, uncaught errors and requests end the daemon in the same orderly way; the first one counts. */
function endings(log: Log): Endings {
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
    log.fatal({ error: error instanceof Error ? error.stack : String(error) }, 'an error that nobody caught')
    now({ reason: 'an error that nobody caught', exitCode: 1, error })
  }
  process.on('uncaughtException', crash)
  process.on('unhandledRejection', crash)
  return { wait, first: () => first, now }
}
