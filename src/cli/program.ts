import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { type Cli, type CliContext, EXIT_USAGE } from './cli.ts'
import { addDemo } from './demo.ts'
import { addDoctor } from './doctor.ts'
import { addDown } from './down.ts'
import { reportError } from './error-report.ts'
import { addExec } from './exec.ts'
import { addFdb } from './fdb.ts'
import { isTerminal } from './output.ts'
import { addPs } from './ps.ts'
import { addStats } from './stats.ts'
import { addUp } from './up.ts'
import { addValidate } from './validate.ts'

/** Runs one command line (without `node` and the program's path) and returns the exit code. Never throws. */
export async function runCli(args: readonly string[], context: CliContext): Promise<number> {
  const cli: Cli = { ...context, exitCode: 0 }
  try {
    await createProgram(cli).parseAsync(args, { from: 'user' })
    return cli.exitCode
  } catch (error) {
    // commander has written its message, and throws for --help as well.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE
    return reportError(cli, error)
  }
}

function createProgram(cli: Cli): Command {
  const program = new Command('tapwire')
    .description('Networks of sandboxes whose switch is this program: no kernel bridge, no iptables.')
    .version(ownVersion(), '--version', 'print the version')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => cli.stdout.write(text),
      writeErr: (text) => cli.stderr.write(text),
      getOutHelpWidth: () => cli.stdout.columns ?? 80,
      getErrHelpWidth: () => cli.stderr.columns ?? 80,
      getOutHasColors: () => isTerminal(cli.stdout),
      getErrHasColors: () => isTerminal(cli.stderr),
    })
    .enablePositionalOptions()
    .showHelpAfterError('(--help shows how it is used)')
    .addHelpText('after', AFTER_HELP)
  addDemo(program, cli)
  addUp(program, cli)
  addDown(program, cli)
  addValidate(program, cli)
  addExec(program, cli)
  addPs(program, cli)
  addFdb(program, cli)
  addStats(program, cli)
  addDoctor(program, cli)
  return program
}

const AFTER_HELP = `
Examples:
  tapwire up examples/demo.yaml              bring a lab up
  tapwire exec alice -- ping -c 3 10.1.0.3   run a command in one of its sandboxes
  tapwire stats --watch                      see what the switch does
  tapwire down                               take the lab down

Environment:
  TAPWIRE_RUN    folder of running labs, /run/tapwire unless set
  TAPWIRE_DEBUG  1 shows where in the program an error comes from
  NO_COLOR       anything turns colours off`

function ownVersion(): string {
  const file = new URL('../../../package.json', import.meta.url)
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string }
  return version
}
