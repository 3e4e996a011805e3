import { writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { ErrorCode, TapwireError } from '../control/errors.ts'
import { apiClient, segment } from './api-client.ts'
import type { Cli } from './cli.ts'
import { examples } from './options.ts'
import { printable } from './output.ts'

interface SaveOptions {
  readonly output?: string
}

export function defineSave(command: Command, cli: Cli): void {
  command
    .description(
      'Writes a lab file of the networks and sandboxes that are there, addresses and all: of one lab, or of everything. ' +
        '`tapwire up` makes the same again of it.',
    )
    .argument('[lab]', "the lab's name; everything unless given")
    .option('-o, --output <file>', 'write to this file; standard output unless given')
    .addHelpText('after', examples('tapwire save', 'tapwire save demo -o demo-copy.yaml'))
    .action((lab: string | undefined, options: SaveOptions) => save(cli, lab, options))
}

async function save(cli: Cli, lab: string | undefined, { output }: SaveOptions): Promise<void> {
  // Hosts are asked in turn, and one that hangs has its time.
  const text = await apiClient(cli).text(lab === undefined ? '/file' : `/labs/${segment(lab)}/file`, {
    patient: true,
  })
  for (const [, warning] of text.matchAll(/^# (WARNING: .*)$/gm)) cli.stderr.write(`${printable(warning!)}\n`)
  writeText(cli, text, output)
}

/** To a file, or to standard output where none is named. */
export function writeText(cli: Cli, text: string, output: string | undefined): void {
  if (output === undefined || output === '-') {
    cli.stdout.write(text)
    return
  }
  try {
    writeFileSync(output, text)
  } catch (cause) {
    throw new TapwireError(
      ErrorCode.outputUnwritable,
      `Cannot write ${output}: ${(cause as Error).message}.`,
      {
        cause,
      },
    )
  }
}
