/** How the pictures of all benchmarks look. */

import { parse, View } from 'vega'
import { compile, type TopLevelSpec } from 'vega-lite'

export const INK = '#333333'
export const OURS = '#1f6fb2'
export const OTHERS = '#b4bcc6'

/** No lines, ticks and numbers along the bars: these have their number behind them. */
export const BARE_AXIS = { title: null, grid: false, ticks: false, domain: false, labels: false } as const

export const panelTitle = (text: string, subtitle: string): object => ({
  text,
  subtitle,
  anchor: 'start',
  frame: 'group',
  fontSize: 12,
  fontWeight: 600,
  color: INK,
  subtitleColor: INK,
  subtitleFontSize: 11,
  offset: 6,
})

/** `panels`: what Vega-Lite calls a composition, with the panels in it. */
export async function renderSvg(
  title: { readonly text: string; readonly subtitle: readonly string[] },
  panels: object,
): Promise<string> {
  const specification = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    background: 'white',
    padding: 16,
    title: { ...title, anchor: 'start', fontSize: 16, subtitleColor: INK, offset: 16 },
    ...panels,
    config: {
      font: 'Helvetica, Arial, sans-serif',
      view: { stroke: null },
      axis: { labelColor: INK, titleColor: INK, labelFontSize: 11 },
    },
  } as unknown as TopLevelSpec
  const view = new View(parse(compile(specification).spec), { renderer: 'none' })
  try {
    return await view.toSVG()
  } finally {
    view.finalize()
  }
}
