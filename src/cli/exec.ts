import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { Command } from 'commander'
import { ErrorCode, TapwireError } from '../control/errors.ts'
import { didYouMean } from '../control/suggest.ts'
import type { Cli } from './cli.ts'
import { type LabUp, theLab } from './labs.ts'
import { isTerminal } from './output.ts'

export function addExec(program: Command, cli: Cli): void {
  program
    .command('exec')
    .summary('run a command in a sandbox')
    .description(
      "Runs a command in a sandbox's network namespace, with this terminal and this file system. Without a command, it " +
        "starts a shell. The exit code is the command's; 125 if it could not be started, 126 and 127 as in a shell.",
    )
    .argument('<sandbox>', "the sandbox's name")
    .argument('[command...]', 'the command and its arguments, best behind --')
    .option('--lab <name>', 'the lab, where several are up')
    .passThroughOptions()
    .addHelpText(
      'after',
      '\nExamples:\n  tapwire exec alice -- ping -c 3 10.1.0.3\n  tapwire exec alice\n  tapwire exec --lab demo bob -- ss -tlnp',
    )
    .action(async (sandbox: string, words: string[], options: { lab?: string }) => {
      // Passing options through, commander passes the -- before the command as well; further ones are the command's.
      const command = words[0] === '--' ? words.slice(1) : words
      cli.exitCode = await exec(cli, sandbox, command, options.lab)
    })
}

/** The exit code of a failure before the command runs, so that it differs from the command's own (as `docker run`). */
const EXIT_NOT_STARTED = 125

async function exec(
  cli: Cli,
  sandbox: string,
  command: readonly string[],
  labName: string | undefined,
): Promise<number> {
  try {
    const namespace = namespaceOf(await theLab(cli, labName), sandbox)
    const words = command.length === 0 ? [cli.env['SHELL'] || '/bin/sh'] : command
    return await runInNamespace(cli, namespace, words)
  } catch (error) {
    if (!(error instanceof TapwireError)) throw error
    const { code, message, hint, cause } = error
    throw new TapwireError(code, message, { hint, cause, exitCode: EXIT_NOT_STARTED })
  }
}

function namespaceOf(lab: LabUp, name: string): string {
  const { sandboxes } = lab.status
  const sandbox = sandboxes.find((one) => one.name === name)
  if (sandbox !== undefined) return sandbox.namespace
  const names = sandboxes.map((one) => one.name)
  throw new TapwireError(ErrorCode.sandboxUnknown, `Lab '${lab.name}' has no sandbox '${name}'.`, {
    hint: `It has ${names.join(', ')}.${names.length > 10 ? ` ${didYouMean(name, names)}` : ''}`,
  })
}

function runInNamespace(cli: Cli, namespace: string, command: readonly string[]): Promise<number> {
  const child = spawn('nsenter', [`--net=/run/netns/${namespace}`, '--', ...command], {
    env: cli.env,
    stdio: 'inherit',
  })
  const stopForwarding = forwardSignals(cli, child)
  return new Promise<number>((resolve, reject) => {
    child.once('error', (cause: NodeJS.ErrnoException) => reject(cannotStart(cause)))
    child.once('close', (code, signal) =>
      resolve(signal === null ? (code ?? 1) : 128 + constants.signals[signal]),
    )
  }).finally(stopForwarding)
}

/**
 * nsenter becomes the command, so a signal to the child is one to the command. A terminal sends SIGINT to both of us
 * by itself, and we only stay to see how the command ends.
 */
function forwardSignals(cli: Cli, child: ChildProcess): () => void {
  const hasTerminal = isTerminal(cli.stdout) || isTerminal(cli.stderr) || process.stdin.isTTY
  return cli.onInterrupt((signal) => {
    if (!(signal === 'SIGINT' && hasTerminal)) child.kill(signal)
  })
}

function cannotStart(cause: NodeJS.ErrnoException): TapwireError {
  if (cause.code !== 'ENOENT') {
    return new TapwireError(ErrorCode.programMissing, `Cannot run nsenter: ${cause.message}.`, { cause })
  }
  return new TapwireError(ErrorCode.programMissing, 'The program nsenter is not installed.', {
    hint: "It is in Debian's package util-linux.",
    cause,
  })
}
