/** What the commands that stay with a sandbox's command share: run, start -a, attach and exec. */
import type { Duplex } from 'node:stream'
import type { SandboxInspect, Waited } from '../../control/api/sandbox.ts'
import { ErrorCode, TapwireError } from '../../control/errors.ts'
import { type ApiClient, segment } from '../api-client.ts'
import { type Cli, EXIT_BAD_OPTION, EXIT_FAILED, EXIT_NOT_STARTED } from '../cli.ts'
import { usage } from '../options.ts'
import type { SessionOptions } from '../stream/session.ts'

export interface ForegroundOptions {
  readonly detachKeys?: string
  readonly sigProxy: boolean
}

/** Which of the streams are ours. */
export interface Streams {
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
}

/** Throws USAGE for detach keys that are none. */
export async function sessionOptions(
  { detachKeys, sigProxy }: ForegroundOptions,
  tty: boolean,
  streams: Streams,
): Promise<SessionOptions> {
  return {
    ...streams,
    tty,
    // With a terminal, keys do what signals do without one.
    signalProxy: sigProxy && !tty,
    detachKeys: detachKeys === undefined ? undefined : await parsedKeys(detachKeys),
  }
}

async function parsedKeys(text: string): Promise<number[]> {
  const { parseDetachKeys } = await import('../stream/detach-keys.ts')
  return parseDetachKeys(text)
}

const NO_TERMINAL = 'the input device is not a TTY'

/** Throws where -t is asked for and standard input is no terminal, in Docker's words. */
export function checkTerminal(cli: Cli, tty: boolean, stdin: boolean): void {
  if (!tty || !stdin || cli.stdin.isTTY === true) return
  throw usage(NO_TERMINAL, 'Leave -t away where input comes from a pipe.')
}

/** What the end of a sandbox comes to. */
type Over = 'not-running' | 'removed'

/** Attaches to a sandbox, does `begin`, and stays until the command ends. Returns the exit code; 0 where it was left by the keys. */
export async function attachAndStay(
  cli: Cli,
  api: ApiClient,
  sandbox: string,
  options: SessionOptions,
  begin: (signal: AbortSignal) => Promise<void> = async () => {},
  over: Over = 'not-running',
): Promise<number> {
  const { Session } = await import('../stream/session.ts')
  const stream = await openStream(api, sandbox)
  const ended = new Session(cli, stream, options).run()
  const interrupt = new AbortController()
  try {
    // A start that fails closes the stream as well; its own error says more. A signal ends the wait for it.
    ended.catch((error: unknown) => {
      if (error instanceof TapwireError && error.code === ErrorCode.interrupted) interrupt.abort()
    })
    await begin(interrupt.signal)
  } catch (error) {
    if (interrupt.signal.aborted) await ended
    stream.destroy()
    await ended.catch(() => undefined)
    throw error
  }
  const end = await ended
  if (end.kind === 'exit') {
    await whenOver(api, sandbox, over)
    return end.code
  }
  cli.stderr.write('read escape sequence\n')
  return 0
}

async function openStream(api: ApiClient, sandbox: string): Promise<Duplex> {
  const stream = await api.upgrade(`/sandboxes/${segment(sandbox)}/attach`)
  if (stream === undefined) throw new Error('the daemon opens no stream')
  return stream
}

/**
 * Waits until the daemon has dealt with the end of a command that has ended: who asks next is told that it has, and one that
 * removes itself is gone.
 */
async function whenOver(api: ApiClient, sandbox: string, condition: Over): Promise<void> {
  try {
    await api.post<Waited>(`/sandboxes/${segment(sandbox)}/wait`, { query: { condition }, patient: true })
  } catch (error) {
    // It is gone already. Another trouble takes nothing from the exit code, and shows itself elsewhere.
    if (!(error instanceof TapwireError)) throw error
  }
}

export function startSandbox(api: ApiClient, sandbox: string, signal?: AbortSignal): Promise<void> {
  return api.post(`/sandboxes/${segment(sandbox)}/start`, {
    patient: true,
    ...(signal === undefined ? undefined : { signal }),
  })
}

export function inspectSandbox(api: ApiClient, sandbox: string): Promise<SandboxInspect> {
  return api.get<SandboxInspect>(`/sandboxes/${segment(sandbox)}`)
}

/**
 * Runs `action`; what it throws ends the program with `otherwise`, or with 126 and 127 where the command cannot be executed or
 * is not there, and with 125 where options are wrong (as `docker run`).
 */
export async function withStartExitCodes<T>(
  action: () => Promise<T>,
  otherwise: number = EXIT_NOT_STARTED,
): Promise<T> {
  try {
    return await action()
  } catch (error) {
    if (!(error instanceof TapwireError)) throw error
    const { code, message, hint, cause } = error
    throw new TapwireError(code, message, { hint, cause, exitCode: exitCodeOf(error, otherwise) })
  }
}

function exitCodeOf({ code, exitCode, message }: TapwireError, otherwise: number): number {
  if (message === NO_TERMINAL) return EXIT_FAILED
  if (exitCode > 1) return exitCode
  if (code === ErrorCode.usage) return EXIT_BAD_OPTION
  // The texts by which docker's client judges as well.
  if (/executable file not found|no such file or directory/i.test(message)) return 127
  if (/permission denied|is a directory/i.test(message)) return 126
  return otherwise
}
