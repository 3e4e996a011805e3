/** Why a capture file cannot be read on. Everything before `offset` was read and is good. */
export class CaptureFileError extends Error {
  override readonly name: string = 'CaptureFileError'
  /** Bytes from the file's start to the header, packet or block that is wrong. */
  readonly offset: number
  /** What can be done now, as a sentence. */
  readonly hint: string | undefined

  constructor(offset: number, problem: string, hint?: string) {
    super(`At byte ${offset} of the capture ${problem}.`)
    this.offset = offset
    this.hint = hint
  }
}

const CUT_SHORT =
  'Everything before it was read. The program that wrote the file was probably stopped, or its disk was full.'
const DAMAGED = 'Everything before it was read. The file is damaged from there on.'

/** `wanted` bytes of `what` (`a packet`) are to be at the offset, but only `present` are. */
export const cutShort = (offset: number, what: string, wanted: number, present: number): CaptureFileError =>
  new CaptureFileError(
    offset,
    `the file ends inside of ${what}: ${wanted - present} of its ${wanted} bytes are missing`,
    CUT_SHORT,
  )

export const damaged = (offset: number, problem: string): CaptureFileError =>
  new CaptureFileError(offset, problem, DAMAGED)
