import { closeSync, openSync } from 'node:fs'
import { destination, type Logger, pino } from 'pino'

export type Log = Logger

/** The daemon's log: JSON lines by pino, and in between what the sandboxes' commands print. */
export interface LogFile {
  readonly log: Log
  /** For the output of child processes. */
  readonly descriptor: number
  close(): void
}

export function openLog(path: string): LogFile {
  const descriptor = openSync(path, 'a', 0o640)
  // Written at once: the last lines before a crash are the ones that matter.
  const log = pino(
    { base: null, timestamp: () => `,"time":"${new Date().toISOString()}"` },
    destination({ fd: descriptor, sync: true }),
  )
  return { log, descriptor, close: () => closeSync(descriptor) }
}
