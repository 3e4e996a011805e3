/**
 * The frames in which the streams of a sandbox's commands travel: between the shim and the daemon, and on to the command
 * line. native/shim/README.md has the table.
 *
 *     | type | 0 | 0 | 0 | length, 32 bits, network order | payload |
 */

import { SHIM_FRAME_MAX } from '../limits.ts'

export const FrameType = {
  stdin: 0,
  stdout: 1,
  stderr: 2,
  resize: 3,
  exit: 4,
  signal: 5,
  start: 6,
  attach: 7,
  exec: 8,
  started: 9,
  failed: 10,
  state: 11,
  sysctl: 12,
  done: 13,
  lastwords: 14,
} as const

/** Any byte may stand where the type does; the decoder lets it through, and who reads it decides. */
export interface Frame {
  readonly type: number
  readonly payload: Uint8Array
}

const HEADER_SIZE = 8
const SIGNAL_MAX = 64
const NOTHING = new Uint8Array(0)

/** Throws RangeError for a payload longer than SHIM_FRAME_MAX. */
export function encodeFrame(type: number, payload: Uint8Array = NOTHING): Uint8Array {
  if (payload.length > SHIM_FRAME_MAX) {
    throw new RangeError(`a frame of ${payload.length} bytes; ${SHIM_FRAME_MAX} is the most`)
  }
  const frame = new Uint8Array(HEADER_SIZE + payload.length)
  frame[0] = type
  new DataView(frame.buffer).setUint32(4, payload.length)
  frame.set(payload, HEADER_SIZE)
  return frame
}

/** Bytes of any length, as frames of one type one behind the other. None at all for no bytes. */
export function* encodeChunks(type: number, bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += SHIM_FRAME_MAX) {
    yield encodeFrame(type, bytes.subarray(at, at + SHIM_FRAME_MAX))
  }
}

/** The size of a terminal, of the process that the connection is for. */
export function encodeResize(rows: number, columns: number): Uint8Array {
  const payload = new Uint8Array(4)
  const view = new DataView(payload.buffer)
  view.setUint16(0, rows)
  view.setUint16(2, columns)
  return encodeFrame(FrameType.resize, payload)
}

/** `number` as in signal(7). Throws RangeError for what is none. */
export function encodeSignal(number: number): Uint8Array {
  if (!(number >= 1 && number <= SIGNAL_MAX)) throw new RangeError(`there is no signal ${number}`)
  return encodeFrame(FrameType.signal, Uint8Array.of(number))
}

export interface PlanFlags {
  readonly tty: boolean
  readonly openStdin: boolean
  /** Nobody listens to it: its streams are /dev/null, and it runs on when the connection closes. */
  readonly detached?: boolean | undefined
}

/**
 * What to run, as frames of `type`, the last one shorter than the others. Throws RangeError where a string has a NUL, which
 * would be the end of it.
 */
export function encodePlan(
  type: typeof FrameType.start | typeof FrameType.exec,
  flags: PlanFlags,
  workingDirectory: string,
  command: readonly string[],
  environment: readonly string[],
): Uint8Array[] {
  const letters = `${flags.tty ? 't' : ''}${flags.openStdin ? 'i' : ''}${flags.detached ? 'd' : ''}`
  const strings = [letters, workingDirectory, String(command.length), ...command, ...environment]
  if (strings.some((string) => string.includes('\0')))
    throw new RangeError('a command has no NUL in its words')
  const bytes = new TextEncoder().encode(strings.map((string) => `${string}\0`).join(''))
  const frames = [...encodeChunks(type, bytes)]
  return bytes.length % SHIM_FRAME_MAX === 0 ? [...frames, encodeFrame(type)] : frames
}

/** The exit code of an `exit` frame; Docker's 255 where the payload is none. */
export const decodeExit = ({ payload }: Frame): number =>
  payload.length === 4 ? viewOf(payload).getInt32(0) : 255

export interface Failed {
  readonly exitCode: number
  readonly message: string
}

export const decodeFailed = ({ payload }: Frame): Failed => ({
  exitCode: payload[0] ?? 125,
  message: new TextDecoder().decode(payload.subarray(1)),
})

/** A 32-bit number at the payload's beginning: a process id of `started`; 0 where the payload is too short. */
export const decodeNumber = ({ payload }: Frame, at = 0): number =>
  payload.length >= at + 4 ? viewOf(payload).getUint32(at) : 0

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** Takes bytes as they come, and gives the frames that are whole. */
export class FrameDecoder {
  #bytes: Uint8Array = NOTHING

  push(chunk: Uint8Array): void {
    if (this.#bytes.length === 0) {
      this.#bytes = chunk
      return
    }
    const joined = new Uint8Array(this.#bytes.length + chunk.length)
    joined.set(this.#bytes)
    joined.set(chunk, this.#bytes.length)
    this.#bytes = joined
  }

  /**
   * The next frame; undefined until more has come. Its payload is a view of what was pushed. Throws RangeError where the bytes
   * are no frame; nothing that follows can be read then.
   */
  next(): Frame | undefined {
    const bytes = this.#bytes
    if (bytes.length < HEADER_SIZE) return undefined
    const length = viewOf(bytes).getUint32(4)
    if (length > SHIM_FRAME_MAX || bytes[1] !== 0 || bytes[2] !== 0 || bytes[3] !== 0)
      throw new RangeError('this is no frame of a stream')
    const end = HEADER_SIZE + length
    if (bytes.length < end) return undefined
    this.#bytes = bytes.subarray(end)
    return { type: bytes[0] ?? 0, payload: bytes.subarray(HEADER_SIZE, end) }
  }

  /** What has come and is in no frame yet. */
  rest(): Uint8Array {
    return this.#bytes
  }
}
