/** Why a capture file cannot be read on. Everything before `offset` was read and is good. */
export class CaptureFileError extends Error {
  override readonly name: string = 'CaptureFileError'
  /** Bytes from the file's start to the header or block that is wrong. */
  readonly offset: number
  /** What can be done now, as a sentence. */
  readonly hint: string | undefined

  constructor(offset: number, problem: string, hint?: string) {
    super(`At byte ${offset} of the capture: ${problem}.`)
    this.offset = offset
    this.hint = hint
  }
}
