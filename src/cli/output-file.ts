/** A file that a command writes piece by piece, or the standard output. */

import { closeSync, openSync, writeSync } from 'node:fs'
import { ErrorCode, TapwireError } from '../control/errors.ts'

const STANDARD_OUTPUT = 1

/** Milliseconds between two looks at a pipe whose reader is slower. */
const WAIT_MS = 5

export class OutputFile {
  readonly #path: string
  readonly #descriptor: number
  /** Its reader has gone: nobody wants the rest. */
  isUnwanted = false

  /** `-` is the standard output. Throws OUTPUT_FAILED. */
  constructor(path: string) {
    this.#path = path
    this.#descriptor = path === '-' ? STANDARD_OUTPUT : this.#try(() => openSync(path, 'w'))
  }

  /** Waits for a slow reader. Throws OUTPUT_FAILED, on a full disk for example. */
  write(bytes: Uint8Array): void {
    let written = 0
    while (written < bytes.length && !this.isUnwanted) {
      try {
        written += writeSync(this.#descriptor, bytes, written)
      } catch (error) {
        this.#settle(error)
      }
    }
  }

  close(): void {
    if (this.#descriptor !== STANDARD_OUTPUT) this.#try(() => closeSync(this.#descriptor))
  }

  #settle(error: unknown): void {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EAGAIN') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WAIT_MS)
    else if (code === 'EPIPE') this.isUnwanted = true
    else throw this.#failed(error)
  }

  #try<T>(action: () => T): T {
    try {
      return action()
    } catch (error) {
      throw this.#failed(error)
    }
  }

  #failed(cause: unknown): TapwireError {
    const { code = '', message } = cause as NodeJS.ErrnoException
    const why = WRITE_ERRORS[code] ?? message
    return new TapwireError(ErrorCode.outputFailed, `Cannot write ${this.#path}: ${why}.`, { cause })
  }
}

const WRITE_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such folder',
  EISDIR: 'it is a folder',
  EACCES: 'permission denied',
  ENOSPC: 'the disk is full',
  EROFS: 'the disk can only be read',
}
