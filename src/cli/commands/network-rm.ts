import type { Command } from 'commander'
import { ApiError, apiClient, segment } from '../api-client.ts'
import type { Cli } from '../cli.ts'
import { examples } from '../options.ts'
import { forEach } from '../several.ts'

export function defineNetworkRm(command: Command, cli: Cli): void {
  command
    .description('Removes networks that no sandbox is connected to.')
    .argument('<network...>', 'names or ids')
    .option('-f, --force', 'do not error if the network does not exist')
    .addHelpText('after', examples('tapwire network rm blue green'))
    .action(async (networks: string[], { force = false }: { force?: boolean }) => {
      const api = apiClient(cli)
      await forEach(cli, networks, async (network) => {
        try {
          await api.delete(`/networks/${segment(network)}`)
          cli.stdout.write(`${network}\n`)
        } catch (error) {
          if (!(force && error instanceof ApiError && error.status === 404)) throw error
        }
      })
    })
}
