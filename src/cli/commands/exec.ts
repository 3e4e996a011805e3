import type { Command } from 'commander'
import type { Exec } from '../../control/api/sandbox.ts'
import { apiClient, segment } from '../api-client.ts'
import { type Cli, EXIT_FAILED } from '../cli.ts'
import { collect, examples } from '../options.ts'
import { refuseDockerOptions } from '../sandbox/docker-options.ts'
import { environmentOf } from '../sandbox/environment.ts'
import { checkTerminal, sessionOptions, withStartExitCodes } from '../sandbox/foreground.ts'

interface ExecOptions {
  readonly detach?: boolean
  readonly interactive?: boolean
  readonly tty?: boolean
  readonly env?: readonly string[]
  readonly envFile?: readonly string[]
  readonly workdir?: string
  readonly detachKeys?: string
  readonly sigProxy: boolean
}

export function defineExec(command: Command, cli: Cli): void {
  refuseDockerOptions(command, ['user', 'privileged'])
    .description(
      "Runs one of this machine's programs inside a running sandbox, beside what runs there. The exit code is the " +
        "command's; 1 if the sandbox does not run, 126 and 127 as in a shell.",
    )
    .argument('<sandbox>', 'name or id')
    .argument('<command...>', 'the program and its arguments')
    .option('-d, --detach', 'run in the background')
    .option('-i, --interactive', 'attach the standard input')
    .option('-t, --tty', 'give the command a terminal')
    .option('-e, --env <name=value>', 'set an environment variable', collect)
    .option('--env-file <file>', 'read environment variables from a file', collect)
    .option('-w, --workdir <folder>', 'where the command runs; here unless given')
    .option('--detach-keys <keys>', 'keys that leave the command alone; ctrl-p,ctrl-q unless given')
    .option('--sig-proxy', 'hand signals on to the command', true)
    .passThroughOptions()
    .addHelpText(
      'after',
      examples(
        'tapwire exec web ping -c 3 10.1.0.3',
        'tapwire exec -it web bash',
        'tapwire exec -w /tmp -e MODE=test web ./check.sh',
      ),
    )
    .action(async (sandbox: string, words: string[], options: ExecOptions) => {
      // Passing options through, commander passes a -- in front of the command as well; further ones are the command's.
      const program = words[0] === '--' ? words.slice(1) : words
      cli.exitCode = await withStartExitCodes(() => exec(cli, sandbox, program, options), EXIT_FAILED)
    })
}

async function exec(
  cli: Cli,
  sandbox: string,
  words: readonly string[],
  options: ExecOptions,
): Promise<number> {
  const { detach = false, interactive = false, tty = false } = options
  if (!detach) checkTerminal(cli, tty, interactive)
  const { Session } = await import('../stream/session.ts')
  const session = await sessionOptions(options, tty, { stdin: interactive, stdout: true, stderr: true })
  const request: Exec = {
    Cmd: [...words],
    Env: environmentOf(cli.env, options, tty),
    WorkingDir: options.workdir ?? process.cwd(),
    Tty: tty,
    AttachStdin: interactive && !detach,
    ...(detach ? { Detach: true } : undefined),
  }
  const stream = await apiClient(cli).upgrade(`/sandboxes/${segment(sandbox)}/exec`, { body: request })
  if (stream === undefined) return 0
  const end = await new Session(cli, stream, session).run()
  if (end.kind === 'exit') return end.code
  cli.stderr.write('read escape sequence\n')
  return 0
}
