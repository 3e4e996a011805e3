/** A lab in the language of Graphviz: `dot -Tsvg`. */

import type { Lab } from '../../lab.ts'
import { type Panel, panelsOf } from './plan.ts'

export function labDot(lab: Lab): string {
  const lines = panelsOf(lab).flatMap((panel, index) => panelLines(panel, index))
  return [
    `graph ${quoted(lab.name)} {`,
    '  node [fontname="sans-serif", fontsize=11]',
    '  edge [fontname="sans-serif", fontsize=9]',
    ...lines.map((line) => `  ${line}`),
    '}',
    '',
  ].join('\n')
}

function panelLines({ host, networks, sandboxes }: Panel, index: number): string[] {
  const nodes = [
    ...networks.map(
      ({ name, notes }) =>
        `${id(host, 'network', name)} [shape=box, style="rounded,filled", fillcolor="#dde7f5", label=${quoted([name, ...notes].join('\n'))}]`,
    ),
    ...sandboxes.map(
      ({ name, kind, note }) =>
        `${id(host, 'sandbox', name)} [shape=${kind === 'host' ? 'box3d' : 'box'}, label=${quoted(note === '' ? name : `${name}\n${note}`)}]`,
    ),
    ...sandboxes.flatMap(({ name, edges }) =>
      edges.map(
        (edge) =>
          `${id(host, 'sandbox', name)} -- ${id(host, 'network', edge.network)} [label=${quoted([edge.interface, ...edge.addresses].join('\n'))}]`,
      ),
    ),
  ]
  if (host === '') return nodes
  return [
    `subgraph cluster_${index} {`,
    `  label=${quoted(`inside ${host}`)}`,
    ...nodes.map((line) => `  ${line}`),
    '}',
  ]
}

function id(host: string, kind: string, name: string): string {
  return quoted(`${host}/${kind}/${name}`)
}

/** A quoted string knows two escapes: the quote, and the newline, which our texts have as such. */
function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`
}
