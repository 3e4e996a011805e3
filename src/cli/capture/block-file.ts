/** A file that always ends where a block ends, also where the disk is full. */

import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { ErrorCode, TapwireError } from '../../control/errors.ts'
import { openError } from '../options.ts'
import { formatAmount } from '../output.ts'
import { blocksEnd } from './whole-blocks.ts'

export class BlockFile {
  readonly path: string
  readonly #descriptor: number
  #open = true
  /** Bytes of whole blocks. */
  size: number = 0

  /** An existing one is overwritten. Throws OUTPUT_UNWRITABLE. */
  constructor(path: string) {
    this.path = path
    try {
      this.#descriptor = openSync(path, 'w')
    } catch (cause) {
      throw new TapwireError(ErrorCode.outputUnwritable, openError(path, cause), { cause })
    }
  }

  /** Whole blocks. Throws OUTPUT_UNWRITABLE where there is no room for all of them; those that have room are in the file. */
  write(blocks: Uint8Array): void {
    let written = 0
    try {
      while (written < blocks.length) written += writeSync(this.#descriptor, blocks, written)
    } catch (cause) {
      this.#cut(blocks, written)
      throw this.#unwritable(cause)
    }
    this.size += blocks.length
  }

  /** Throws OUTPUT_UNWRITABLE: file systems over a network tell here what they could not write. */
  close(): void {
    if (!this.#open) return
    this.#open = false
    try {
      closeSync(this.#descriptor)
    } catch (cause) {
      throw this.#unwritable(cause)
    }
  }

  /** Takes off the beginning of the block for which there was no room. */
  #cut(blocks: Uint8Array, written: number): void {
    this.size += blocksEnd(blocks, written)
    try {
      ftruncateSync(this.#descriptor, this.size)
    } catch {
      // Devices and pipes have no length.
    }
  }

  #unwritable(cause: unknown): TapwireError {
    const { code, message } = cause as NodeJS.ErrnoException
    const why = WORDS[code ?? ''] ?? message
    return new TapwireError(ErrorCode.outputUnwritable, `write ${this.path}: ${why}`, {
      hint:
        this.size === 0
          ? 'Nothing was captured. The traffic itself is not touched by that.'
          : `The capture has ended. Its first ${formatAmount(this.size, 'B')} are in the file, which can be read. The traffic itself is not touched by that.`,
      cause,
    })
  }
}

const WORDS: Readonly<Record<string, string>> = {
  ENOSPC: 'no space left on device',
  EDQUOT: 'disk quota exceeded',
  EFBIG: 'file too large',
  EIO: 'input/output error',
}
