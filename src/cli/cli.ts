/** What a command gets from the process around it, so that a test can give it something else. */
export interface CliContext {
  readonly env: NodeJS.ProcessEnv
  readonly stdin: InputStream
  readonly stdout: OutputStream
  readonly stderr: OutputStream
  /** The daemon's main module. */
  readonly daemonProgram: string
  /** Calls `listener` on SIGINT, SIGTERM and SIGHUP, until the function that it returns is called. */
  onInterrupt(listener: (signal: NodeJS.Signals) => void): () => void
  /** The same for the signals that a program in the foreground hands on to the one that it shows. */
  onSignal(listener: (signal: NodeJS.Signals) => void): () => void
}

/** The part of NodeJS.WriteStream that is used. */
export interface OutputStream {
  /** False where the reader is slower: `drain` tells when it has caught up. */
  write(data: string | Uint8Array): unknown
  on?(event: 'drain' | 'resize', listener: () => void): unknown
  off?(event: 'drain' | 'resize', listener: () => void): unknown
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
}

/** The part of NodeJS.ReadStream that is used. Nothing is read from it before a command wants it. */
export interface InputStream extends NodeJS.ReadableStream {
  readonly isTTY?: boolean
  setRawMode?(raw: boolean): unknown
  readonly fd?: number
  destroy?(): unknown
  unref?(): unknown
}

/** Which daemon is meant, as the options in front of the command say. */
export interface GlobalOptions {
  readonly root?: string
  readonly socket?: string
  readonly host?: string
}

export interface Cli extends CliContext {
  /** What the process is to end with; a command that fails throws in place of setting it. */
  exitCode: number
  globals: GlobalOptions
}

export function isTerminal(stream: OutputStream | InputStream): boolean {
  return stream.isTTY === true
}

/** The exit code of a command that has not what it needs, or is none. */
export const EXIT_FAILED = 1

/** The exit code where an option is wrong, or its value (as docker's). */
export const EXIT_BAD_OPTION = 125

/** 128 and the signal's number, as shells have it. */
export const EXIT_INTERRUPTED = 130

/** The exit code of a failure before a sandbox's command runs, so that it differs from the command's own (as `docker run`). */
export const EXIT_NOT_STARTED = 125
