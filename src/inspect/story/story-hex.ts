/** Bytes of a frame in rows, those marked that differ between how it came and how it left. */

import { STORY_SHOWN_BYTES_MAX } from '../../limits.ts'

export const ROW_BYTES = 16

export interface HexRow {
  readonly offset: number
  readonly before: readonly number[]
  readonly after: readonly number[]
  /** By place in the row: whether the byte differs, or is on one side alone. */
  readonly changed: readonly boolean[]
}

/** Rows in which something differs, of the bytes that are shown. */
export function changedRows(before: Uint8Array, after: Uint8Array): readonly HexRow[] {
  const end = Math.min(Math.max(before.length, after.length), STORY_SHOWN_BYTES_MAX)
  const rows: HexRow[] = []
  for (let offset = 0; offset < end; offset += ROW_BYTES) {
    if (isSameRow(before, after, offset)) continue
    const old = rowAt(before, offset)
    const fresh = rowAt(after, offset)
    const length = Math.max(old.length, fresh.length)
    const changed = Array.from({ length }, (_, index) => old[index] !== fresh[index])
    rows.push({ offset, before: old, after: fresh, changed })
  }
  return rows
}

/** Which of the shown bytes differ. */
export function changedBytes(before: Uint8Array, after: Uint8Array): ReadonlySet<number> {
  const changed = new Set<number>()
  for (const row of changedRows(before, after)) {
    for (const [index, differs] of row.changed.entries()) if (differs) changed.add(row.offset + index)
  }
  return changed
}

/** Where one has ended, and the other not, they differ. */
function isSameRow(before: Uint8Array, after: Uint8Array, offset: number): boolean {
  const end = Math.min(offset + ROW_BYTES, STORY_SHOWN_BYTES_MAX)
  for (let at = offset; at < end; at++) if (before[at] !== after[at]) return false
  return true
}

const rowAt = (bytes: Uint8Array, offset: number): readonly number[] =>
  Array.from(bytes.subarray(offset, Math.min(offset + ROW_BYTES, STORY_SHOWN_BYTES_MAX)))

export const hexByte = (byte: number): string => byte.toString(16).padStart(2, '0')
export const hexOffset = (offset: number): string => offset.toString(16).padStart(4, '0')

/** `0010`, `00 3c 1c 46 40 00 40 06  b1 e6 …`; `paint` may colour a byte. */
export function hexText(bytes: readonly number[], paint: (text: string, index: number) => string): string {
  return bytes
    .map((byte, index) => `${index === ROW_BYTES / 2 ? ' ' : ''}${paint(hexByte(byte), index)}`)
    .join(' ')
}

/** `^^` below each byte that differs. */
export function markText(changed: readonly boolean[]): string {
  return changed
    .map((differs, index) => `${index === ROW_BYTES / 2 ? ' ' : ''}${differs ? '^^' : '  '}`)
    .join(' ')
    .trimEnd()
}
