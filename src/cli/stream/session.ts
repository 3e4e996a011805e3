/** A sandbox's command in the foreground: its streams are this process's, and so are its signals and its terminal. */
import { constants } from 'node:os'
import type { Duplex } from 'node:stream'
import { ErrorCode, TapwireError } from '../../control/errors.ts'
import {
  decodeExit,
  decodeFailed,
  encodeFrame,
  encodeResize,
  encodeSignal,
  type Frame,
  FrameDecoder,
  FrameType,
} from '../../control/shim-frames.ts'
import type { Cli, OutputStream } from '../cli.ts'
import { DETACH_KEYS_DEFAULT } from './detach-keys.ts'
import { StdinPump } from './stdin-pump.ts'

export interface SessionOptions {
  /** The other side is a terminal, and ours becomes its. */
  readonly tty: boolean
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  /** Signals to this process are handed on. */
  readonly signalProxy: boolean
  /** Bytes that leave the command alone with its terminal; ctrl-p,ctrl-q where undefined. */
  readonly detachKeys: readonly number[] | undefined
}

export type SessionEnd =
  | { readonly kind: 'exit'; readonly code: number }
  /** By the keys. The command goes on. */
  | { readonly kind: 'detached' }

/** What `attach` and `exec` give: frames in both directions until the command ends or the keys are typed. */
export class Session {
  readonly #cli: Cli
  readonly #stream: Duplex
  readonly #options: SessionOptions
  readonly #decoder = new FrameDecoder()
  readonly #undo: (() => void)[] = []
  #settle: { resolve(end: SessionEnd): void; reject(error: unknown): void } | undefined

  constructor(cli: Cli, stream: Duplex, options: SessionOptions) {
    this.#cli = cli
    this.#stream = stream
    this.#options = options
  }

  /**
   * Resolves when the command has ended or was left. Rejects where it could not be started, with its exit code (125, 126 or
   * 127), and where the daemon goes away. The terminal is as before in each case.
   */
  async run(): Promise<SessionEnd> {
    const ended = new Promise<SessionEnd>((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
    try {
      this.#connectStream()
      if (this.#options.stdin) this.#connectStdin()
      if (this.#options.tty) this.#connectSize()
      if (this.#options.signalProxy) this.#connectSignals()
      else this.#watchInterrupts()
      return await ended
    } finally {
      for (const undo of this.#undo.toReversed()) undo()
      this.#stream.destroy()
    }
  }

  #connectStream(): void {
    if (this.#stream.destroyed) throw streamBroken()
    this.#stream.on('data', (chunk: Buffer) => this.#receive(chunk))
    this.#stream.once('error', (cause) => this.#settle?.reject(streamBroken(cause)))
    this.#stream.once('close', () => this.#settle?.reject(streamBroken()))
    // A terminal that is slower than the command holds it up.
    for (const output of [this.#cli.stdout, this.#cli.stderr]) {
      const resume = () => this.#stream.resume()
      output.on?.('drain', resume)
      this.#undo.push(() => output.off?.('drain', resume))
    }
  }

  #receive(chunk: Buffer): void {
    try {
      this.#decoder.push(chunk)
      for (let frame = this.#decoder.next(); frame !== undefined; frame = this.#decoder.next())
        this.#handle(frame)
    } catch (cause) {
      this.#settle?.reject(streamBroken(cause))
    }
  }

  #handle(frame: Frame): void {
    const { type, payload } = frame
    if (type === FrameType.stdout && this.#options.stdout) this.#show(this.#cli.stdout, payload)
    else if (type === FrameType.stderr && this.#options.stderr) this.#show(this.#cli.stderr, payload)
    else if (type === FrameType.exit) this.#settle?.resolve({ kind: 'exit', code: decodeExit(frame) })
    else if (type === FrameType.failed) this.#settle?.reject(notStarted(frame))
  }

  #show(output: OutputStream, payload: Uint8Array): void {
    if (output.write(payload) === false && output.on !== undefined) this.#stream.pause()
  }

  #connectStdin(): void {
    const { tty, detachKeys = DETACH_KEYS_DEFAULT } = this.#options
    const pump = new StdinPump(this.#cli.stdin, tty ? detachKeys : [])
    this.#undo.push(() => pump.stop())
    pump.start({
      data: (bytes) => this.#send(encodeFrame(FrameType.stdin, bytes)),
      end: () => this.#send(encodeFrame(FrameType.stdin)),
      detach: () => this.#settle?.resolve({ kind: 'detached' }),
      drained: (resume) => this.#stream.once('drain', resume),
    })
  }

  #connectSize(): void {
    const { stdout } = this.#cli
    const tell = () => {
      const { rows, columns } = stdout
      if (rows !== undefined && columns !== undefined) this.#send(encodeResize(rows, columns))
    }
    tell()
    stdout.on?.('resize', tell)
    this.#undo.push(() => stdout.off?.('resize', tell))
  }

  #connectSignals(): void {
    this.#undo.push(this.#cli.onSignal((signal) => this.#send(encodeSignal(constants.signals[signal]))))
  }

  /** Who ends this program and not the command, gets the terminal back all the same. */
  #watchInterrupts(): void {
    this.#undo.push(
      this.#cli.onInterrupt((signal) =>
        this.#settle?.reject(
          new TapwireError(ErrorCode.interrupted, `Interrupted by ${signal}; the command may go on.`, {
            exitCode: 128 + constants.signals[signal],
          }),
        ),
      ),
    )
  }

  /** False where the connection is slower than what is sent. */
  #send(frame: Uint8Array): boolean {
    return this.#stream.writable && this.#stream.write(frame)
  }
}

function notStarted(frame: Frame): TapwireError {
  const { exitCode, message } = decodeFailed(frame)
  return new TapwireError(ErrorCode.commandFailed, message, { exitCode })
}

function streamBroken(cause?: unknown): TapwireError {
  const why = cause instanceof Error ? `: ${cause.message}` : ''
  return new TapwireError(ErrorCode.daemonUnreachable, `The daemon has hung up${why}.`, {
    hint: 'The command may go on; `tapwire ps` and `tapwire logs` show it.',
    cause,
  })
}
