import { readFileSync } from 'node:fs'
import { CommanderError } from 'commander'
import { type Cli, type CliContext, EXIT_BAD_OPTION, EXIT_FAILED } from './cli.ts'
import type { CommandEntry } from './command-entry.ts'
import { COMMANDS } from './command-list.ts'
import { ProgramCommand } from './program-command.ts'

/** Runs one command line (without `node` and the program's path) and returns the exit code. Never throws. */
export async function runCli(args: readonly string[], context: CliContext): Promise<number> {
  // Not copied: to look at standard input opens it.
  const cli = Object.assign(Object.create(context) as CliContext, { exitCode: 0, globals: {} }) satisfies Cli
  try {
    const program = createProgram(cli)
    const words = helpWanted(args)
    await addCommands(program, cli, COMMANDS, program.wordsFrom(words))
    await program.parseAsync(words, { from: 'user' })
    return cli.exitCode
  } catch (error) {
    // commander has written its message, and throws for --help as well.
    if (!(error instanceof CommanderError)) {
      const { reportError } = await import('./error-report.ts')
      return reportError(cli, error)
    }
    // 1 is what commander says of every mistake; other codes are a command's wish.
    if (error.exitCode !== 1) return error.exitCode
    return OPTION_MISTAKES.has(error.code) ? EXIT_BAD_OPTION : EXIT_FAILED
  }
}

/** commander's codes. A bad value of an argument has the same code as that of an option. */
const OPTION_MISTAKES: ReadonlySet<string> = new Set([
  'commander.unknownOption',
  'commander.optionMissingArgument',
  'commander.invalidArgument',
  'commander.conflictingOption',
  'commander.missingMandatoryOptionValue',
])

/**
 * Adds the command that `words` begin with, whose module is loaded for that; or all commands, by name and summary only,
 * where they begin with none. Loading every module would cost more time than most commands take.
 */
export async function addCommands(
  parent: ProgramCommand,
  cli: Cli,
  entries: readonly CommandEntry[],
  words: readonly string[],
): Promise<void> {
  const [first, ...others] = words
  const chosen = entries.find(
    (entry) => entry.name === first || entry.aliases?.includes(first ?? '') === true,
  )
  for (const entry of chosen === undefined ? entries : [chosen]) {
    const command = new ProgramCommand(entry.name).summary(entry.summary)
    command.copyInheritedSettings(parent)
    if (entry.group !== undefined) command.helpGroup(entry.group)
    if (entry.aliases !== undefined) command.aliases(entry.aliases)
    if (entry === chosen) await define(command, cli, entry, others)
    parent.addCommand(command, { hidden: entry.hidden === true })
  }
}

/** `help network create` is `network create --help`. */
function helpWanted(args: readonly string[]): readonly string[] {
  const [first, ...others] = args
  return first === 'help' ? [...others, '--help'] : args
}

async function define(
  command: ProgramCommand,
  cli: Cli,
  entry: CommandEntry,
  words: readonly string[],
): Promise<void> {
  if (entry.define !== undefined) {
    const addTo = await entry.define()
    addTo(command, cli)
  }
  if (entry.commands === undefined) return
  if (entry.define === undefined) command.description(`${entry.summary}.`)
  await addCommands(command, cli, await entry.commands(), words)
}

export function createProgram(cli: Cli): ProgramCommand {
  const program: ProgramCommand = new ProgramCommand('tapwire')
  program
    .description(
      'Networks of sandboxes whose switch and router is this program: no kernel bridge, no iptables.',
    )
    .option('--version', 'print the version')
    .on('option:version', () => {
      cli.stdout.write(`${ownVersion()}\n`)
      throw new CommanderError(0, 'commander.version', '')
    })
    .option('--root <folder>', "the daemon's folder; /var/lib/tapwire unless given")
    .option('--socket <path>', "the daemon's socket; in --root unless given")
    .option('-H, --host <url>', 'a daemon that runs: unix:///PATH, or LAB/HOST')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => cli.stdout.write(text),
      writeErr: (text) => cli.stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'tapwire: ')),
      getOutHelpWidth: () => cli.stdout.columns ?? 80,
      getErrHelpWidth: () => cli.stderr.columns ?? 80,
      getOutHasColors: () => cli.stdout.isTTY === true,
      getErrHasColors: () => cli.stderr.isTTY === true,
    })
    .enablePositionalOptions()
    .addHelpText('after', AFTER_HELP)
    .hook('preAction', async () => {
      cli.globals = program.opts()
      const { host = hostOfEnvironment(cli) } = cli.globals
      if (host === undefined || !isLabHost(host)) return
      const { socketOfHost } = await import('./lab-host.ts')
      cli.globals = { host: await socketOfHost(cli, host) }
    })
  return program
}

/** Options come before the environment. */
function hostOfEnvironment({ globals, env }: Cli): string | undefined {
  return globals.socket === undefined && globals.root === undefined ? env['TAPWIRE_HOST'] : undefined
}

function isLabHost(host: string): boolean {
  return /^[a-z0-9-]+\/[a-z0-9-]+$/.test(host)
}

const AFTER_HELP = `
Examples:
  tapwire run -d --name web python3 -m http.server
                                             run a command in a sandbox
  tapwire network create blue                make a network
  tapwire network connect blue web           plug the sandbox into it
  tapwire uplink set nic                     let it reach the world
  tapwire explain web internet               why a packet would get there, or not
  tapwire capture web -w web.pcapng          record what it sends and gets, for Wireshark
  tapwire up examples/demo.yaml              bring a lab up
  tapwire stats --watch                      see what the switch does

Environment:
  TAPWIRE_ROOT   the daemon's folder, as --root
  TAPWIRE_HOST   a daemon that runs, as --host
  TAPWIRE_UPLINK the way out that a daemon has which starts, as \`tapwire daemon --uplink\`
  TAPWIRE_RESOLV_CONF
                 the machine's resolv.conf for a daemon which starts, as \`tapwire daemon --resolv-conf\`
  TAPWIRE_CLUSTER, TAPWIRE_ADVERTISE
                 the cluster of a daemon which starts, as \`tapwire daemon --cluster --advertise\`
  TAPWIRE_DEBUG  1 shows where in the program an error comes from
  NO_COLOR       anything turns colours off`

/** Only read where it is shown. */
export function ownVersion(): string {
  const file = new URL('../../../package.json', import.meta.url)
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string }
  return version
}
