/**
 * Lines of cells, each column as wide as its widest cell and three blanks, ten at least, as docker's tables are. Only a
 * cell with another one behind it in its line belongs to a column; a column ends with the first line that lacks it (Go's
 * text/tabwriter). Ends with a newline where there is any line.
 */
export function alignColumns(lines: readonly (readonly string[])[]): string {
  const widths = lines.map((line) => line.map(() => 0))
  const columns = lines.reduce((most, line) => Math.max(most, line.length), 0)
  for (let column = 0; column < columns - 1; column++) setWidths(lines, widths, column)
  return lines
    .map((line, at) => {
      const cells = line.map((cell, column) =>
        pad(cell, column === line.length - 1 ? 0 : widths[at]![column]!),
      )
      return `${cells.join('')}\n`
    })
    .join('')
}

const WIDTH_MIN = 10
const GAP = 3

/** One width for each run of lines that have the column. */
function setWidths(lines: readonly (readonly string[])[], widths: number[][], column: number): void {
  let start = 0
  while (start < lines.length) {
    let end = start
    let width = WIDTH_MIN
    while (end < lines.length && lines[end]!.length > column + 1) {
      width = Math.max(width, lengthOf(lines[end]![column]!) + GAP)
      end += 1
    }
    for (let at = start; at < end; at++) widths[at]![column] = width
    start = end + 1
  }
}

function pad(cell: string, width: number): string {
  return `${cell}${' '.repeat(Math.max(0, width - lengthOf(cell)))}`
}

/** In characters, as people count them. */
function lengthOf(cell: string): number {
  return Array.from(cell).length
}
