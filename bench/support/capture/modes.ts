/** What is captured while something else is measured. */
export interface CaptureMode {
  readonly id: 'off' | 'nothing' | 'snapped' | 'everything'
  readonly title: string
  /** Of GET /capture; undefined: nobody captures. */
  readonly query: Readonly<Record<string, string>> | undefined
  /** Share of the uncaptured rate that it may cost; undefined: it is measured, and judged by nobody. */
  readonly lossMax?: number
}

/** The discard protocol (RFC 863): nothing here speaks it. */
export const FILTER_OF_NOTHING = 'tcp port 9'

export const MODES: readonly CaptureMode[] = [
  { id: 'off', title: 'no capture', query: undefined },
  {
    id: 'nothing',
    title: 'a filter that matches nothing',
    query: { filter: FILTER_OF_NOTHING },
    lossMax: 0.05,
  },
  { id: 'snapped', title: 'everything, 128 bytes each', query: { snaplen: '128' } },
  { id: 'everything', title: 'everything', query: {}, lossMax: 0.35 },
]
