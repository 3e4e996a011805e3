/**
 * Reads a sandbox's log, which its shim writes and, when it is large enough, renames:
 *
 *     log.json.1   the older half     ◄─ rename ─   log.json   grows, one JSON object a line
 *
 * A file that is open stays readable under whatever name, so a reader that follows reads the file that it has to its end, and then
 * those that came since.
 */

import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { LogEntry } from '../control/api/sandbox.ts'
import type { LogOptions } from '../control/control-plane.ts'
import { DirectoryChanges } from './directory-changes.ts'
import { LogFile } from './log-file.ts'
import { isCode } from './system-error.ts'

/** The log's file, and the older half of it. */
export type LogPaths = readonly [current: string, older?: string]

/**
 * The entries that the options ask for, oldest first. With `follow` it goes on until `ended`, `untilMs` or an abort. `tail` counts the
 * entries that the other options let pass. Lines that are no entries are passed over.
 */
export async function* readLog(
  paths: LogPaths,
  options: LogOptions,
  ended: () => boolean,
  signal: AbortSignal,
  now: () => number = Date.now,
): AsyncGenerator<LogEntry, void, undefined> {
  const changes = options.follow ? new DirectoryChanges(dirname(paths[0])) : undefined
  const wanted = new Wanted(options)
  let files = await openFiles(paths)
  try {
    if (options.tail !== undefined) await seekTail(files, options.tail, wanted)
    while (!signal.aborted) {
      // Asked before reading: what is printed before the end is then read behind it.
      const over = changes === undefined || ended() || now() > wanted.untilMs
      for (const file of files) {
        for await (const line of file.lines()) {
          const entry = parseEntry(line)
          if (signal.aborted || wanted.isPast(entry)) return
          if (wanted.has(entry)) yield entry
        }
      }
      const fresh = changes === undefined ? [] : await openNewFiles(paths, files.at(-1))
      if (fresh.length === 0 && over) break
      // The last one may have got more lines before it was renamed, so it is read once more.
      await closeAll(files.slice(0, -1))
      files = [...files.slice(-1), ...fresh]
      if (fresh.length === 0) await changes?.next(signal)
    }
    const last = parseEntry(files.at(-1)?.partialLine() ?? '')
    if (!signal.aborted && wanted.has(last)) yield last
  } finally {
    changes?.close()
    await closeAll(files)
  }
}

/** Which entries are asked for. */
class Wanted {
  readonly sinceMs: number
  readonly untilMs: number
  readonly #streams: ReadonlySet<string>

  constructor({ stdout, stderr, sinceMs, untilMs }: LogOptions) {
    this.sinceMs = sinceMs ?? Number.NEGATIVE_INFINITY
    this.untilMs = untilMs ?? Number.POSITIVE_INFINITY
    this.#streams = new Set([...(stdout ? ['stdout'] : []), ...(stderr ? ['stderr'] : [])])
  }

  has(entry: LogEntry | undefined): entry is LogEntry {
    if (entry === undefined || !this.#streams.has(entry.stream)) return false
    const ms = Date.parse(entry.time)
    return ms >= this.sinceMs && ms <= this.untilMs
  }

  /** Whether this and all behind it are too young. */
  isPast(entry: LogEntry | undefined): boolean {
    return entry !== undefined && Date.parse(entry.time) > this.untilMs
  }

  /** Whether this and all before it are too old. */
  isBefore(entry: LogEntry | undefined): boolean {
    return entry !== undefined && Date.parse(entry.time) < this.sinceMs
  }
}

/** Undefined where the line is damaged. */
function parseEntry(line: string): LogEntry | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return isEntry(value) ? value : undefined
  } catch {
    return undefined
  }
}

function isEntry(value: unknown): value is LogEntry {
  if (typeof value !== 'object' || value === null) return false
  const { log, stream, time } = value as Partial<Record<keyof LogEntry, unknown>>
  const isStream = stream === 'stdout' || stream === 'stderr'
  return typeof log === 'string' && isStream && typeof time === 'string' && !Number.isNaN(Date.parse(time))
}

/** Goes back from the end until it has passed so many entries, and lets the files be read from there. */
async function seekTail(files: readonly LogFile[], tail: number, wanted: Wanted): Promise<void> {
  let missing = tail
  for (const file of files.toReversed()) {
    let from: number | undefined
    for await (const { line, start, end } of file.linesBackwards()) {
      if (missing === 0) {
        from ??= end
        break
      }
      const entry = parseEntry(line)
      if (wanted.isBefore(entry)) missing = 0
      else if (wanted.has(entry)) missing -= 1
      from = start
    }
    if (from !== undefined) file.seek(from)
  }
}

/** Those that there are, the older one first, as they are at one moment: between two renames. */
async function openFiles([currentPath, olderPath]: LogPaths): Promise<LogFile[]> {
  for (;;) {
    const current = await LogFile.open(currentPath)
    const older = olderPath === undefined ? undefined : await LogFile.open(olderPath)
    const files = [older, current].filter((file) => file !== undefined)
    if ((await inodeAt(currentPath)) === current?.inode && older?.inode !== (current?.inode ?? -1))
      return files
    await closeAll(files)
  }
}

/** The files that came behind the one that was read last; none where it still is the current one. */
async function openNewFiles(paths: LogPaths, last: LogFile | undefined): Promise<LogFile[]> {
  if (last !== undefined && (await inodeAt(paths[0])) === last.inode) return []
  const files = await openFiles(paths)
  await closeAll(files.filter((file) => file.inode === last?.inode))
  return files.filter((file) => file.inode !== last?.inode)
}

async function inodeAt(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).ino
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined
    throw error
  }
}

async function closeAll(files: readonly LogFile[]): Promise<void> {
  await Promise.all(files.map((file) => file.close()))
}
