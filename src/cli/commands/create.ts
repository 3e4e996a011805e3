import type { Command } from 'commander'
import { apiClient } from '../api-client.ts'
import { type Cli, EXIT_FAILED } from '../cli.ts'
import { examples } from '../options.ts'
import { addCreateOptions, type CreateOptions } from '../sandbox/create-options.ts'
import { withStartExitCodes } from '../sandbox/foreground.ts'
import { createSandbox } from './run.ts'

export function defineCreate(command: Command, cli: Cli): void {
  command
    .description(
      'Makes a sandbox as `tapwire run` does, but does not start it, and prints its id. Its addresses are given out when it ' +
        'starts.',
    )
    .argument('[command...]', 'the program and its arguments; none makes an idle sandbox')
  addCreateOptions(command)
    .passThroughOptions()
    .addHelpText(
      'after',
      examples('tapwire create --name web --network blue python3 -m http.server 80', 'tapwire start web'),
    )
    .action(async (words: string[], options: CreateOptions) => {
      const id = await withStartExitCodes(
        () => createSandbox(cli, apiClient(cli), words, options),
        EXIT_FAILED,
      )
      cli.stdout.write(`${id}\n`)
    })
}
