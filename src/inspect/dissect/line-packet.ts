/** What the parts of a line share: the text so far, the packet's bytes, and where they end. */

import { LineText } from './line-text.ts'

/** Names in place of addresses, by what the capture says of them. */
export interface LineNames {
  /** Address as text (IPv4, IPv6, MAC) to name. */
  readonly byAddress: ReadonlyMap<string, string>
}

/**
 * The longest line: twice (a tunnel and what is in it) the addresses with names of 255 letters and the longest application's text, some
 * 1,600 letters.
 */
export const LINE_MAX = 8192

/** Letters of a name, or of a packet's text, that one line shows. */
export const NAME_LETTERS_MAX = 255

export class LinePacket extends LineText {
  view: DataView = EMPTY
  /** Of the bytes that are here; a header's length may have brought it nearer. */
  limit: number = 0
  /** Where the packet ended on the wire: behind `limit` where the capture has cut it. */
  wireEnd: number = 0
  /** Something that was looked for is behind `limit`. */
  cut: boolean = false
  /** Tunnels that the line is in, and where the frame begins that the last one carries: it is described next; -1 where there is none. */
  depth: number = 0
  inner: number = -1
  names: LineNames | undefined

  /** The number of 32 bits at `at`. */
  uint32(at: number): void {
    this.unsigned(this.view.getInt32(at))
  }

  /**
   * The 32 bits of `value` without a sign. Signed arithmetic throughout: numbers beyond 31 bits are objects wherever V8 passes them from
   * one function to another.
   */
  unsigned(value: number): void {
    if (value >= 0) return this.decimal(value)
    const milliards = ((value >>> 1) / HALF_A_MILLIARD) | 0
    this.decimal(milliards)
    this.padded((value - Math.imul(milliards, 2 * HALF_A_MILLIARD)) | 0, 9)
  }

  /** Whether `size` bytes are here; the line says so where they are not. */
  has(at: number, size: number): boolean {
    if (this.limit - at >= size) return true
    this.cut = true
    return false
  }
}

const HALF_A_MILLIARD = 500_000_000

const EMPTY = new DataView(new ArrayBuffer(0))
