/** Takes the bytes of a capture file in their order. They are its own from then on: nothing changes them any more. */
export type CaptureSink = (bytes: Uint8Array) => void

/** Bytes that are handed over at once: enough for one system call to cost little beside them. */
const BATCH_SIZE = 256 * 1024

/** Small packets byte by byte: a view of them, which `set` needs, costs more than that. */
const COPY_BY_BYTE_MAX = 64

/**
 * What was written and is not yet handed over. A batch that is full goes to the sink as it is, and the next one is another buffer; of one that
 * is flushed early, the sink gets a copy.
 */
export class CaptureBatch {
  bytes: Uint8Array = new Uint8Array(BATCH_SIZE)
  view: DataView = new DataView(this.bytes.buffer)
  #sink: CaptureSink
  #end = 0

  constructor(sink: CaptureSink) {
    this.#sink = sink
  }

  /** Position of `size` bytes, which the caller writes: all of them, as what was there before is not cleared. */
  reserve(size: number): number {
    if (this.#end + size > this.bytes.length) this.#next(size)
    const at = this.#end
    this.#end = at + size
    return at
  }

  /** Copies bytes to a position that was reserved. */
  put(from: Uint8Array, offset: number, length: number, at: number): void {
    if (length > COPY_BY_BYTE_MAX) {
      this.bytes.set(from.subarray(offset, offset + length), at)
      return
    }
    const to = this.bytes
    for (let i = 0; i < length; i++) to[at + i] = from[offset + i]!
  }

  flush(): void {
    if (this.#end === 0) return
    const bytes = this.bytes.slice(0, this.#end)
    this.#end = 0
    this.#sink(bytes)
  }

  #next(size: number): void {
    const full = this.bytes.subarray(0, this.#end)
    this.bytes = new Uint8Array(Math.max(BATCH_SIZE, size))
    this.view = new DataView(this.bytes.buffer)
    this.#end = 0
    if (full.length > 0) this.#sink(full)
  }
}
