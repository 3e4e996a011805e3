import type { Command } from 'commander'
import type { LabStatus } from '../control/api.ts'
import { ErrorCode, TapwireError } from '../control/errors.ts'
import type { Cli } from './cli.ts'
import { type KnownLab, knownLabs, type LabSilent, type LabUp, theLab } from './labs.ts'
import { formatCommand, formatTable, printJson } from './output.ts'

interface PsOptions {
  readonly lab?: string
  readonly json?: true
}

export function addPs(program: Command, cli: Cli): void {
  program
    .command('ps')
    .summary('list sandboxes')
    .description('Lists the sandboxes of all labs that are up, their addresses, and what their commands do.')
    .option('--lab <name>', 'only those of this lab')
    .option('--json', 'print the labs as JSON, with all that the daemons know of them')
    .addHelpText('after', '\nExamples:\n  tapwire ps\n  tapwire ps --json | jq -r ".[].sandboxes[].name"')
    .action((options: PsOptions) => ps(cli, options))
}

async function ps(cli: Cli, options: PsOptions): Promise<void> {
  const known: KnownLab[] =
    options.lab === undefined ? await knownLabs(cli) : [await theLab(cli, options.lab)]
  const labs = known.filter((lab): lab is LabUp => lab.state === 'up').map((lab) => lab.status)
  if (options.json === true) printJson(cli, labs)
  else
    cli.stdout.write(formatTable(['LAB', 'SANDBOX', 'STATE', 'ADDRESSES', 'COMMAND'], labs.flatMap(rowsOf)))

  for (const lab of known.filter((one) => one.state === 'dead')) {
    cli.stderr.write(
      `Lab ${lab.name} is not up: its daemon has died. \`tapwire down ${lab.name}\` removes what it left.\n`,
    )
  }
  const [silent, ...others] = known.filter((lab) => lab.state === 'silent')
  if (silent !== undefined) throw others.length === 0 ? silent.reason : silentLabs([silent, ...others])
}

function rowsOf(lab: LabStatus): string[][] {
  return lab.sandboxes.map((sandbox) => [
    lab.name,
    sandbox.name,
    sandbox.state === 'exited' ? `exited (${sandbox.exitCode ?? '?'})` : sandbox.state,
    sandbox.endpoints
      .map(({ network, address, prefixLength, state }) => {
        const gone = state === 'gone' ? ' (gone)' : ''
        return `${network} ${address}/${prefixLength}${gone}`
      })
      .join(', '),
    formatCommand(sandbox.command ?? []),
  ])
}

function silentLabs(labs: readonly LabSilent[]): TapwireError {
  const messages = labs.map((lab) => `\n  ${lab.reason.message}`).join('')
  return new TapwireError(ErrorCode.daemonUnreachable, `${labs.length} labs do not answer:${messages}`, {
    hint: labs[0]?.reason.hint,
  })
}
