import { createInterface } from 'node:readline'
import type { Command } from 'commander'
import type { NetworksPruned } from '../../control/api/network.ts'
import type { SandboxesPruned } from '../../control/api/sandbox.ts'
import type { SystemPruned } from '../../control/api/system.ts'
import { apiClient } from '../api-client.ts'
import type { Cli } from '../cli.ts'
import { collect, examples, filtersOf } from '../options.ts'

interface PruneOptions {
  readonly force?: boolean
  readonly filter?: readonly string[]
}

export function defineNetworkPrune(command: Command, cli: Cli): void {
  addPruneOptions(command)
    .description('Removes all networks that no sandbox is connected to. The built-in ones stay.')
    .addHelpText('after', examples('tapwire network prune', 'tapwire network prune -f --filter label=test'))
    .action(async (options: PruneOptions) => {
      if (!(await isConfirmed(cli, options, NETWORKS_WARNING))) return
      const query = { filters: filtersOf(options.filter) }
      const { NetworksDeleted } = await apiClient(cli).post<NetworksPruned>('/networks/prune', { query })
      tell(cli, 'Deleted Networks:', NetworksDeleted)
    })
}

export function defineSandboxPrune(command: Command, cli: Cli): void {
  addPruneOptions(command)
    .description('Removes all sandboxes that do not run.')
    .addHelpText('after', examples('tapwire sandbox prune', 'tapwire sandbox prune -f --filter until=24h'))
    .action(async (options: PruneOptions) => {
      if (!(await isConfirmed(cli, options, SANDBOXES_WARNING))) return
      const query = { filters: filtersOf(options.filter) }
      const { SandboxesDeleted } = await apiClient(cli).post<SandboxesPruned>('/sandboxes/prune', { query })
      tell(cli, 'Deleted Containers:', SandboxesDeleted)
    })
}

export function defineSystemPrune(command: Command, cli: Cli): void {
  addPruneOptions(command)
    .description(
      'Removes sandboxes that do not run, networks that none uses, and what daemons that died left behind: namespaces, ' +
        'processes and files. Nothing that another program made is touched.',
    )
    .addHelpText('after', examples('tapwire system prune', 'tapwire system prune -f'))
    .action(async (options: PruneOptions) => {
      if (!(await isConfirmed(cli, options, SYSTEM_WARNING))) return
      await pruneSystem(cli, options)
    })
}

async function pruneSystem(cli: Cli, options: PruneOptions): Promise<void> {
  const api = apiClient(cli)
  const query = { filters: filtersOf(options.filter) }
  const { SandboxesDeleted } = await api.post<SandboxesPruned>('/sandboxes/prune', { query })
  const { NetworksDeleted } = await api.post<NetworksPruned>('/networks/prune', { query })
  const left = await api.post<SystemPruned>('/system/prune', { patient: true })
  tell(cli, 'Deleted Containers:', [...SandboxesDeleted, ...left.Sandboxes])
  tell(cli, 'Deleted Networks:', [...NetworksDeleted, ...left.NetworksDeleted])
  tell(cli, 'Removed Namespaces:', left.Namespaces)
  tell(cli, 'Ended Processes:', left.Processes.map(String))
  tell(cli, 'Spared Roots:', left.RootsSpared)
  if (left.RootsSpared.length > 0) cli.stderr.write(SPARED_HINT)
}

const SPARED_HINT = `Sandboxes of these roots run, though no daemon does: \`tapwire --root ROOT ps\` starts one, which takes them up, and
\`tapwire --root ROOT daemon stop\` then ends them. What is left of a root that was removed is removed by \`tapwire system prune\`.
`

/** Docker's warnings. */
const NETWORKS_WARNING = 'This will remove all custom networks not used by at least one container.'
const SANDBOXES_WARNING = 'This will remove all stopped containers.'
const SYSTEM_WARNING = `This will remove:
  - all stopped containers
  - all networks not used by at least one container
  - all namespaces, processes and files that dead daemons left
`

function addPruneOptions(command: Command): Command {
  return command
    .option('-f, --force', 'do not ask')
    .option(
      '--filter <key=value>',
      'only those with until=TIME, label=KEY[=VALUE], label!=KEY[=VALUE]',
      collect,
    )
}

/** Asks, unless told not to. What is not a clear yes is a no. */
async function isConfirmed(cli: Cli, { force }: PruneOptions, warning: string): Promise<boolean> {
  if (force === true) return true
  cli.stdout.write(`WARNING! ${warning}\nAre you sure you want to continue? [y/N] `)
  const lines = createInterface({ input: cli.stdin })
  try {
    for await (const line of lines) return line.trim().toLowerCase() === 'y'
    return false
  } finally {
    lines.close()
    cli.stdin.unref?.()
  }
}

function tell(cli: Cli, heading: string, names: readonly string[]): void {
  if (names.length === 0) return
  cli.stdout.write(`${heading}\n${names.map((name) => `${name}\n`).join('')}\n`)
}
