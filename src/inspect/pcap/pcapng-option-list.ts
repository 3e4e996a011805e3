import type { CaptureTime } from './capture-file.ts'
import { OPTION_HEADER, padded } from './pcapng-options.ts'
import { putTimestamp } from './timestamp.ts'

/** A value's length has two bytes. Longer text is cut, between two characters. */
const VALUE_MAX = 0xffff

/** Bytes that one block's options may have: the whole of it is to be readable everywhere. More are left out. */
const OPTIONS_MAX = 1024 * 1024

const encoder = new TextEncoder()

/** Options of a block, little-endian, as they are collected before the block's length is known. */
export class OptionList {
  #values: { readonly code: number; readonly value: Uint8Array }[] = []
  #size = 0

  /** Of the options with the one that ends them; 0 where there are none. */
  get size(): number {
    return this.#size === 0 ? 0 : this.#size + OPTION_HEADER
  }

  /** Texts that are absent or empty are left out, as all values that are absent. */
  text(code: number, text: string | undefined): this {
    return text === undefined || text === '' ? this : this.bytes(code, cutText(encoder.encode(text)))
  }

  uint8(code: number, value: number): this {
    return this.bytes(code, Uint8Array.of(value))
  }

  uint32(code: number, value: number): this {
    const bytes = new Uint8Array(4)
    new DataView(bytes.buffer).setUint32(0, value, true)
    return this.bytes(code, bytes)
  }

  uint64(code: number, value: number | undefined): this {
    if (value === undefined) return this
    const bytes = new Uint8Array(8)
    new DataView(bytes.buffer).setBigUint64(0, BigInt(Math.max(0, Math.trunc(value))), true)
    return this.bytes(code, bytes)
  }

  time(code: number, time: CaptureTime | undefined): this {
    if (time === undefined) return this
    const bytes = new Uint8Array(8)
    putTimestamp(new DataView(bytes.buffer), 0, time.seconds, time.nanoseconds)
    return this.bytes(code, bytes)
  }

  bytes(code: number, value: Uint8Array): this {
    const size = OPTION_HEADER + padded(value.length)
    if (this.#size + size > OPTIONS_MAX) return this
    this.#values.push({ code, value })
    this.#size += size
    return this
  }

  /** Writes `size` bytes. */
  put(bytes: Uint8Array, view: DataView, start: number): void {
    if (this.#size === 0) return
    let at = start
    for (const { code, value } of this.#values) {
      view.setUint16(at, code, true)
      view.setUint16(at + 2, value.length, true)
      bytes.set(value, at + OPTION_HEADER)
      const end = at + OPTION_HEADER + value.length
      at += OPTION_HEADER + padded(value.length)
      bytes.fill(0, end, at)
    }
    view.setUint32(at, 0, true)
  }
}

const CONTINUATION = 0x80
const CONTINUATION_MASK = 0xc0

function cutText(bytes: Uint8Array): Uint8Array {
  if (bytes.length <= VALUE_MAX) return bytes
  let end = VALUE_MAX
  while ((bytes[end]! & CONTINUATION_MASK) === CONTINUATION) end--
  return bytes.subarray(0, end)
}
