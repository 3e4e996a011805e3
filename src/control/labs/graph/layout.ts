/**
 * Where the parts of a panel stand. Networks are bars, one below the other, and each sandbox hangs below the first of its
 * networks; a sandbox on several has lines down to the others, so that it stands between them:
 *
 *     ═══════ front ═══════
 *        │           │
 *      [web]       [app]
 *                    │
 *     ═══════ back ══╪═════      columns: web has 0, app has 1, db has 0
 *        │
 *      [db]
 *
 * All is on a grid. A column holds one line at most in each row, so that lines cross bars and nothing else. A network of many
 * sandboxes has several bars, with a spine at their left. The same panel is always laid out in the same way.
 */

import type { GraphEdge, GraphNetwork, GraphSandbox, Panel } from './plan.ts'

/** Columns of one bar before a further one is begun. */
const COLUMNS_MAX = 12

export interface Layout {
  readonly columns: number
  readonly rows: number
  readonly bars: readonly Bar[]
  readonly boxes: readonly Box[]
  readonly lines: readonly Line[]
}

/** The upper edge of row `row`, from column `from` to column `to`, both within. */
export interface Bar {
  readonly network: GraphNetwork
  readonly row: number
  readonly from: number
  readonly to: number
  /** Its number among the network's bars. */
  readonly part: number
}

export interface Box {
  readonly sandbox: GraphSandbox
  readonly row: number
  readonly column: number
  readonly width: number
}

/** From a box to a bar: up to the bar of its own row, or down to the bar of a later one. */
export interface Line {
  readonly edge: GraphEdge
  readonly column: number
  readonly fromRow: number
  readonly toRow: number
}

/** Parts that no network joins, each with its own layout, in the order of the panel; sandboxes without a network are the last. */
export function layOut(panel: Panel, widthOf: (sandbox: GraphSandbox) => number): Layout[] {
  const parts = components(panel)
  const alone = panel.sandboxes.filter(({ edges }) => edges.length === 0)
  return [
    ...parts.map((part) => new Grid(widthOf).place(part)),
    ...(alone.length === 0 ? [] : [rowsOf(alone, widthOf)]),
  ]
}

interface Part {
  readonly networks: readonly GraphNetwork[]
  readonly sandboxes: readonly GraphSandbox[]
}

function components({ networks, sandboxes }: Panel): Part[] {
  const members = new Map(networks.map(({ name }) => [name, [] as GraphSandbox[]]))
  for (const sandbox of sandboxes)
    for (const { network } of sandbox.edges) members.get(network)?.push(sandbox)
  const left = new Map(networks.map((network) => [network.name, network]))
  const parts: Part[] = []
  for (const network of networks) {
    if (!left.has(network.name)) continue
    const ordered: GraphNetwork[] = []
    const seen = new Set<GraphSandbox>()
    let next: GraphNetwork | undefined = network
    while (next !== undefined) {
      left.delete(next.name)
      ordered.push(next)
      for (const sandbox of members.get(next.name)!) seen.add(sandbox)
      next = nearest(left, members, seen)
    }
    parts.push({ networks: ordered, sandboxes: sandboxes.filter((sandbox) => seen.has(sandbox)) })
  }
  return parts
}

/** The network that has most sandboxes in common with those that are placed; the first of several. */
function nearest(
  left: ReadonlyMap<string, GraphNetwork>,
  members: ReadonlyMap<string, readonly GraphSandbox[]>,
  seen: ReadonlySet<GraphSandbox>,
): GraphNetwork | undefined {
  let best: GraphNetwork | undefined
  let most = 0
  for (const [name, network] of left) {
    const common = members.get(name)!.filter((sandbox) => seen.has(sandbox)).length
    if (common > most) {
      best = network
      most = common
    }
  }
  return best
}

function rowsOf(sandboxes: readonly GraphSandbox[], widthOf: (sandbox: GraphSandbox) => number): Layout {
  const boxes: Box[] = []
  let row = 0
  let column = 0
  for (const sandbox of sandboxes) {
    const width = widthOf(sandbox)
    if (column > 0 && column + width > COLUMNS_MAX) {
      row += 1
      column = 0
    }
    boxes.push({ sandbox, row, column, width })
    column += width
  }
  const columns = Math.max(...boxes.map((box) => box.column + box.width))
  return { columns, rows: row + 1, bars: [], boxes, lines: [] }
}

class Grid {
  readonly #widthOf: (sandbox: GraphSandbox) => number
  /** Columns that are taken, by row. */
  readonly #taken: Set<number>[] = []
  readonly #boxes: Box[] = []
  readonly #lines: Line[] = []

  constructor(widthOf: (sandbox: GraphSandbox) => number) {
    this.#widthOf = widthOf
  }

