import { closeSync, openSync, read, readSync } from 'node:fs'
import { promisify } from 'node:util'
import { CaptureReader } from './capture-reader.ts'

const readAsync = promisify(read)

/** Bytes of one read: many packets for one system call, and few enough to stay in the caches until they are looked at. */
const READ_SIZE = 512 * 1024

const STANDARD_INPUT = 0

/** Milliseconds between two looks at a standard input that another program made non-blocking. */
const WAIT_MS = 5

/**
 * A capture file that is open, or the standard input, and the reader that it is read with:
 *
 *     const input = openCapture(path)
 *     for (;;) {
 *       const result = input.reader.next()
 *       if (result === ReadResult.needMore) input.fill()
 *       …
 */
export class CaptureInput {
  readonly reader: CaptureReader = new CaptureReader()
  readonly #descriptor: number
  #open = true

  /** Takes over an open file descriptor. */
  constructor(descriptor: number) {
    this.#descriptor = descriptor
  }

  /** Reads on, or ends the reader where there is no more; waits until there are bytes. Throws the system's error. */
  fill(): void {
    const space = this.#space()
    for (;;) {
      try {
        this.#filled(readSync(this.#descriptor, space))
        return
      } catch (error) {
        if (!isAgain(error)) throw error
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WAIT_MS)
      }
    }
  }

  /** The same, without keeping the program from other things. The reader is not to be touched until it is done. */
  async fillAsync(): Promise<void> {
    const space = this.#space()
    for (;;) {
      try {
        const { bytesRead } = await readAsync(this.#descriptor, space, 0, space.length, null)
        this.#filled(bytesRead)
        return
      } catch (error) {
        if (!isAgain(error)) throw error
        await new Promise((resolve) => setTimeout(resolve, WAIT_MS))
      }
    }
  }

  close(): void {
    if (this.#open && this.#descriptor !== STANDARD_INPUT) closeSync(this.#descriptor)
    this.#open = false
  }

  /** Never more than one read, also where a large block has left a large buffer: what is made of it at once is much more. */
  #space(): Uint8Array {
    return this.reader.space(READ_SIZE).subarray(0, READ_SIZE)
  }

  #filled(length: number): void {
    if (length === 0) this.reader.end()
    else this.reader.filled(length)
  }
}

/** Opens a file; `-` is the standard input. Throws the system's error (ENOENT and so on). */
export function openCapture(path: string): CaptureInput {
  return new CaptureInput(path === '-' ? STANDARD_INPUT : openSync(path, 'r'))
}

const isAgain = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'EAGAIN'
