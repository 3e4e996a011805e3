/** What a command gets from the process around it, so that a test can give it something else. */
export interface CliContext {
  readonly env: NodeJS.ProcessEnv
  readonly stdout: OutputStream
  readonly stderr: OutputStream
  /** The daemon's main module. */
  readonly daemonProgram: string
  /** Calls `listener` on SIGINT, SIGTERM and SIGHUP, until the function that it returns is called. */
  onInterrupt(listener: (signal: NodeJS.Signals) => void): () => void
}

/** The part of NodeJS.WriteStream that is used. */
export interface OutputStream {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
}

export interface Cli extends CliContext {
  /** What the process is to end with; a command that fails throws in place of setting it. */
  exitCode: number
}

/** The exit code where the command line itself is wrong. */
export const EXIT_USAGE = 2

/** 128 and the signal's number, as shells have it. */
export const EXIT_INTERRUPTED = 130
