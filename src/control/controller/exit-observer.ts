import { decodeExit, FrameType } from '../shim-frames.ts'

const HEADER_SIZE = 8
const EXIT_SIZE = 4

/** Looks at a stream of frames as it passes, and keeps the exit code that it ends with. Payloads are passed over, not copied. */
export class ExitObserver {
  readonly #header = new Uint8Array(HEADER_SIZE)
  #headerSize = 0
  /** Of the payload, what has not passed yet. */
  #left = 0
  readonly #payload: number[] = []

  /** Undefined until the exit frame has passed. */
  get exitCode(): number | undefined {
    if (this.#payload.length < EXIT_SIZE) return undefined
    return decodeExit({ type: FrameType.exit, payload: Uint8Array.from(this.#payload) })
  }

  look(chunk: Uint8Array): void {
    let at = 0
    while (at < chunk.length) at += this.#left > 0 ? this.#pass(chunk, at) : this.#lookAtHeader(chunk, at)
  }

  #pass(chunk: Uint8Array, at: number): number {
    const size = Math.min(this.#left, chunk.length - at)
    if (this.#header[0] === FrameType.exit) this.#payload.push(...chunk.subarray(at, at + size))
    this.#left -= size
    return size
  }

  #lookAtHeader(chunk: Uint8Array, at: number): number {
    const size = Math.min(HEADER_SIZE - this.#headerSize, chunk.length - at)
    this.#header.set(chunk.subarray(at, at + size), this.#headerSize)
    this.#headerSize += size
    if (this.#headerSize === HEADER_SIZE) {
      this.#left = new DataView(this.#header.buffer).getUint32(4)
      this.#headerSize = 0
    }
    return size
  }
}
