import { spawnSync } from 'node:child_process'
import { SHIM_FRAME_MAX } from '../../limits.ts'
import type { InputStream } from '../cli.ts'
import { DetachWatch } from './detach-keys.ts'

/** Takes what the pump finds. */
export interface StdinSink {
  /** False: no more before `drained` says so. */
  data(bytes: Uint8Array): boolean
  end(): void
  /** The detach keys were typed. */
  detach(): void
  drained(resume: () => void): void
}

/** Reads standard input piece by piece; as a terminal, in raw mode, so that each key arrives as it is typed. */
export class StdinPump {
  readonly #input: InputStream
  readonly #watch: DetachWatch | undefined
  #stopListening: (() => void) | undefined

  /** `detachKeys` empty: the input is taken as it is, and a terminal is left as it is. */
  constructor(input: InputStream, detachKeys: readonly number[]) {
    this.#input = input
    this.#watch = detachKeys.length === 0 ? undefined : new DetachWatch(detachKeys)
  }

  start(sink: StdinSink): void {
    const input = this.#input
    const onData = (chunk: Buffer) => this.#pump(chunk, sink)
    const onEnd = () => sink.end()
    input.on('data', onData)
    input.once('end', onEnd)
    input.once('error', onEnd)
    const stopRaw = this.#watch === undefined ? () => {} : rawMode(input)
    this.#stopListening = () => {
      input.off('data', onData)
      input.off('end', onEnd)
      input.off('error', onEnd)
      stopRaw()
      input.pause()
      // A pipe that nobody ends would keep this process.
      input.unref?.()
    }
  }

  stop(): void {
    this.#stopListening?.()
    this.#stopListening = undefined
  }

  #pump(chunk: Buffer, sink: StdinSink): void {
    const { bytes, detached } = this.#watch?.push(chunk) ?? { bytes: chunk, detached: false }
    let isFree = true
    for (let at = 0; at < bytes.length; at += SHIM_FRAME_MAX) {
      isFree = sink.data(bytes.subarray(at, at + SHIM_FRAME_MAX))
    }
    if (detached) {
      sink.detach()
    } else if (!isFree) {
      this.#input.pause()
      sink.drained(() => {
        if (this.#stopListening !== undefined) this.#input.resume()
      })
    }
  }
}

/** Puts a terminal into raw mode. It is put back by what this returns, and should that not be called, when the process ends. */
function rawMode(input: InputStream): () => void {
  if (input.isTTY !== true || input.setRawMode === undefined) return () => {}
  const restore = () => {
    input.setRawMode?.(false)
    process.off('exit', restore)
  }
  process.once('exit', restore)
  input.setRawMode(true)
  leaveOutputAlone(input)
  return restore
}

/**
 * Node's raw mode still puts a carriage return in front of each line feed that is written (termios(3), OPOST and ONLCR). The
 * sandbox's terminal has done so where it is to be done, and a program that draws its screen means a line feed alone.
 */
function leaveOutputAlone({ fd }: InputStream): void {
  if (fd !== undefined) spawnSync('stty', ['-opost'], { stdio: [fd, 'ignore', 'ignore'] })
}
