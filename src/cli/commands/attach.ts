import type { Command } from 'commander'
import { apiClient } from '../api-client.ts'
import type { Cli } from '../cli.ts'
import { examples, usage } from '../options.ts'
import { attachAndStay, checkTerminal, inspectSandbox, sessionOptions } from '../sandbox/foreground.ts'

interface AttachOptions {
  readonly detachKeys?: string
  readonly sigProxy: boolean
  /** --no-stdin makes it false. */
  readonly stdin: boolean
}

export function defineAttach(command: Command, cli: Cli): void {
  command
    .description(
      "Connects this terminal to a running sandbox's command. ctrl-p ctrl-q leaves it alone again; ctrl-c ends it.",
    )
    .argument('<sandbox>', 'name or id')
    .option('--detach-keys <keys>', 'keys that leave the command alone; ctrl-p,ctrl-q unless given')
    .option('--no-stdin', 'do not attach the standard input')
    .option('--sig-proxy', 'hand signals on to the command', true)
    .addHelpText('after', examples('tapwire attach shell', 'tapwire attach --no-stdin web'))
    .action(async (sandbox: string, options: AttachOptions) => {
      cli.exitCode = await attach(cli, sandbox, options)
    })
}

async function attach(cli: Cli, sandbox: string, options: AttachOptions): Promise<number> {
  const api = apiClient(cli)
  const { Id, Config, State } = await inspectSandbox(api, sandbox)
  if (!State.Running)
    throw usage('You cannot attach to a stopped container, start it first', `tapwire start ${sandbox}`)
  const stdin = options.stdin && Config.OpenStdin
  checkTerminal(cli, Config.Tty, stdin)
  const session = await sessionOptions(options, Config.Tty, { stdin, stdout: true, stderr: true })
  return await attachAndStay(cli, api, Id, session)
}
