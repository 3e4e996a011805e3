import { type Command, Option } from 'commander'
import type { Lab } from '../control/lab.ts'
import { loadLab, parseLab } from '../control/lab-file.ts'
import { apiClient, segment } from './api-client.ts'
import type { Cli } from './cli.ts'
import { isLabFile, onlyLab } from './labs.ts'
import { examples } from './options.ts'
import { writeText } from './save.ts'

type Format = 'svg' | 'dot' | 'mermaid'

interface GraphOptions {
  readonly format: Format
  readonly output?: string
}

const DRAW: Readonly<Record<Format, () => Promise<(lab: Lab) => string>>> = {
  svg: async () => (await import('../control/labs/graph/svg.ts')).labSvg,
  dot: async () => (await import('../control/labs/graph/dot.ts')).labDot,
  mermaid: async () => (await import('../control/labs/graph/mermaid.ts')).labMermaid,
}

export function defineGraph(command: Command, cli: Cli): void {
  command
    .description(
      'Draws the networks of a lab, and the sandboxes on them with their addresses: from a lab file, or as they are now.',
    )
    .argument('[lab]', 'a lab file, or the name of a lab that is up; the only lab unless given')
    .addOption(
      new Option('-f, --format <format>', 'SVG to look at, or the language of Graphviz or Mermaid')
        .choices(['svg', 'dot', 'mermaid'])
        .default('svg'),
    )
    .option('-o, --output <file>', 'write to this file; standard output unless given')
    .addHelpText(
      'after',
      examples(
        'tapwire graph examples/demo.yaml -o demo.svg',
        'tapwire graph --format dot demo | dot -Tpng -o demo.png',
      ),
    )
    .action((name: string | undefined, options: GraphOptions) => graph(cli, name, options))
}

async function graph(cli: Cli, name: string | undefined, { format, output }: GraphOptions): Promise<void> {
  const lab = name !== undefined && isLabFile(name) ? loadLab(name) : await presentLab(cli, name)
  const draw = await DRAW[format]()
  writeText(cli, draw(lab), output)
}

async function presentLab(cli: Cli, name: string | undefined): Promise<Lab> {
  const api = apiClient(cli)
  const lab = name ?? (await onlyLab(api, 'Choose one with `tapwire graph NAME`.'))
  return parseLab(await api.text(`/labs/${segment(lab)}/file`), `${lab}.yaml`, '/')
}
