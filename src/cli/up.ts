import { writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { type Command, Option } from 'commander'
import type { LabStatus } from '../control/api.ts'
import { ErrorCode, TapwireError } from '../control/errors.ts'
import type { Lab } from '../control/lab.ts'
import { loadLab } from '../control/lab-file.ts'
import { labPaths, runDirectory } from '../control/run-directory.ts'
import type { Cli } from './cli.ts'
import { colorsFor } from './colors.ts'
import { runDaemon } from './daemon-process.ts'
import { findLab, theLab } from './labs.ts'
import { formatTable, printJson } from './output.ts'

interface UpOptions {
  readonly io?: 'io_uring' | 'epoll'
  readonly json?: true
}

export function defineUp(command: Command, cli: Cli): void {
  command
    .description(
      "Builds the lab's sandboxes and networks and starts the commands of its sandboxes. A daemon stays in the " +
        'background and forwards their frames until `tapwire down`. Needs root.',
    )
    .argument('<lab.yaml>', 'the lab file')
    .addOption(
      new Option('--io <backend>', 'how frames get in and out; the best that works unless given').choices([
        'io_uring',
        'epoll',
      ]),
    )
    .option('--json', 'print the lab as JSON')
    .addHelpText('after', '\nExamples:\n  tapwire up examples/demo.yaml\n  tapwire up --io epoll lab.yaml')
    .action((path: string, options: UpOptions) => up(cli, path, options))
}

async function up(cli: Cli, path: string, options: UpOptions): Promise<void> {
  const status = await bringUp(cli, loadLab(path), dirname(resolve(path)), {
    backend: options.io,
  })
  if (options.json === true) printJson(cli, status)
  else describeUp(cli, status)
}

export interface BringUpOptions {
  readonly backend?: 'io_uring' | 'epoll' | undefined
  /** The lab ends with this process. */
  readonly attached?: boolean
}

/** Starts the lab's daemon, whose commands run in `directory`, and returns when the lab is up. */
export async function bringUp(
  cli: Cli,
  lab: Lab,
  directory: string,
  { backend, attached = false }: BringUpOptions = {},
): Promise<LabStatus> {
  const run = runDirectory(cli.env)
  labPaths(run, lab.name)
  await refuseIfUp(cli, lab)
  await runDaemon(cli, {
    until: 'ready',
    directory,
    attached,
    args(folder) {
      const file = join(folder, 'lab.json')
      writeFileSync(file, JSON.stringify(lab))
      const io = backend === undefined ? [] : ['--io', backend]
      return ['--lab-json', file, '--run', resolve(run), ...io]
    },
  })
  const { status } = await theLab(cli, lab.name)
  return status
}

/** Remains of a daemon that has died are the new daemon's to clear away. */
async function refuseIfUp(cli: Cli, lab: Lab): Promise<void> {
  const found = await findLab(cli, lab.name)
  if (found?.state === 'up') {
    throw new TapwireError(ErrorCode.labUpAlready, `Lab '${lab.name}' is up already.`, {
      hint: `Take it down first with \`tapwire down ${lab.name}\`, or give this one another name.`,
    })
  }
  if (found?.state === 'silent') throw found.reason
}

function describeUp(cli: Cli, status: LabStatus): void {
  const colors = colorsFor(cli, cli.stdout)
  const rows = status.sandboxes.flatMap((sandbox) =>
    sandbox.endpoints.map((endpoint) => [
      sandbox.name,
      endpoint.interface,
      endpoint.network,
      `${endpoint.address}/${endpoint.prefixLength}`,
      endpoint.mac,
    ]),
  )
  cli.stdout.write(
    `${colors.bold(`Lab ${status.name} is up`)} (${status.backend}, process ${status.pid}).\n\n`,
  )
  cli.stdout.write(formatTable(['SANDBOX', 'INTERFACE', 'NETWORK', 'ADDRESS', 'MAC'], rows))
  cli.stdout.write(
    `\nTry the following:\n${whatToTry(status)
      .map((line) => `  ${line}\n`)
      .join('')}`,
  )
}

function whatToTry(status: LabStatus): string[] {
  const ping = pingOf(status)
  const [sandbox] = status.sandboxes
  return [
    ...(ping === undefined ? [] : [ping]),
    ...(sandbox === undefined ? [] : [`tapwire exec ${sandbox.name} -- ip address`]),
    'tapwire fdb ls',
    'tapwire stats --watch',
    `tapwire down ${status.name}`,
  ]
}

/** From one sandbox to another one on the same network, if there are two. */
function pingOf(status: LabStatus): string | undefined {
  for (const { name: network } of status.networks) {
    const [from, to] = status.sandboxes.flatMap((sandbox) =>
      sandbox.endpoints
        .filter((endpoint) => endpoint.network === network)
        .map((endpoint) => ({ sandbox: sandbox.name, address: endpoint.address })),
    )
    if (from !== undefined && to !== undefined)
      return `tapwire exec ${from.sandbox} -- ping -c 3 ${to.address}`
  }
  return undefined
}
