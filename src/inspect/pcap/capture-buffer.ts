/** Room at the start: a batch of packets that fits a second-level cache. */
const CAPACITY_MIN = 64 * 1024

/**
 * Bytes of a file that have come in and are not yet read: those from `start` to `end` of `bytes`. Grows with what comes in, never with what
 * the file says will come.
 */
export class CaptureBuffer {
  bytes: Uint8Array = new Uint8Array(CAPACITY_MIN)
  view: DataView = new DataView(this.bytes.buffer)
  start: number = 0
  end: number = 0
  /** Nothing comes in any more. */
  ended: boolean = false
  /** Where in the file the first of `bytes` is. */
  #base: number = 0

  /** Offset in the file of the byte at `position` of the buffer. */
  offsetOf(position: number): number {
    return this.#base + position
  }

  push(chunk: Uint8Array): void {
    this.space(chunk.length).set(chunk)
    this.end += chunk.length
  }

  /** Room for `size` more bytes, or a little more. */
  space(size: number): Uint8Array {
    if (this.bytes.length - this.end < size) this.#makeRoom(size)
    return this.bytes.subarray(this.end)
  }

  /** What is left of the last bytes goes to the front; where it is more than half of the buffer, to the front of a larger one. */
  #makeRoom(size: number): void {
    const left = this.end - this.start
    const wanted = left + size
    if (wanted > this.bytes.length || left > this.bytes.length / 2) {
      const larger = new Uint8Array(Math.max(this.bytes.length * 2, wanted))
      larger.set(this.bytes.subarray(this.start, this.end))
      this.bytes = larger
      this.view = new DataView(larger.buffer)
    } else {
      this.bytes.copyWithin(0, this.start, this.end)
    }
    this.#base += this.start
    this.start = 0
    this.end = left
  }
}
