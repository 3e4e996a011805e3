/** DNS over TCP: each message stands behind its length, two bytes (RFC 1035, 4.2.2). */

const LENGTH_SIZE = 2
const EMPTY = new Uint8Array()

/** A message as it is written: in one piece with its length, so that both leave in one segment (RFC 7766, 8). */
export function framed(message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(LENGTH_SIZE + message.length)
  bytes[0] = message.length >> 8
  bytes[1] = message.length & 0xff
  bytes.set(message, LENGTH_SIZE)
  return bytes
}

/**
 * Finds the messages in what comes, however it is cut. It holds one message that is not whole yet, in its own bytes and no others: a sender
 * that sends byte by byte costs no more memory than another.
 */
export class TcpMessages {
  /** What has come and was not looked at yet, from `#at` on. */
  #chunk: Uint8Array = EMPTY
  #at = 0
  /** First byte of the next message's length, where it has come alone; else -1. */
  #lengthHigh = -1
  #message: Uint8Array | undefined
  #filled = 0

  /** To be called when `next` has nothing more. */
  push(chunk: Uint8Array): void {
    this.#chunk = this.#at === this.#chunk.length ? chunk : Buffer.concat([this.#left(), chunk])
    this.#at = 0
  }

  /** The next whole message, in a buffer of its own; undefined where more has to come. One without a byte is no question, and no answer. */
  next(): Uint8Array | undefined {
    this.#message ??= this.#begin()
    if (this.#message === undefined) return undefined
    const piece = this.#left().subarray(0, this.#message.length - this.#filled)
    this.#message.set(piece, this.#filled)
    this.#filled += piece.length
    this.#at += piece.length
    if (this.#filled < this.#message.length) return undefined
    const message = this.#message
    this.#message = undefined
    return message
  }

  #left(): Uint8Array {
    return this.#chunk.subarray(this.#at)
  }

  /** Room for a message, as soon as its length is there. */
  #begin(): Uint8Array | undefined {
    if (this.#lengthHigh < 0) {
      if (this.#at === this.#chunk.length) return undefined
      this.#lengthHigh = this.#chunk[this.#at++]!
    }
    if (this.#at === this.#chunk.length) return undefined
    const length = (this.#lengthHigh << 8) | this.#chunk[this.#at++]!
    this.#lengthHigh = -1
    this.#filled = 0
    return new Uint8Array(length)
  }
}
