import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs'
import { type Logger, pino } from 'pino'
import { DAEMON_LOG_SIZE_MAX } from '../limits.ts'

export type Log = Logger

const STDERR = 2

/** The log of a daemon in the foreground: standard error. */
export const stderrLog = (level: string): Log => logTo(new LineWriter(STDERR), level)

/** The log of a daemon in the background: a file of bounded size, and the one before it as `PATH.1`. */
export const fileLog = (path: string, level: string): Log => logTo(new LogFileWriter(path), level)

function logTo(writer: LineWriter, level: string): Log {
  const log = pino({ base: null, level, timestamp: () => `,"time":"${new Date().toISOString()}"` }, writer)
  writer.onRoom = (lines) => log.warn({ lines }, 'the log could not be written to; lines are missing')
  return log
}

/**
 * Writes at once: the last lines before a crash are the ones that matter. Where the disk is full, or the file cannot be
 * written to for another reason, the daemon goes on without its log, and says how many lines that cost when there is room again.
 */
class LineWriter {
  /** Told how many lines are missing. */
  onRoom: (lines: number) => void = () => {}
  protected descriptor: number
  #missing = 0

  constructor(descriptor: number) {
    this.descriptor = descriptor
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
      return writeSync(this.descriptor, bytes) === bytes.length
    } catch {
      return false
    }
  }
}

class LogFileWriter extends LineWriter {
  readonly #path: string
  #size: number

  constructor(path: string) {
    super(openSync(path, 'a', 0o640))
    this.#path = path
    this.#size = fstatSync(this.descriptor).size
  }

  override write(line: string): void {
    this.#size += Buffer.byteLength(line)
    if (this.#size > DAEMON_LOG_SIZE_MAX) this.#turn(line)
    super.write(line)
  }

  #turn(line: string): void {
    try {
      renameSync(this.#path, `${this.#path}.1`)
      const next = openSync(this.#path, 'a', 0o640)
      closeSync(this.descriptor)
      this.descriptor = next
    } catch {
      // The disk is full, or the folder has gone: the next line tries again.
      return
    }
    this.#size = Buffer.byteLength(line)
  }
}

/** An error with its stack, for the log. */
export const describe = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : JSON.stringify(error)
