import type { Command } from 'commander'
import { type ApiClient, apiClient } from '../api-client.ts'
import type { Cli } from '../cli.ts'
import { examples, usage } from '../options.ts'
import {
  attachAndStay,
  checkTerminal,
  inspectSandbox,
  sessionOptions,
  startSandbox,
} from '../sandbox/foreground.ts'
import { forEachPrinted } from '../several.ts'

interface StartOptions {
  readonly attach?: boolean
  readonly interactive?: boolean
  readonly detachKeys?: string
  readonly sigProxy: boolean
}

export function defineStart(command: Command, cli: Cli): void {
  command
    .description(
      'Starts sandboxes that were created or have ended, with the command and the networks that they have.',
    )
    .argument('<sandbox...>', 'names or ids')
    .option('-a, --attach', 'show the output and hand signals on')
    .option('-i, --interactive', 'attach the standard input')
    .option('--detach-keys <keys>', 'keys that leave the command alone; ctrl-p,ctrl-q unless given')
    .option('--sig-proxy', 'hand signals on to the command', true)
    .addHelpText('after', examples('tapwire start web', 'tapwire start -ai shell'))
    .action(async (sandboxes: string[], options: StartOptions) => {
      const api = apiClient(cli)
      if (options.attach !== true && options.interactive !== true) {
        await forEachPrinted(cli, sandboxes, (sandbox) => startSandbox(api, sandbox))
        return
      }
      const [sandbox = '', ...others] = sandboxes
      if (others.length > 0) throw usage('you cannot start and attach multiple containers at once')
      cli.exitCode = await startAttached(cli, api, sandbox, options)
    })
}

async function startAttached(
  cli: Cli,
  api: ApiClient,
  sandbox: string,
  options: StartOptions,
): Promise<number> {
  const { Id, Config, HostConfig } = await inspectSandbox(api, sandbox)
  const stdin = options.interactive === true && Config.OpenStdin
  checkTerminal(cli, Config.Tty, stdin)
  const session = await sessionOptions(options, Config.Tty, { stdin, stdout: true, stderr: true })
  const over = HostConfig.AutoRemove ? 'removed' : 'not-running'
  return await attachAndStay(cli, api, Id, session, (signal) => startSandbox(api, Id, signal), over)
}
