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
  /** Tunnels that the line is in. */
  depth: number = 0
  names: LineNames | undefined

  /** Whether `size` bytes are here; the line says so where they are not. */
  has(at: number, size: number): boolean {
    if (this.limit - at >= size) return true
    this.cut = true
    return false
  }
}

const EMPTY = new DataView(new ArrayBuffer(0))
