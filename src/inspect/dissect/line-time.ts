/** The time in front of a line. */

import type { LineText } from './line-text.ts'

/**
 * `date`: 2026-03-01T12:00:00.000001Z; `clock`: 12:00:00.000001, of UTC; `epoch`: seconds since 1970; `relative`: since the first packet;
 * `delta`: since the one before.
 */
export const TIME_FORMATS = ['date', 'clock', 'epoch', 'relative', 'delta', 'none'] as const
export type TimeFormat = (typeof TIME_FORMATS)[number]

const BLANK = 0x20
const DOT = 0x2e
const MINUS = 0x2d
const SECONDS_OF_A_DAY = 86_400
const NANOSECONDS = 1_000_000_000

export class LineTime {
  readonly #format: TimeFormat
  /** Of the second that was written last: most packets share theirs with the one before. */
  #text: Uint8Array = new Uint8Array(0)
  #second = Number.NaN
  #seconds = Number.NaN
  #nanoseconds = 0

  constructor(format: TimeFormat) {
    this.#format = format
  }

  /** Time and a blank; `digits` behind the point, 6 or 9. */
  write(line: LineText, seconds: number, nanoseconds: number, digits: number): void {
    const format = this.#format
    if (format === 'none') return
    if (format === 'relative' || format === 'delta')
      return this.#difference(line, seconds, nanoseconds, digits)
    // Before 1970 fractions count forward on a calendar, and backward from 0 in a number: 1.25 s before are -2 s and 0.75 s.
    if (format === 'epoch' && seconds < 0) return signed(line, seconds, nanoseconds, digits)
    if (seconds !== this.#second) {
      this.#second = seconds
      this.#text = textOf(seconds, format)
    }
    line.put(this.#text)
    fraction(line, nanoseconds, digits)
    if (format === 'date') line.byte(0x5a)
    line.byte(BLANK)
  }

  #difference(line: LineText, seconds: number, nanoseconds: number, digits: number): void {
    const first = Number.isNaN(this.#seconds)
    const whole = first ? 0 : seconds - this.#seconds
    const rest = first ? 0 : nanoseconds - this.#nanoseconds
    if (first || this.#format === 'delta') {
      this.#seconds = seconds
      this.#nanoseconds = nanoseconds
    }
    // Clocks go back, and captures are merged: then it is negative.
    signed(line, whole, rest, digits)
  }
}

/** The sum of seconds and nanoseconds, each of which may be negative, and a blank. */
function signed(line: LineText, seconds: number, nanoseconds: number, digits: number): void {
  let whole = seconds
  let rest = nanoseconds
  if (whole < 0 || (whole === 0 && rest < 0)) {
    line.byte(MINUS)
    whole = -whole
    rest = -rest
  }
  if (rest < 0) {
    whole--
    rest += NANOSECONDS
  }
  line.decimal(whole)
  fraction(line, rest, digits)
  line.byte(BLANK)
}

function fraction(line: LineText, nanoseconds: number, digits: number): void {
  line.byte(DOT)
  if (digits === 9) line.padded(nanoseconds, 9)
  else line.padded((nanoseconds / 1000) | 0, 6)
}

function textOf(seconds: number, format: TimeFormat): Uint8Array {
  if (format === 'epoch') return Buffer.from(String(seconds))
  const time = new Date((format === 'clock' ? seconds % SECONDS_OF_A_DAY : seconds) * 1000)
  // A pcapng file may claim times that no calendar has.
  if (Number.isNaN(time.getTime())) return Buffer.from(String(seconds))
  const text = time.toISOString()
  return Buffer.from(text.slice(format === 'clock' ? -13 : 0, -5))
}
