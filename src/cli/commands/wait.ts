import type { Command } from 'commander'
import type { Waited } from '../../control/api/sandbox.ts'
import { apiClient, segment } from '../api-client.ts'
import type { Cli } from '../cli.ts'
import { examples } from '../options.ts'
import { forEach } from '../several.ts'

export function defineWait(command: Command, cli: Cli): void {
  command
    .description('Waits until the commands of sandboxes have ended, and prints the exit code of each.')
    .argument('<sandbox...>', 'names or ids')
    .addHelpText('after', examples('tapwire wait web'))
    .action(async (sandboxes: string[]) => {
      const api = apiClient(cli)
      await forEach(cli, sandboxes, async (sandbox) => {
        const { StatusCode } = await api.post<Waited>(`/sandboxes/${segment(sandbox)}/wait`, {
          patient: true,
        })
        cli.stdout.write(`${StatusCode}\n`)
      })
    })
}
