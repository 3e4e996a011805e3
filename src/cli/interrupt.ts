/** Signals that end a command which goes on until then. */
import { constants } from 'node:os'
import type { Cli } from './cli.ts'

/** 128 and the signal's number, as shells have it. */
export function exitCodeOfSignal(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal]
}

/** Does `action` until it is done or a signal comes, which is told by the exit code then. */
export async function untilInterrupted(
  cli: Cli,
  action: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController()
  let code = 0
  const stopListening = cli.onInterrupt((signal) => {
    code = exitCodeOfSignal(signal)
    stop.abort()
  })
  try {
    await action(stop.signal)
  } catch (error) {
    if (!stop.signal.aborted) throw error
  } finally {
    stopListening()
  }
  if (stop.signal.aborted) cli.exitCode = code
}
