import { printable, printableJson } from '../inspect/printable.ts'
import type { Cli } from './cli.ts'

export { printable } from '../inspect/printable.ts'

export function printJson(cli: Cli, value: unknown): void {
  cli.stdout.write(`${printableJson(value, 2)}\n`)
}

/** A column's heading; `right` for numbers. */
export type Column = string | { readonly heading: string; readonly align: 'right' }

/** A table as `docker ps` draws it: headings in capitals, three blanks between columns, no lines. Ends with a newline. */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly (string | number)[])[],
): string {
  const cells = [
    columns.map((column) => (typeof column === 'string' ? column : column.heading)),
    ...rows.map((row) => row.map((cell) => printable(String(cell)))),
  ]
  const widths = columns.map((_, index) => cells.reduce((most, row) => Math.max(most, row[index]!.length), 0))
  const pad = (cell: string, index: number): string =>
    typeof columns[index] === 'string' ? cell.padEnd(widths[index]!) : cell.padStart(widths[index]!)
  return cells.map((row) => `${row.map(pad).join(GAP).trimEnd()}\n`).join('')
}

const GAP = '   '

/** A number with a comma at each thousand. */
export function formatCount(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

/** `1.23 MB`, three digits of a decimal multiple; `unit` is B or bit/s. */
export function formatAmount(value: number, unit: string): string {
  let scaled = value
  let prefix = 0
  while (scaled >= 999.5 && prefix < PREFIXES.length - 1) {
    scaled /= 1000
    prefix += 1
  }
  // Judged by what will be shown: 9.995 is 10.0 and not 10.00.
  const decimals = scaled < 9.995 ? 2 : scaled < 99.95 ? 1 : 0
  return `${scaled.toFixed(prefix === 0 ? 0 : decimals)} ${PREFIXES[prefix]}${unit}`
}

const PREFIXES = ['', 'k', 'M', 'G', 'T', 'P']

/** `12 s`, `3 min`, `5 h`: the largest whole unit. */
export function formatAge(seconds: number): string {
  if (seconds < 120) return `${Math.floor(seconds)} s`
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`
  return `${Math.floor(seconds / 3600)} h`
}

/** Words as one would type them for a shell. */
export function formatCommand(words: readonly string[]): string {
  return words
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(' ')
}

/** `1 network`, `2 networks`. */
export function plural(value: number, noun: string): string {
  return `${formatCount(value)} ${noun}${value === 1 ? '' : /[sx]$/.test(noun) ? 'es' : 's'}`
}
