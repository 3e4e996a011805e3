/**
 * Timestamps of pcapng: 64 bits as two words, the upper first, that count units of an interface's resolution since 1970 (pcapng, 4.3 and
 * if_tsresol of 4.2). A double holds 53 bits of them, from which the seconds are known to one more or one less. What is left of the units is
 * less than 2^31 then, so their lower 32 bits tell it exactly, and with it whether it was one more or one less:
 *
 *     seconds = floor(total / units)      left = (total - seconds × units) mod 2^32, with a sign
 */

export interface Resolution {
  /** Units a second, where they are a power of ten from 10^4 to 10^9; 0 for all others, which are counted with `unitsExact`. */
  readonly units: number
  readonly nanosecondsPerUnit: number
  readonly unitsExact: bigint
  /** Digits after the decimal point, at most 9. */
  readonly digits: number
  /** Seconds that are added to each timestamp (if_tsoffset). */
  readonly offset: number
}

/** The highest bit of if_tsresol tells whether the others are the exponent of 2 or of 10. */
const BINARY = 0x80
const DIGITS_MAX = 9
/** With fewer digits, seconds may have more than 53 bits. */
const FAST_DIGITS_MIN = 4

/** Of the byte that if_tsresol has. */
export function resolutionOf(code: number, offset: number): Resolution {
  const exponent = code & ~BINARY
  const binary = (code & BINARY) !== 0
  const fast = !binary && exponent >= FAST_DIGITS_MIN && exponent <= DIGITS_MAX
  return {
    units: fast ? 10 ** exponent : 0,
    nanosecondsPerUnit: fast ? 10 ** (DIGITS_MAX - exponent) : 0,
    unitsExact: (binary ? 2n : 10n) ** BigInt(exponent),
    digits: Math.min(DIGITS_MAX, binary ? Math.ceil(exponent * Math.log10(2)) : exponent),
    offset,
  }
}

/** 10^-6, where an interface does not say anything else. */
export const MICROSECONDS: Resolution = resolutionOf(6, 0)

/** A time that is filled in, again and again. */
export interface MutableTime {
  seconds: number
  nanoseconds: number
}

const NANOSECONDS = 1_000_000_000
const WORD = 0x1_0000_0000

/** Fills `time` with what the two words, both unsigned, say. */
export function readTimestamp(high: number, low: number, resolution: Resolution, time: MutableTime): void {
  const { units } = resolution
  if (units === 0) {
    readExactTimestamp(high, low, resolution, time)
    return
  }
  let seconds = Math.floor((high * WORD + low) / units)
  let left = (low - Math.imul(seconds, units)) | 0
  if (left < 0) {
    seconds--
    left += units
  } else if (left >= units) {
    seconds++
    left -= units
  }
  time.seconds = seconds + resolution.offset
  time.nanoseconds = left * resolution.nanosecondsPerUnit
}

function readExactTimestamp(high: number, low: number, resolution: Resolution, time: MutableTime): void {
  const { unitsExact } = resolution
  const total = (BigInt(high) << 32n) | BigInt(low)
  const rest = total % unitsExact
  time.seconds = Number(total / unitsExact) + resolution.offset
  time.nanoseconds = Number((rest * BigInt(NANOSECONDS)) / unitsExact)
}

/** The latest second of which all nanoseconds fit 64 bits: in the year 2554. */
const SECONDS_MAX = 18_446_744_072

const DIGIT = 0x10000

/**
 * Writes nanoseconds since 1970 as two little-endian words, the upper first. What they cannot tell (before 1970, after 2554) becomes the
 * first or last that they can.
 */
export function putTimestamp(view: DataView, at: number, seconds: number, nanoseconds: number): void {
  const whole = seconds < 0 ? 0 : Math.min(Math.floor(seconds), SECONDS_MAX)
  // The upper half of the seconds, of at most 19 bits, makes 49 bits; the lower one, of 16 bits, makes 46.
  const upper = Math.floor(whole / DIGIT) * NANOSECONDS
  const lower = (whole % DIGIT) * NANOSECONDS + (seconds < 0 ? 0 : nanoseconds)
  const low = (upper % DIGIT) * DIGIT + lower
  view.setUint32(at, Math.floor(upper / DIGIT) + Math.floor(low / WORD), true)
  view.setUint32(at + 4, low % WORD, true)
}
