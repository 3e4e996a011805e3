import type { Command } from 'commander'
import { ApiError, apiClient, segment } from '../api-client.ts'
import type { Cli } from '../cli.ts'
import { examples } from '../options.ts'
import { forEach } from '../several.ts'

interface RmOptions {
  readonly force?: boolean
}

export function defineRm(command: Command, cli: Cli): void {
  command
    .description('Removes sandboxes that do not run, and with -f also those that do.')
    .argument('<sandbox...>', 'names or ids')
    .option('-f, --force', 'kill those that run first; those that are not there are no error')
    .addHelpText('after', examples('tapwire rm web', 'tapwire rm -f web db'))
    .action(async (sandboxes: string[], { force = false }: RmOptions) => {
      const api = apiClient(cli)
      await forEach(cli, sandboxes, async (sandbox) => {
        try {
          await api.delete(`/sandboxes/${segment(sandbox)}`, { query: { force }, patient: true })
          cli.stdout.write(`${sandbox}\n`)
        } catch (error) {
          if (!(force && error instanceof ApiError && error.status === 404)) throw error
          // As docker's: told, and no failure.
          const { reportError } = await import('../error-report.ts')
          reportError(cli, error)
        }
      })
    })
}
