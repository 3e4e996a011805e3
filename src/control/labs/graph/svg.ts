/** A lab as a drawing: networks are bars, sandboxes are boxes below them, addresses stand at the lines between. */

import type { Lab } from '../../lab.ts'
import { type Bar, type Box, type Layout, type Line, layOut } from './layout.ts'
import { type GraphSandbox, type Panel, panelsOf } from './plan.ts'

/** All in pixels. A letter's width is that of the widest common ones in the fonts that are asked for. */
const LETTER = 7.2
const SMALL_LETTER = 6.2
const MARGIN = 24
const GAP = 14
const BAR = 24
const BOX = 44
const LABEL_LINE = 13
const TITLE = 30
const DRAWING_WIDTH_MAX = 1400
const COLUMN_MIN = 84
const NOTE_MAX = 36

/** Dark enough for white text, and told apart also by those who see red and green alike (after Okabe and Ito). */
const COLORS = ['#0072b2', '#b35900', '#007a5a', '#a3467f', '#5b5b9e', '#7a6a00', '#3d7ea6', '#8c3a2b']

export function labSvg(lab: Lab): string {
  const drawings = panelsOf(lab).map((panel) => drawPanel(panel))
  const width = Math.max(320, ...drawings.map((one) => one.width)) + 2 * MARGIN
  let y = MARGIN + TITLE
  const parts = [`<text class="title" x="${MARGIN}" y="${MARGIN + 12}">${escaped(lab.name)}</text>`]
  for (const drawing of drawings) {
    parts.push(moved(MARGIN, y, drawing.parts))
    y += drawing.height + MARGIN
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${y}" viewBox="0 0 ${width} ${y}" font-family="Helvetica, Arial, sans-serif">`,
    STYLE,
    `<rect width="${width}" height="${y}" fill="#ffffff"/>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n')
}

const STYLE = `<style>
.title { font-size: 16px; font-weight: bold; fill: #222222 }
.panel { fill: none; stroke: #b8b8b8; stroke-dasharray: 5 4 }
.box { fill: #f7f7f4; stroke: #444444 }
.host { fill: #eef1f6; stroke: #444444; stroke-width: 2 }
.name { font-size: 13px; font-weight: bold; fill: #222222 }
.note { font-size: 11px; fill: #666666 }
.address { font-size: 11px; fill: #333333 }
.bar { font-size: 12px; fill: #ffffff }
</style>`

interface Drawing {
  readonly width: number
  readonly height: number
  readonly parts: readonly string[]
}

/** The parts of a panel stand beside one another as far as the width allows, like words in a line. */
function drawPanel(panel: Panel): Drawing {
  const colors = new Map(panel.networks.map(({ name }, index) => [name, COLORS[index % COLORS.length]!]))
  const scale = scaleOf(panel)
  const frame = panel.host === '' ? 0 : GAP
  const top = panel.host === '' ? 0 : TITLE
  const parts: string[] = []
  let x = frame
  let y = top
  let rowHeight = 0
  let width = 0
  for (const layout of layOut(panel, (sandbox) => columnsOf(sandbox, scale))) {
    const part = drawLayout(layout, scale, colors)
    if (x > frame && x + part.width > DRAWING_WIDTH_MAX) {
      x = frame
      y += rowHeight + GAP
      rowHeight = 0
    }
    parts.push(moved(x, y, part.parts))
    x += part.width + 2 * GAP
    rowHeight = Math.max(rowHeight, part.height)
    width = Math.max(width, x - 2 * GAP)
  }
  const height = y + rowHeight + frame
  if (panel.host === '') return { width, height, parts }
  const title = `inside ${panel.host}`
  const framed = Math.max(width + frame, title.length * LETTER + 2 * GAP)
  return {
    width: framed,
    height,
    parts: [
      `<rect class="panel" width="${framed}" height="${height}" rx="8"/>`,
      `<text class="note" x="${GAP}" y="19">${escaped(title)}</text>`,
      ...parts,
    ],
  }
}

interface Scale {
  readonly column: number
  /** Lines of text at each line that is drawn. */
  readonly labelLines: number
  readonly row: number
  /** From a bar to the boxes below it, and from these to the next bar. */
  readonly above: number
}

function scaleOf({ sandboxes, networks }: Panel): Scale {
  const edges = sandboxes.flatMap((sandbox) => sandbox.edges)
  const longest = Math.max(0, ...edges.flatMap((edge) => labelOf(edge).map((line) => line.length)))
  const labelLines = Math.max(1, ...edges.map((edge) => labelOf(edge).length))
  const above = labelLines * LABEL_LINE + 12
  // A bar of one column still holds its name.
  const barText =
    networks.length === 0 ? 0 : Math.min(...networks.map((one) => one.name.length)) * LETTER + 16
  const column = Math.ceil(Math.max(COLUMN_MIN, longest * SMALL_LETTER + 14, barText))
  return { column, labelLines, above, row: BAR + above + BOX + above }
}

function columnsOf(sandbox: GraphSandbox, { column }: Scale): number {
  const text = Math.max(sandbox.name.length * LETTER, shortened(sandbox.note).length * SMALL_LETTER) + 20
  return Math.max(1, Math.ceil((text + GAP) / column))
}

function drawLayout(layout: Layout, scale: Scale, colors: ReadonlyMap<string, string>): Drawing {
  const bars = layout.bars.length > 0
  const texts = layout.bars.map((bar) => GAP + bar.from * scale.column + barTextWidth(bar))
  const hangsBelow = layout.boxes.some((box) => box.row === layout.rows - 1)
  const full = layout.rows * (bars ? scale.row : BOX + GAP)
  return {
    width: Math.max(layout.columns * scale.column, ...texts),
    height: bars ? full - scale.above - (hangsBelow ? 0 : BOX + scale.above) : full - GAP,
    parts: [
      // Bars go below lines, whose white edge shows where they cross without touching.
      ...spines(layout, scale, colors),
      ...layout.bars.map((bar) => drawBar(bar, scale, colors.get(bar.network.name)!)),
      ...layout.lines.map((line) => drawLine(line, scale, colors.get(line.edge.network)!)),
      ...layout.bars.map((bar) => drawBarText(bar, scale, colors.get(bar.network.name)!)),
      ...layout.boxes.map((box) => drawBox(box, scale, bars)),
    ],
  }
}

/** Where a column's line goes: near its left end, so that the label has the rest. */
const LINE_AT = 14

/** Right of the first line's end, which would cover a letter. */
const BAR_TEXT_AT = 22

function drawBar(bar: Bar, scale: Scale, color: string): string {
  const x = bar.from * scale.column
  const y = bar.row * scale.row
  const width = Math.max((bar.to - bar.from) * scale.column + LINE_AT + GAP, barTextWidth(bar))
  return `<rect x="${x}" y="${y}" width="${width}" height="${BAR}" rx="5" fill="${color}"/>`
}

/** Lines that cross the bar here pass behind its name. */
function drawBarText(bar: Bar, scale: Scale, color: string): string {
  if (bar.part > 0) return ''
  const x = bar.from * scale.column
  const y = bar.row * scale.row
  const name = `<tspan font-weight="bold">${escaped(bar.network.name)}</tspan>`
  return [
    `<rect x="${x + 5}" y="${y + 5}" width="${barTextWidth(bar) - 10}" height="${BAR - 10}" fill="${color}"/>`,
    `<text class="bar" x="${x + BAR_TEXT_AT}" y="${y + 16}">${name}${escaped(notesOf(bar))}</text>`,
  ].join('')
}

function barTextWidth(bar: Bar): number {
  if (bar.part > 0) return 0
  return bar.network.name.length * LETTER + notesOf(bar).length * SMALL_LETTER + BAR_TEXT_AT + 15
}

function notesOf(bar: Bar): string {
  return bar.network.notes.length === 0 ? '' : `  ${bar.network.notes.join(', ')}`
}

/** Joins the bars of a network that has several. */
function spines(layout: Layout, scale: Scale, colors: ReadonlyMap<string, string>): string[] {
  return layout.bars
    .filter((bar) => bar.part > 0)
    .map((bar) => {
      const y = (bar.row - 1) * scale.row
      const height = scale.row + BAR
      return `<rect x="-8" y="${y}" width="12" height="${height}" rx="5" fill="${colors.get(bar.network.name)}"/>`
    })
}

function drawLine({ edge, column, fromRow, toRow }: Line, scale: Scale, color: string): string {
  const x = column * scale.column + LINE_AT
  const boxTop = fromRow * scale.row + BAR + scale.above
  const isUp = fromRow === toRow
  const y1 = isUp ? boxTop : boxTop + BOX
  const y2 = isUp ? fromRow * scale.row + BAR : toRow * scale.row
  const labels = labelOf(edge)
  const first = isUp ? y1 - 6 - (labels.length - 1) * LABEL_LINE : y1 + LABEL_LINE + 1
  const lines = labels.map(
    (line, index) =>
      `<text class="address" x="${x + 6}" y="${first + index * LABEL_LINE}">${escaped(line)}</text>`,
  )
  return [
    `<path d="M${x} ${y1}V${y2}" stroke="#ffffff" stroke-width="7"/>`,
    `<path d="M${x} ${y1}V${y2}" stroke="${color}" stroke-width="2"/>`,
    `<circle cx="${x}" cy="${isUp ? y2 : y2 + 1}" r="4" fill="${color}" stroke="#ffffff"/>`,
    ...lines,
  ].join('')
}

function labelOf({ interface: name, addresses }: Line['edge']): string[] {
  const [first, ...others] = addresses
  return [first === undefined ? name : `${name} ${first}`, ...others]
}

function drawBox({ sandbox, row, column, width }: Box, scale: Scale, hasBars: boolean): string {
  const x = column * scale.column
  const y = hasBars ? row * scale.row + BAR + scale.above : row * (BOX + GAP)
  const note = shortened(sandbox.note)
  const nameY = note === '' ? y + 27 : y + 19
  return [
    `<rect class="${sandbox.kind === 'host' ? 'host' : 'box'}" x="${x}" y="${y}" width="${width * scale.column - GAP}" height="${BOX}" rx="4"/>`,
    `<text class="name" x="${x + 9}" y="${nameY}">${escaped(sandbox.name)}</text>`,
    note === '' ? '' : `<text class="note" x="${x + 9}" y="${y + 35}">${escaped(note)}</text>`,
  ].join('')
}

function shortened(text: string): string {
  return text.length > NOTE_MAX ? `${text.slice(0, NOTE_MAX - 1)}…` : text
}

function moved(x: number, y: number, parts: readonly string[]): string {
  return `<g transform="translate(${x} ${y})">\n${parts.join('\n')}\n</g>`
}

/** As text of an XML element; control characters are not allowed in XML at all. */
function escaped(text: string): string {
  return text
    .replaceAll(/\p{Cc}/gu, ' ')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
}
