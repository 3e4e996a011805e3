import { Duplex } from 'node:stream'

/** Sees what is read from a stream, and leaves it as it is. */
export type Look = (chunk: Uint8Array) => void

/**
 * A stream that is there before what it leads to. What is written waits until `connect`, and what is read comes from then on.
 * Both ends push back: one chunk at a time is under way.
 */
export class LateStream extends Duplex {
  #target: Duplex | undefined
  #waiting: (() => void) | undefined
  readonly #look: Look | undefined

  constructor(look?: Look) {
    super()
    this.#look = look
  }

  connect(target: Duplex): void {
    if (this.destroyed) {
      target.destroy()
      return
    }
    this.#target = target
    target.on('data', (chunk: Buffer) => {
      this.#look?.(chunk)
      if (!this.push(chunk)) target.pause()
    })
    target.on('end', () => {
      this.push(null)
      // It takes no more. What waits to be read is not lost by that.
      this.once('end', () => this.destroy())
    })
    target.on('error', (error) => this.destroy(error))
    target.on('close', () => {
      if (!target.readableEnded) this.destroy()
    })
    this.#waiting?.()
    this.#waiting = undefined
  }

  override _read(): void {
    this.#target?.resume()
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#whenConnected((target) => {
      if (target.readableEnded) done()
      else target.write(chunk, encoding, done)
    })
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#whenConnected((target) => {
      if (target.readableEnded) done()
      else target.end(done)
    })
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#target?.destroy()
    done(error)
  }

  #whenConnected(use: (target: Duplex) => void): void {
    const target = this.#target
    if (target === undefined) this.#waiting = () => use(this.#target!)
    else use(target)
  }
}
