/**
 * What the control path throws: a stable code for programs, a sentence for people, and what to do next.
 * The data path never throws; it counts drops by reason.
 */

/** Codes that scripts may rely on. Add to the list; never change what stands there. */
export const ErrorCode = {
  labFileUnreadable: 'LAB_FILE_UNREADABLE',
  labFileInvalid: 'LAB_FILE_INVALID',
  labUnknown: 'LAB_UNKNOWN',
  labNotUp: 'LAB_NOT_UP',
  labUpAlready: 'LAB_UP_ALREADY',
  labAmbiguous: 'LAB_AMBIGUOUS',
  sandboxUnknown: 'SANDBOX_UNKNOWN',
  daemonUnreachable: 'DAEMON_UNREACHABLE',
  daemonAddress: 'DAEMON_ADDRESS',
  rootLocked: 'ROOT_LOCKED',
  daemonVersion: 'DAEMON_VERSION',
  daemonAnswer: 'DAEMON_ANSWER',
  daemonFailed: 'DAEMON_FAILED',
  daemonStays: 'DAEMON_STAYS',
  runDirectory: 'RUN_DIRECTORY',
  commandFailed: 'COMMAND_FAILED',
  programMissing: 'PROGRAM_MISSING',
  notPermitted: 'NOT_PERMITTED',
  usage: 'USAGE',
  templateInvalid: 'TEMPLATE_INVALID',
  objectUnknown: 'OBJECT_UNKNOWN',
  interrupted: 'INTERRUPTED',
} as const

export interface TapwireErrorDetails {
  /** What the user can do now, as a sentence or a command. */
  readonly hint?: string | undefined
  /** The exit code of the command line; 1 unless given. */
  readonly exitCode?: number | undefined
  readonly cause?: unknown
}

export class TapwireError extends Error {
  override readonly name: string = 'TapwireError'
  /** One of ErrorCode, or a code that the daemon sent. */
  readonly code: string
  readonly hint: string | undefined
  readonly exitCode: number

  constructor(code: string, message: string, details: TapwireErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.hint = details.hint
    this.exitCode = details.exitCode ?? 1
  }
}
