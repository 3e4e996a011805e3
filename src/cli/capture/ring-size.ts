/** `--ring 100MB×5`: so many files of so many bytes. */

import { InvalidArgumentError } from 'commander'
import {
  CAPTURE_RING_FILE_SIZE_MAX,
  CAPTURE_RING_FILE_SIZE_MIN,
  CAPTURE_RING_FILES_MAX,
} from '../../limits.ts'
import { formatAmount } from '../output.ts'

export interface FileRing {
  /** Bytes that a file has at most. */
  readonly size: number
  readonly count: number
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  t: 1e12,
  ki: 2 ** 10,
  mi: 2 ** 20,
  gi: 2 ** 30,
  ti: 2 ** 40,
}

/** For commander. */
export function parseFileRing(text: string): FileRing {
  const [, value, unit = '', number] =
    /^(\d{1,15}(?:\.\d{1,6})?)\s*([kmgt]i?)?b?\s*[x×*]\s*(\d{1,6})$/i.exec(text.trim()) ?? []
  if (value === undefined) throw new InvalidArgumentError('It must be as in 100MB×5, or 100MBx5.')
  const size = Math.floor(Number(value) * UNITS[unit.toLowerCase()]!)
  const count = Number(number)
  if (size < CAPTURE_RING_FILE_SIZE_MIN || size > CAPTURE_RING_FILE_SIZE_MAX) {
    const [least, most] = [CAPTURE_RING_FILE_SIZE_MIN, CAPTURE_RING_FILE_SIZE_MAX]
    throw new InvalidArgumentError(
      `A file can have from ${formatAmount(least, 'B')} to ${formatAmount(most, 'B')}.`,
    )
  }
  if (count < 2 || count > CAPTURE_RING_FILES_MAX) {
    throw new InvalidArgumentError(`There can be from 2 to ${CAPTURE_RING_FILES_MAX} files.`)
  }
  return { size, count }
}
