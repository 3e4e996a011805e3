/** What the control benchmark reports, a row each, in the order of the report. */
export const FIGURES = {
  client: { title: 'client alone (`--version`)', unit: 'ms', digits: 0 },
  run: { title: '`run -d`', unit: 'ms', digits: 0 },
  runRequests: { title: '`run -d`, its requests alone', unit: 'ms', digits: 1 },
  connect: { title: '`network connect`', unit: 'ms', digits: 0 },
  connectRequest: { title: '`network connect`, its request alone', unit: 'ms', digits: 1 },
  list: { title: '`network ls`', unit: 'ms', digits: 0 },
  listRequest: { title: '`network ls`, its request alone', unit: 'ms', digits: 1 },
  lab: { title: '`up`, a lab of many sandboxes', unit: 's', digits: 2 },
  sandboxFirst: { title: 'an early sandbox with its endpoint', unit: 'ms', digits: 1 },
  sandboxLast: { title: 'a late sandbox with its endpoint', unit: 'ms', digits: 1 },
  endpointFirst: { title: 'an early endpoint alone', unit: 'ms', digits: 1 },
  endpointLast: { title: 'a late endpoint alone', unit: 'ms', digits: 1 },
  ping: { title: 'ping, first to last', unit: 'ms', digits: 2 },
  memoryEmpty: { title: 'daemon’s memory (RSS), no sandbox', unit: 'MB', digits: 0 },
  memory: { title: 'daemon’s memory (RSS), all endpoints', unit: 'MB', digits: 0 },
  recovery: { title: 'restart after `kill -9`, all endpoints', unit: 's', digits: 2 },
} as const satisfies Record<string, Figure>

export interface Figure {
  readonly title: string
  readonly unit: 'ms' | 's' | 'MB'
  /** Digits after the point when printed. */
  readonly digits: number
}

export type FigureId = keyof typeof FIGURES
export const FIGURE_IDS = Object.keys(FIGURES) as FigureId[]

export const SUBJECTS = { tapwire: 'Tapwire', docker: 'Docker' } as const
export type Subject = keyof typeof SUBJECTS

/** Every value that was measured, by figure, in the order of measuring. */
export type Samples = Partial<Record<FigureId, readonly number[]>>

export const formatFigure = (figure: FigureId, value: number): string => value.toFixed(FIGURES[figure].digits)

/** Gathers samples round after round. */
export class Gathering {
  readonly #samples: Record<Subject, Map<FigureId, number[]>> = { tapwire: new Map(), docker: new Map() }

  add(subject: Subject, figure: FigureId, ...values: readonly number[]): void {
    const all = this.#samples[subject].get(figure)
    if (all === undefined) this.#samples[subject].set(figure, [...values])
    else all.push(...values)
  }

  samples(subject: Subject): Samples {
    return Object.fromEntries(this.#samples[subject])
  }
}
