/**
 * A line of text that grows in a buffer, as ASCII, without strings: those would cost more than all else that a packet's line does. Whoever
 * begins a line provides for its room (`LINE_MAX`); what is written beyond the buffer's end is lost, and harmless.
 */

/** Text as bytes, made once. */
export const ascii = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0))

const ZERO = 0x30
const LETTER_A_AFTER_9 = 0x61 - 10
const BLANK = 0x20
const LAST_PRINTABLE = 0x7e
const QUESTION_MARK = 0x3f
const MILLIARD = 1_000_000_000

export class LineText {
  bytes: Uint8Array
  end: number = 0

  constructor(size: number) {
    this.bytes = new Uint8Array(size)
  }

  put(text: Uint8Array): void {
    const { bytes, end } = this
    const { length } = text
    for (let i = 0; i < length; i++) bytes[end + i] = text[i]!
    this.end = end + length
  }

  byte(code: number): void {
    this.bytes[this.end++] = code
  }

  /** Any number from 0 to 2^53 - 1. */
  decimal(value: number): void {
    if (value < 10) {
      this.bytes[this.end++] = ZERO + value
      return
    }
    if (value >= MILLIARD) {
      const high = Math.floor(value / MILLIARD)
      this.decimal(high)
      this.padded(value - high * MILLIARD, 9)
      return
    }
    this.padded(value, digitsOf(value))
  }

  /** The last `digits` digits of a number below a milliard, with zeros in front. */
  padded(value: number, digits: number): void {
    const { bytes, end } = this
    let rest = value | 0
    for (let at = end + digits - 1; at >= end; at--) {
      const tenth = (rest / 10) | 0
      bytes[at] = ZERO + (rest - tenth * 10)
      rest = tenth
    }
    this.end = end + digits
  }

  /** The last `digits` hexadecimal digits. */
  hex(value: number, digits: number): void {
    for (let shift = (digits - 1) * 4; shift >= 0; shift -= 4) {
      const digit = (value >>> shift) & 0xf
      this.bytes[this.end++] = digit < 10 ? ZERO + digit : LETTER_A_AFTER_9 + digit
    }
  }

  /** Without zeros in front: `0`, `1f`. */
  shortHex(value: number): void {
    this.hex(value, value > 0xfff ? 4 : value > 0xff ? 3 : value > 0xf ? 2 : 1)
  }

  /** Text of a packet: what does not print, or could steer a terminal, is `?`. */
  printable(view: DataView, offset: number, length: number): void {
    for (let i = 0; i < length; i++) {
      const code = view.getUint8(offset + i)
      this.bytes[this.end++] = code >= BLANK && code <= LAST_PRINTABLE ? code : QUESTION_MARK
    }
  }

  /** A string, for what is rare. */
  text(text: string): void {
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      this.bytes[this.end++] = code >= BLANK && code <= LAST_PRINTABLE ? code : QUESTION_MARK
    }
  }
}

function digitsOf(value: number): number {
  if (value < 10_000) return value < 100 ? (value < 10 ? 1 : 2) : value < 1000 ? 3 : 4
  if (value < 1_000_000) return value < 100_000 ? 5 : 6
  return value < 10_000_000 ? 7 : value < 100_000_000 ? 8 : 9
}
