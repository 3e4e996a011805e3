import type { Command } from 'commander'
import { apiClient, segment } from '../api-client.ts'
import type { Cli } from '../cli.ts'
import { examples, usage } from '../options.ts'

export function defineRename(command: Command, cli: Cli): void {
  command
    .description('Gives a sandbox another name, also while it runs.')
    .argument('<sandbox>', 'name or id')
    .argument('<name>', 'the new name')
    .addHelpText('after', examples('tapwire rename web old-web'))
    .action(async (sandbox: string, name: string) => {
      if (sandbox === '' || name === '') throw usage('Neither old nor new names may be empty')
      await apiClient(cli).post(`/sandboxes/${segment(sandbox)}/rename`, { query: { name } })
    })
}