  place({ networks, sandboxes }: Part): Layout {
    const order = new Map(networks.map(({ name }, index) => [name, index]))
    const hanging = networks.map(({ name }) =>
      sandboxes
        .filter(({ edges }) => edges.every((edge) => order.get(edge.network)! >= order.get(name)!))
        .filter(({ edges }) => edges.some(({ network }) => network === name)),
    )
    const rowsOfNetworks = this.#rowsOf(hanging)
    const firstRows = new Map(networks.map(({ name }, index) => [name, rowsOfNetworks[index]!.first]))
    for (const [index, members] of hanging.entries()) {
      const { first, count } = rowsOfNetworks[index]!
      // Those with lines further down are placed first, below the first bar, where the way is shortest.
      const several = members.filter(({ edges }) => edges.length > 1)
      for (const sandbox of several) this.#hang(sandbox, first, firstRows)
      const single = members.filter(({ edges }) => edges.length === 1)
      for (const sandbox of single) this.#hangSingle(sandbox, first, count)
    }
    const rows = rowsOfNetworks.reduce((sum, { count }) => sum + count, 0)
    const bars = networks.flatMap((network, index) => this.#barsOf(network, rowsOfNetworks[index]!))
    const columns = Math.max(
      1,
      ...bars.map((bar) => bar.to + 1),
      ...this.#boxes.map((box) => box.column + box.width),
    )
    return { columns, rows, bars, boxes: this.#boxes, lines: this.#lines }
  }

  /** As many rows for each network as those need that are on it alone, beside those that are on several. */
  #rowsOf(hanging: readonly (readonly GraphSandbox[])[]): { first: number; count: number }[] {
    let first = 0
    return hanging.map((members) => {
      const width = members.reduce((sum, sandbox) => sum + this.#widthOf(sandbox), 0)
      const several = members.filter(({ edges }) => edges.length > 1)
      const kept = several.reduce((sum, sandbox) => sum + this.#widthOf(sandbox), 0)
      const beside = Math.max(0, COLUMNS_MAX - kept)
      const rest = width - kept
      const count = rest <= beside ? 1 : Math.ceil((rest - beside) / COLUMNS_MAX) + 1
      const rows = { first, count }
      first += count
      return rows
    })
  }

  #hang(sandbox: GraphSandbox, row: number, firstRows: ReadonlyMap<string, number>): void {
    const width = Math.max(this.#widthOf(sandbox), sandbox.edges.length - 1)
    const targets = sandbox.edges.map((edge) => ({ edge, toRow: firstRows.get(edge.network)! }))
    const up = targets.find(({ toRow }) => toRow === row)!
    const down = targets.filter((target) => target !== up).toSorted((a, b) => a.toRow - b.toRow)
    let column = 0
    const isFree = (): boolean =>
      range(column, width).every((at) => !this.#isTaken(row, at)) &&
      down.every(({ toRow }, index) =>
        range(row + 1, toRow - row - 1).every((between) => !this.#isTaken(between, column + index)),
      )
    while (!isFree()) column += 1
    for (const at of range(column, width)) this.#take(row, at)
    for (const [index, { toRow }] of down.entries()) {
      for (const between of range(row + 1, toRow - row - 1)) this.#take(between, column + index)
    }
    this.#boxes.push({ sandbox, row, column, width })
    this.#lines.push({ edge: up.edge, column, fromRow: row, toRow: row })
    for (const [index, { edge, toRow }] of down.entries()) {
      this.#lines.push({ edge, column: column + index, fromRow: row, toRow })
    }
  }

  #hangSingle(sandbox: GraphSandbox, first: number, count: number): void {
    const width = this.#widthOf(sandbox)
    for (let row = first; ; row++) {
      const isLast = row === first + count - 1
      const column = this.#freeColumn(row, width, isLast ? Number.POSITIVE_INFINITY : COLUMNS_MAX)
      if (column === undefined) continue
      for (const at of range(column, width)) this.#take(row, at)
      this.#boxes.push({ sandbox, row, column, width })
      this.#lines.push({ edge: sandbox.edges[0]!, column, fromRow: row, toRow: row })
      return
    }
  }

  #freeColumn(row: number, width: number, below: number): number | undefined {
    for (let column = 0; column + width <= below; column++) {
      if (range(column, width).every((at) => !this.#isTaken(row, at))) return column
    }
    return undefined
  }

  /** From the first to the last of its lines; at least one column, so that its name has a place. */
  #barsOf(network: GraphNetwork, { first, count }: { first: number; count: number }): Bar[] {
    return range(first, count).flatMap((row, part) => {
      const columns = this.#lines
        .filter((line) => line.edge.network === network.name && line.toRow === row)
        .map((line) => line.column)
      if (columns.length === 0 && part > 0) return []
      const from = count > 1 ? 0 : Math.min(...columns, columns.length === 0 ? 0 : Number.POSITIVE_INFINITY)
      return [{ network, row, from, to: Math.max(from, ...columns), part }]
    })
  }

  #isTaken(row: number, column: number): boolean {
    return this.#taken[row]?.has(column) === true
  }

  #take(row: number, column: number): void {
    const columns = (this.#taken[row] ??= new Set())
    columns.add(column)
  }
}

function range(from: number, count: number): number[] {
  return Array.from({ length: Math.max(0, count) }, (_, index) => from + index)
}
