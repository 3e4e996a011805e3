import { closeSync, openSync, writeSync } from 'node:fs'
import { type Logger, pino } from 'pino'

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
  const writer = new LineWriter(descriptor)
  const log = pino({ base: null, timestamp: () => `,"time":"${new Date().toISOString()}"` }, writer)
  writer.onRoom = (lines) => log.warn({ lines }, 'the log could not be written to; lines are missing')
  return { log, descriptor, close: () => closeSync(descriptor) }
}

/**
 * Writes at once: the last lines before a crash are the ones that matter. Where the disk is full, or the file cannot be
 * written to for another reason, the lab goes on without its log, and says how many lines that cost when there is room again.
 */
class LineWriter {
  /** Told how many lines are missing. */
  onRoom: (lines: number) => void = () => {}
  readonly #descriptor: number
  #missing = 0

  constructor(descriptor: number) {
    this.#descriptor = descriptor
  }

  write(line: string): void {
    // A line that went to the file in part has no end yet.
    const text = this.#missing > 0 ? `\n${line}` : line
    if (!this.#append(text)) {
      this.#missing += 1
      return
    }
    const missing = this.#missing
    this.#missing = 0
    if (missing > 0) this.onRoom(missing)
  }

  #append(text: string): boolean {
    try {
      const bytes = Buffer.from(text)
      return writeSync(this.#descriptor, bytes) === bytes.length
    } catch {
      return false
    }
  }
}

/** An error with its stack, for the log. */
export const describe = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : JSON.stringify(error)
