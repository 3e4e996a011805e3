import type { Command } from 'commander'
import { apiClient, segment } from '../api-client.ts'
import type { Cli } from '../cli.ts'
import { examples, parseInteger } from '../options.ts'
import { forEachPrinted } from '../several.ts'

interface StopOptions {
  readonly signal?: string
  readonly timeout?: number
}

export function defineStop(command: Command, cli: Cli): void {
  command
    .description(
      'Asks the commands of sandboxes to end (SIGTERM), and kills those that have not after a while.',
    )
    .addHelpText('after', examples('tapwire stop web', 'tapwire stop -t 0 web db'))
  addStopOptions(command, cli, 'stop')
}

export function defineRestart(command: Command, cli: Cli): void {
  command
    .description(
      'Stops sandboxes as `tapwire stop` does, and starts them again. Those that do not run are started.',
    )
    .addHelpText('after', examples('tapwire restart web', 'tapwire restart -t 0 web db'))
  addStopOptions(command, cli, 'restart')
}

function addStopOptions(command: Command, cli: Cli, action: 'stop' | 'restart'): void {
  command
    .argument('<sandbox...>', 'names or ids')
    .option('-s, --signal <signal>', "the signal; the sandbox's own stop signal unless given")
    .option('-t, --timeout <seconds>', 'time before they are killed; -1 is for ever', parseInteger)
    .action(async (sandboxes: string[], { signal, timeout }: StopOptions) => {
      const api = apiClient(cli)
      await forEachPrinted(cli, sandboxes, (sandbox) =>
        api.post(`/sandboxes/${segment(sandbox)}/${action}`, {
          query: { t: timeout, signal },
          patient: true,
        }),
      )
    })
}

export function defineKill(command: Command, cli: Cli): void {
  command
    .description('Sends a signal to the commands of sandboxes: SIGKILL, unless another one is given.')
    .argument('<sandbox...>', 'names or ids')
    .option('-s, --signal <signal>', 'name or number of the signal')
    .addHelpText('after', examples('tapwire kill web', 'tapwire kill -s HUP web'))
    .action(async (sandboxes: string[], { signal }: StopOptions) => {
      const api = apiClient(cli)
      await forEachPrinted(cli, sandboxes, (sandbox) =>
        api.post(`/sandboxes/${segment(sandbox)}/kill`, { query: { signal } }),
      )
    })
}
