/** A named pipe. */

import { closeSync, constants, openSync } from 'node:fs'
import { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { ErrorCode, TapwireError } from '../../control/errors.ts'
import { openError } from '../options.ts'
import { type CaptureOutput, ReaderGone } from './capture-output.ts'

/** Time between two looks whether a reader has come, and whether it is still there: neither is told. */
const LOOK_FOR_READER_MS = 20
const LOOK_AFTER_READER_MS = 500

export class FifoOutput implements CaptureOutput {
  readonly gone: Promise<never>
  readonly #socket: Socket
  readonly #timer: NodeJS.Timeout

  /**
   * Resolves when the other end is open. To open it and wait would be simpler, but that cannot be ended: neither by a signal nor by the end
   * of the program. Throws OUTPUT_UNWRITABLE.
   */
  static async open(path: string, signal: AbortSignal): Promise<FifoOutput> {
    for (;;) {
      try {
        return new FifoOutput(openWithReader(path))
      } catch (cause) {
        if (!isWithoutReader(cause))
          throw new TapwireError(ErrorCode.outputUnwritable, openError(path, cause), { cause })
      }
      await delay(LOOK_FOR_READER_MS, undefined, { signal })
    }
  }

  private constructor(descriptor: number) {
    this.#socket = new Socket({ fd: descriptor, readable: false, writable: true })
    this.#timer = setInterval(() => {
      if (!hasReader(descriptor)) this.#socket.destroy(new ReaderGone())
    }, LOOK_AFTER_READER_MS)
    this.#timer.unref()
    this.gone = new Promise((_, reject) => {
      this.#socket.once('error', () => reject(new ReaderGone()))
    })
    // Who writes learns of it, too.
    this.gone.catch(() => undefined)
  }

  write(blocks: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(blocks, (error) => {
        if (error) reject(new ReaderGone())
        else resolve()
      })
    })
  }

  end(): Promise<void> {
    return new Promise((resolve) => this.#socket.end(resolve))
  }

  close(): void {
    clearInterval(this.#timer)
    this.#socket.destroy()
  }
}

/** Opened so, a named pipe without a reader is refused (fifo(7)). */
const openWithReader = (path: string): number => openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)

const isWithoutReader = (cause: unknown): boolean => (cause as NodeJS.ErrnoException).code === 'ENXIO'

/** By the pipe itself: its name may be gone, or another one's. */
function hasReader(descriptor: number): boolean {
  try {
    closeSync(openWithReader(`/proc/self/fd/${descriptor}`))
    return true
  } catch (cause) {
    return !isWithoutReader(cause)
  }
}
