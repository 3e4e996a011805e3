import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import type { Version } from '../../control/api/system.ts'
import { API_VERSION } from '../../control/api-version.ts'
import { ErrorCode, TapwireError } from '../../control/errors.ts'
import { apiClientOfRunning } from '../api-client.ts'
import type { Cli } from '../cli.ts'
import { examples } from '../options.ts'

interface VersionOptions {
  readonly format?: string
}

interface Versions {
  readonly Client: {
    readonly Version: string
    readonly ApiVersion: string
    readonly NodeVersion: string
    readonly Os: string
    readonly Arch: string
  }
  /** Null where none runs. */
  readonly Server: Version | null
}

export function defineVersion(command: Command, cli: Cli): void {
  command
    .description('Shows the versions of this program and of the daemon, if that runs.')
    .option('-f, --format <format>', "'json' or a Go template")
    .addHelpText('after', examples('tapwire version', "tapwire version -f '{{.Server.Version}}'"))
    .action(async ({ format }: VersionOptions) => {
      const versions = { Client: ownVersions(), Server: await runningDaemon(cli) }
      cli.stdout.write(await formatObject(versions, format, describeVersions))
    })
}

export function defineInfo(command: Command, cli: Cli): void {
  command
    .description('Shows where the daemon is, if it runs, and how much it has.')
    .option('-f, --format <format>', "'json' or a Go template")
    .addHelpText('after', examples('tapwire info', "tapwire info -f '{{.SandboxesRunning}}'"))
    .action(async ({ format }: VersionOptions) => {
      const daemon = await runningDaemon(cli)
      if (daemon === null) {
        throw new TapwireError(ErrorCode.daemonUnreachable, 'No daemon runs.', {
          hint: 'Any command that needs it starts it, `tapwire network ls` for example.',
        })
      }
      cli.stdout.write(await formatObject(daemon, format, describeDaemon))
    })
}

/** Where none runs, nobody is started to tell that. */
async function runningDaemon(cli: Cli): Promise<Version | null> {
  try {
    return await apiClientOfRunning(cli).get<Version>('/version')
  } catch (error) {
    const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ECONNREFUSED') return null
    throw error
  }
}

function ownVersions(): Versions['Client'] {
  const file = new URL('../../../../package.json', import.meta.url)
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string }
  return {
    Version: version,
    ApiVersion: API_VERSION,
    NodeVersion: process.versions.node,
    Os: process.platform,
    Arch: process.arch,
  }
}

async function formatObject<T>(
  value: T,
  format: string | undefined,
  describe: (value: T) => string,
): Promise<string> {
  if (format === undefined || format === '') return describe(value)
  if (format === 'json') return `${JSON.stringify(value)}\n`
  const { Template } = await import('../format/template.ts')
  return `${new Template(format).execute(value)}\n`
}

function describeVersions({ Client, Server }: Versions): string {
  const client = [
    'Client:',
    ...lines([
      ['Version', Client.Version],
      ['API version', Client.ApiVersion],
      ['Node version', Client.NodeVersion],
      ['OS/Arch', `${Client.Os}/${Client.Arch}`],
    ]),
  ]
  if (Server === null) return `${[...client, '', 'Server: does not run'].join('\n')}\n`
  const server = [
    'Server:',
    ...lines([
      ['Version', Server.Version],
      ['API version', Server.ApiVersion],
      ['Process', String(Server.Pid)],
      ['Started', Server.StartedAt],
    ]),
  ]
  return `${[...client, '', ...server].join('\n')}\n`
}

function lines(pairs: readonly (readonly [string, string])[]): string[] {
  return pairs.map(([name, value]) => ` ${`${name}:`.padEnd(18)}${value}`)
}

function describeDaemon(daemon: Version): string {
  const { Sandboxes, SandboxesRunning, Networks } = daemon
  return `${[
    `Sandboxes: ${Sandboxes}`,
    ` Running: ${SandboxesRunning}`,
    ` Stopped: ${Sandboxes - SandboxesRunning}`,
    `Networks: ${Networks}`,
    `Server Version: ${daemon.Version}`,
    `API Version: ${daemon.ApiVersion}`,
    `Frame I/O: ${daemon.Backend}`,
    `Process: ${daemon.Pid}`,
    `Started: ${daemon.StartedAt}`,
    `Tapwire Root Dir: ${daemon.Root}`,
  ].join('\n')}\n`
}
