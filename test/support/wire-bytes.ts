import assert from 'node:assert/strict'

/** What output buffers are filled with before a test writes to them: a byte that was not written stays visible. */
export const POISON = 0xa5

/** Poisoned room on both sides of what is under test. Odd, so that nothing relies on alignment. */
const MARGIN = 5

/** Bytes from hexadecimal text; spaces and newlines are for the reader. */
export const hex = (text: string): Uint8Array =>
  Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'))

export interface Placed {
  /** Ends where the bytes end, so that reading behind them throws. */
  readonly view: DataView
  readonly offset: number
  readonly end: number
}

/** The bytes at an odd offset of a larger buffer, poison in front and behind. */
export function place(bytes: Uint8Array): Placed {
  const buffer = new Uint8Array(MARGIN + bytes.length + MARGIN).fill(POISON)
  buffer.set(bytes, MARGIN)
  const end = MARGIN + bytes.length
  return { view: new DataView(buffer.buffer, 0, end), offset: MARGIN, end }
}

/** Asserts that `write` writes exactly `expected` at the offset that it is given, and touches no byte around it. */
export function assertWrites(expected: Uint8Array, write: (view: DataView, offset: number) => void): void {
  const buffer = new Uint8Array(MARGIN + expected.length + MARGIN).fill(POISON)
  const around = buffer.slice()
  around.set(expected, MARGIN)
  write(new DataView(buffer.buffer), MARGIN)
  assert.equal(Buffer.from(buffer).toString('hex'), Buffer.from(around).toString('hex'))
}

/** RFC 1071 word by word, with nothing done to make it fast: the model that the fast one is compared with. */
export function naiveSum(...parts: readonly Uint8Array[]): number {
  const bytes = Buffer.concat([...parts, ...(Buffer.concat(parts).length % 2 === 1 ? [Buffer.alloc(1)] : [])])
  let sum = 0
  for (let at = 0; at < bytes.length; at += 2) {
    sum += bytes.readUInt16BE(at)
    if (sum > 0xffff) sum -= 0xffff
  }
  return sum
}

export const naiveChecksum = (...parts: readonly Uint8Array[]): number => 0xffff - naiveSum(...parts)
