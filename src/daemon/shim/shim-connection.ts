/** One connection to a shim. Requests are answered in their order; the exit frame is the last one. */

import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { dirname } from 'node:path'
import type { Duplex } from 'node:stream'
import { ErrorCode, TapwireError } from '../../control/errors.ts'
import {
  decodeExit,
  decodeFailed,
  decodeNumber,
  type Frame,
  FrameDecoder,
  FrameType,
} from '../../control/shim-frames.ts'
import { SHIM_GREETING_MS, SOCKET_PATH_MAX } from '../../limits.ts'

interface Waiting {
  readonly resolve: (frame: Frame) => void
  readonly reject: (error: Error) => void
}

/** The daemon's own connection to a sandbox: it asks, and hears how the sandbox ends. */
export class ShimConnection {
  /** Of the shim; and of the command, 0 where there was none yet. */
  readonly holderPid: number
  readonly commandPid: number
  /** The command's exit code when the shim has told it; undefined where the connection ended without. Never rejects. */
  readonly ended: Promise<number | undefined>
  readonly #socket: Socket
  readonly #decoder = new FrameDecoder()
  readonly #waiting: Waiting[] = []
  #exitCode: number | undefined
  #over = false

  private constructor(socket: Socket, state: Frame) {
    this.holderPid = decodeNumber(state)
    this.commandPid = decodeNumber(state, 4)
    this.#socket = socket
    socket.on('data', (chunk: Uint8Array) => this.#receive(chunk))
    this.ended = new Promise((resolve) => {
      socket.once('close', () => {
        this.#over = true
        for (const { reject } of this.#waiting.splice(0)) reject(hasEnded())
        resolve(this.#exitCode)
      })
    })
  }

  /** Throws SANDBOX_ENDED where no shim listens there, or one that does not say in time who it is. */
  static async open(socketPath: string): Promise<ShimConnection> {
    const socket = await connected(socketPath)
    socket.setTimeout(SHIM_GREETING_MS, () => socket.destroy())
    const greeting = await nextFrame(socket)
    socket.setTimeout(0)
    return new ShimConnection(socket, greeting)
  }

  /** Throws what the shim says where it fails: COMMAND_NOT_FOUND, COMMAND_NOT_EXECUTABLE, or SANDBOX_START. */
  async request(...frames: readonly Uint8Array[]): Promise<Frame> {
    if (this.#over) throw hasEnded()
    const answer = new Promise<Frame>((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
    })
    this.send(...frames)
    return accepted(await answer)
  }

  /** What has no answer. */
  send(...frames: readonly Uint8Array[]): void {
    for (const frame of frames) this.#socket.write(frame)
  }

  /** Does not keep this process up any more. */
  unref(): void {
    this.#socket.unref()
  }

  close(): void {
    this.#socket.destroy()
  }

  #receive(chunk: Uint8Array): void {
    this.#decoder.push(chunk)
    try {
      for (let frame = this.#decoder.next(); frame !== undefined; frame = this.#decoder.next()) {
        if (frame.type === FrameType.exit) this.#exitCode = decodeExit(frame)
        else this.#waiting.shift()?.resolve(frame)
      }
    } catch {
      this.#socket.destroy()
    }
  }
}

/**
 * A connection for one request, whose bytes are the caller's behind the answer. Throws SANDBOX_ENDED where no shim listens, and what
 * the shim says where it fails.
 */
export async function openStream(socketPath: string, ...frames: readonly Uint8Array[]): Promise<Duplex> {
  const socket = await connected(socketPath)
  try {
    await nextFrame(socket)
    for (const frame of frames) socket.write(frame)
    accepted(await nextFrame(socket))
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  }
}

/** Reads one frame, and leaves all that is behind it in the socket. */
async function nextFrame(socket: Socket): Promise<Frame> {
  const decoder = new FrameDecoder()
  for (;;) {
    const chunk = socket.read() as Uint8Array | null
    if (chunk === null) {
      if (socket.destroyed || socket.readableEnded) throw hasEnded()
      await readableOrOver(socket)
      continue
    }
    decoder.push(chunk)
    const frame = decoder.next()
    if (frame === undefined) continue
    if (decoder.rest().length > 0) socket.unshift(decoder.rest())
    return frame
  }
}

/** Which event came is seen by reading. */
function readableOrOver(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const events = ['readable', 'end', 'close']
    const done = (): void => {
      for (const event of events) socket.off(event, done)
      resolve()
    }
    for (const event of events) socket.on(event, done)
  })
}

/** The way to a socket in a deep folder is by a descriptor of the folder: a socket's path has 107 bytes at most. */
async function connected(path: string): Promise<Socket> {
  const long = Buffer.byteLength(path) > SOCKET_PATH_MAX
  let folder: number | undefined
  try {
    folder = long ? openSync(dirname(path), 'r') : undefined
    const socket = connect(folder === undefined ? path : `/proc/self/fd/${folder}/shim.sock`)
    await once(socket, 'connect')
    // Whatever it is, 'close' comes behind it.
    socket.on('error', () => {})
    return socket
  } catch (error) {
    throw new TapwireError(ErrorCode.sandboxEnded, 'The sandbox has ended.', { cause: error })
  } finally {
    if (folder !== undefined) closeSync(folder)
  }
}

const hasEnded = (): TapwireError => new TapwireError(ErrorCode.sandboxEnded, 'The sandbox has ended.')

/** The frame, unless it says that the request failed. */
function accepted(frame: Frame): Frame {
  if (frame.type !== FrameType.failed) return frame
  const { exitCode, message } = decodeFailed(frame)
  const code =
    exitCode === 127
      ? ErrorCode.commandNotFound
      : exitCode === 126
        ? ErrorCode.commandNotExecutable
        : ErrorCode.sandboxStart
  throw new TapwireError(code, message, { exitCode })
}
