/** What something could not be opened for, with what to do about it. `code` is the errno's name. */
export abstract class OpenError extends Error {
  readonly code: string
  readonly hint: string

  constructor(code: string, message: string, hint: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
    this.hint = hint
  }
}
