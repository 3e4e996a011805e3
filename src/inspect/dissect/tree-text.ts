/** Dissections as text for people: an indented tree, and the bytes themselves beside their characters. */

import { HEX_DUMP_MAX } from '../../limits.ts'
import type { DissectedField, DissectedLayer, Dissection } from './dissection.ts'

export interface TreeTextOptions {
  /** Behind each field its name, as display filters have it, and its bytes: `[ip.ttl 22+1]`. */
  readonly names?: boolean | undefined
}

const INDENT = '  '
const ROW_BYTES = 16
const PRINTABLE_MIN = 0x20
const PRINTABLE_MAX = 0x7e

/**
 * The tree, a line for each layer and field, without a line feed at its end:
 *
 *     Internet Protocol Version 4, 172.18.0.2 → 172.18.0.3
 *       Time to live: 64
 *       Header checksum: 0x1c45 -- wrong, it should be 0x1c46
 */
export function treeText(dissection: Dissection, options: TreeTextOptions = {}): string {
  const lines: string[] = []
  for (const layer of dissection.layers) {
    lines.push(layerLine(layer, options))
    appendFields(lines, layer.fields, layer.depth + 1, options)
  }
  return lines.join('\n')
}

function layerLine(layer: DissectedLayer, { names }: TreeTextOptions): string {
  const place = names === true ? `  [${layer.protocol} ${layer.offset}+${layer.length}]` : ''
  return `${INDENT.repeat(layer.depth)}${layer.title}${problemText(layer.problem)}${place}`
}

function appendFields(
  lines: string[],
  fields: readonly DissectedField[],
  level: number,
  options: TreeTextOptions,
): void {
  for (const field of fields) {
    const text = field.text === '' ? '' : `: ${field.text}`
    const name = field.name === '' ? '' : `${field.name} `
    const place = options.names === true ? `  [${name}${field.offset}+${field.length}]` : ''
    lines.push(`${INDENT.repeat(level)}${field.label}${text}${problemText(field.problem)}${place}`)
    if (field.fields !== undefined) appendFields(lines, field.fields, level + 1, options)
  }
}

const problemText = (problem: string | undefined): string => (problem === undefined ? '' : ` -- ${problem}`)

/**
 * Rows of 16 bytes, offsets counted from the packet's first byte, without a line feed at the end; up to HEX_DUMP_MAX of them:
 *
 *     0000  02 42 ac 12 00 03 02 42  ac 12 00 02 08 00 45 00  .B.....B......E.
 */
export function hexDump(bytes: Uint8Array, offset = 0, length: number = bytes.length - offset): string {
  const rows: string[] = []
  const shown = Math.min(length, HEX_DUMP_MAX)
  for (let at = 0; at < shown; at += ROW_BYTES) {
    const row = bytes.subarray(offset + at, offset + Math.min(at + ROW_BYTES, shown))
    rows.push(`${at.toString(16).padStart(4, '0')}  ${hexRow(row)}  ${characters(row)}`)
  }
  if (shown < length) rows.push(`… ${length - shown} bytes more`)
  return rows.join('\n')
}

function hexRow(row: Uint8Array): string {
  const digits = Array.from(row, (byte) => byte.toString(16).padStart(2, '0'))
  const halves = `${digits.slice(0, ROW_BYTES / 2).join(' ')}  ${digits.slice(ROW_BYTES / 2).join(' ')}`
  return halves.padEnd(ROW_BYTES * 3)
}

const characters = (row: Uint8Array): string =>
  Array.from(row, (byte) =>
    byte >= PRINTABLE_MIN && byte <= PRINTABLE_MAX ? String.fromCharCode(byte) : '.',
  ).join('')
