/** One file of a sandbox's log: lines from any place on, and from the end backwards. It may grow meanwhile, and be renamed. */

import { type FileHandle, open } from 'node:fs/promises'
import { LOG_LINE_MAX } from '../limits.ts'
import { isCode } from './system-error.ts'

const BLOCK_SIZE = 64 * 1024
const NEWLINE = 0x0a

export interface LineAt {
  readonly line: string
  /** Where the line begins, and where the next one does. */
  readonly start: number
  readonly end: number
}

export class LogFile {
  readonly inode: number
  readonly #handle: FileHandle
  /** Everything before it has been read. */
  #position = 0
  /** The beginning of a line whose end is not written yet; undefined within a line that is too long to be one. */
  #partial: Buffer[] | undefined = []
  #partialSize = 0

  private constructor(handle: FileHandle, inode: number) {
    this.#handle = handle
    this.inode = inode
  }

  /** Undefined where there is no such file. */
  static async open(path: string): Promise<LogFile | undefined> {
    try {
      const handle = await open(path, 'r')
      const { ino } = await handle.stat()
      return new LogFile(handle, ino)
    } catch (error) {
      if (isCode(error, 'ENOENT')) return undefined
      throw error
    }
  }

  close(): Promise<void> {
    return this.#handle.close()
  }

  /** `lines` goes on here, at the beginning of a line. */
  seek(offset: number): void {
    this.#position = offset
    this.#dropPartial()
  }

  /** Whole lines from where the last call ended to the end as it is now. */
  async *lines(): AsyncGenerator<string, void, undefined> {
    const block = Buffer.allocUnsafe(BLOCK_SIZE)
    for (;;) {
      const { bytesRead } = await this.#handle.read(block, 0, BLOCK_SIZE, this.#position)
      if (bytesRead === 0) break
      this.#position += bytesRead
      const bytes = block.subarray(0, bytesRead)
      let start = 0
      for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, start)) {
        const line = this.#endLine(bytes.subarray(start, end))
        start = end + 1
        if (line !== undefined) yield line
      }
      this.#keepPartial(bytes.subarray(start))
    }
    await this.#meetTruncation()
  }

  /** What stands behind the last whole line. */
  partialLine(): string {
    return Buffer.concat(this.#partial ?? []).toString()
  }

  /** Whole lines from the last one to the first; reads no more of the file than is asked for. */
  async *linesBackwards(): AsyncGenerator<LineAt, void, undefined> {
    let { size: start } = await this.#handle.stat()
    /** The end of a line whose beginning lies before `start`; at first whatever stands behind the last newline. */
    let carried: Buffer = Buffer.alloc(0)
    let whole = false
    while (start > 0) {
      const end = start
      start = Math.max(0, end - BLOCK_SIZE)
      const bytes = Buffer.concat([await this.#readRange(start, end), carried])
      let stop: number = whole ? bytes.length : bytes.lastIndexOf(NEWLINE) + 1
      whole ||= stop > 0
      for (let before = newlineBefore(bytes, stop); before !== -1; before = newlineBefore(bytes, stop)) {
        yield lineAt(bytes, before + 1, stop, start)
        stop = before + 1
      }
      if (start === 0 && stop > 0) yield lineAt(bytes, 0, stop, 0)
      // What is longer than any line is damage: of it only the newline at its end is kept.
      carried = Buffer.from(bytes.subarray(stop > LOG_LINE_MAX ? stop - 1 : 0, stop))
    }
  }

  async #readRange(start: number, end: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(end - start)
    const { bytesRead } = await this.#handle.read(bytes, 0, bytes.length, start)
    return bytes.subarray(0, bytesRead)
  }

  #endLine(end: Buffer): string | undefined {
    const partial = this.#partial
    const size = this.#partialSize + end.length
    this.#dropPartial()
    if (partial === undefined || size > LOG_LINE_MAX) return undefined
    return partial.length === 0 ? end.toString() : Buffer.concat([...partial, end]).toString()
  }

  #keepPartial(bytes: Buffer): void {
    if (bytes.length === 0) return
    this.#partialSize += bytes.length
    if (this.#partialSize > LOG_LINE_MAX) this.#partial = undefined
    // A copy: the block is used again.
    this.#partial?.push(Buffer.from(bytes))
  }

  #dropPartial(): void {
    this.#partial = []
    this.#partialSize = 0
  }

  /** The writer takes back what it could not write as a whole. */
  async #meetTruncation(): Promise<void> {
    const { size } = await this.#handle.stat()
    if (size < this.#position) this.seek(size)
  }
}

/** Index of the newline that ends the line before the one that ends in front of `stop`; -1 where there is none. */
const newlineBefore = (bytes: Buffer, stop: number): number =>
  stop < 2 ? -1 : bytes.lastIndexOf(NEWLINE, stop - 2)

const lineAt = (bytes: Buffer, start: number, stop: number, base: number): LineAt => ({
  line: bytes.toString('utf8', start, stop - 1),
  start: base + start,
  end: base + stop,
})
