import { BlockFile } from './block-file.ts'
import { type CaptureOutput, ReaderGone } from './capture-output.ts'

/** One file. */
export class FileOutput implements CaptureOutput {
  readonly #file: BlockFile

  /** Throws OUTPUT_UNWRITABLE. */
  constructor(path: string) {
    this.#file = new BlockFile(path)
  }

  write(blocks: Uint8Array): void {
    try {
      this.#file.write(blocks)
    } catch (error) {
      throw isBrokenPipe(error) ? new ReaderGone() : error
    }
  }

  end(): void {
    this.#file.close()
  }

  close(): void {
    try {
      this.#file.close()
    } catch {
      // Another failure has been told already.
    }
  }
}

/** /dev/stdout may be one. */
function isBrokenPipe(error: unknown): boolean {
  return ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code === 'EPIPE'
}
