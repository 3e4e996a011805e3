/** A lab in the language of Mermaid, which many Markdown viewers draw. */

import type { Lab } from '../../lab.ts'
import { type Panel, panelsOf } from './plan.ts'

export function labMermaid(lab: Lab): string {
  const lines = panelsOf(lab).flatMap((panel, index) => panelLines(panel, index))
  return ['flowchart TB', ...lines.map((line) => `  ${line}`), ''].join('\n')
}

/** Names may be words of Mermaid's own, so that nodes are numbered: n0_3 is the fourth network of the first panel. */
function panelLines({ host, networks, sandboxes }: Panel, index: number): string[] {
  const networkIds = new Map(networks.map(({ name }, number) => [name, `n${index}_${number}`]))
  const nodes = [
    ...networks.map(
      ({ name, notes }) =>
        `${networkIds.get(name)}(["${text([`<b>${text(name)}</b>`, ...notes.map(text)])}"])`,
    ),
    ...sandboxes.map(({ name, kind, note }, number) => {
      const label = text([text(name), ...(note === '' ? [] : [text(note)])])
      return kind === 'host' ? `s${index}_${number}[["${label}"]]` : `s${index}_${number}["${label}"]`
    }),
    ...sandboxes.flatMap(({ edges }, number) =>
      edges.map((edge) => {
        const label = text([text(edge.interface), ...edge.addresses.map(text)])
        return `s${index}_${number} ---|"${label}"| ${networkIds.get(edge.network)}`
      }),
    ),
  ]
  if (host === '') return nodes
  return [`subgraph p${index}["inside ${text(host)}"]`, ...nodes.map((line) => `  ${line}`), 'end']
}

/** Lines joined, or one line with what Mermaid would read as its own as character references. */
function text(lines: string | readonly string[]): string {
  if (typeof lines !== 'string') return lines.join('<br>')
  return lines.replaceAll(/[^\w ./:-]/g, (character) => `#${character.codePointAt(0)};`)
}
