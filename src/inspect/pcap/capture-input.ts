import { CaptureReader } from './capture-reader.ts'

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

  /** Reads on, or ends the reader; waits for the bytes. */
  fill(): void {}

  /** The same, without keeping the program from other things. */
  fillAsync(): Promise<void> {
    return Promise.resolve()
  }

  close(): void {}
}

/** Opens a file; `-` is the standard input. Throws the system's error (ENOENT and so on). */
export function openCapture(_path: string): CaptureInput {
  return new CaptureInput()
}
