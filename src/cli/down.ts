import type { Command } from 'commander'
import type { LabSummary } from '../control/api/lab.ts'
import { ErrorCode, TapwireError } from '../control/errors.ts'
import { type ApiClient, apiClientOfRunning, isNobodyThere } from './api-client.ts'
import type { Cli } from './cli.ts'
import { followLab, isLabFile, noLab, onlyLab } from './labs.ts'
import { examples } from './options.ts'

interface DownOptions {
  readonly all?: true
}

export function defineDown(command: Command, cli: Cli): void {
  command
    .description(
      'Stops the sandboxes of a lab and removes them and its networks. What is in its hosts goes first.',
    )
    .argument('[lab]', "the lab's name or its file; the only lab unless given")
    .option('--all', 'take all labs down')
    .addHelpText('after', examples('tapwire down', 'tapwire down demo', 'tapwire down --all'))
    .action((name: string | undefined, options: DownOptions) => down(cli, name, options))
}

async function down(cli: Cli, name: string | undefined, options: DownOptions): Promise<void> {
  const api = apiClientOfRunning(cli)
  try {
    for (const lab of await labsMeant(api, name, options)) {
      await followLab(cli, api, lab, { method: 'DELETE' })
      cli.stdout.write(`Lab ${lab} is down.\n`)
    }
  } catch (error) {
    // Where no daemon runs, there is no lab.
    const isGone = error instanceof TapwireError && error.code === ErrorCode.daemonUnreachable
    if (!isGone || !isNobodyThere(error.cause)) throw error
    if (options.all !== true) throw noLab()
  }
}

async function labsMeant(
  api: ApiClient,
  name: string | undefined,
  { all }: DownOptions,
): Promise<readonly string[]> {
  if (name !== undefined) return [await nameOf(name)]
  if (all === true) return (await api.get<LabSummary[]>('/labs')).map((lab) => lab.name)
  return [await onlyLab(api, 'Choose one with `tapwire down NAME`, or take all down with --all.')]
}

async function nameOf(name: string): Promise<string> {
  if (!isLabFile(name)) return name
  const { loadLab } = await import('../control/lab-file.ts')
  return loadLab(name).name
}
