import type { Command } from 'commander'
import type { NetworkInspect } from '../../control/api/network.ts'
import type { SandboxInspect } from '../../control/api/sandbox.ts'
import type { ServiceInspect } from '../../control/api/service.ts'
import { ErrorCode, TapwireError } from '../../control/errors.ts'
import { type ApiClient, ApiError, apiClient, segment } from '../api-client.ts'
import type { Cli } from '../cli.ts'
import { examples, usage } from '../options.ts'
import { tellFailure } from '../several.ts'

interface InspectOptions {
  readonly format?: string
  readonly type?: string
}

type Kind = 'sandbox' | 'network' | 'service'

/** Where the API has them. */
const PATHS: Readonly<Record<Kind, string>> = {
  sandbox: 'sandboxes',
  network: 'networks',
  service: 'services',
}

export function defineInspect(command: Command, cli: Cli): void {
  command
    .description(
      'Shows all that is known of sandboxes and networks, a sandbox first where both have the name.',
    )
    .argument('<name...>', 'names or ids')
    .option('--type <type>', 'only sandboxes, or only networks')
    .addHelpText(
      'after',
      examples(
        'tapwire inspect web',
        "tapwire inspect -f '{{.State.Status}}' web",
        "tapwire inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}' web",
        "tapwire inspect -f '{{.NetworkSettings.DefaultRoute.IPv4.Reason}}' web",
      ),
    )
  addFormat(command).action((names: string[], options: InspectOptions) =>
    inspect(cli, names, kindsOf(options.type), options.format),
  )
}

export function defineSandboxInspect(command: Command, cli: Cli): void {
  command
    .description('Shows all that is known of sandboxes.')
    .argument('<sandbox...>', 'names or ids')
    .addHelpText('after', examples('tapwire sandbox inspect web'))
  addFormat(command).action((names: string[], { format }: InspectOptions) =>
    inspect(cli, names, ['sandbox'], format),
  )
}

export function defineNetworkInspect(command: Command, cli: Cli): void {
  command
    .description('Shows all that is known of networks.')
    .argument('<network...>', 'names or ids')
    .option('-v, --verbose', 'taken for the habit; all is shown in any case')
    .addHelpText(
      'after',
      examples(
        'tapwire network inspect blue',
        "tapwire network inspect -f '{{range .IPAM.Config}}{{.Subnet}}{{end}}' blue",
      ),
    )
  addFormat(command).action((names: string[], { format }: InspectOptions) =>
    inspect(cli, names, ['network'], format),
  )
}

export function defineServiceInspect(command: Command, cli: Cli): void {
  command
    .description('Shows all that is known of services.')
    .argument('<service...>', 'names or ids')
    .option('--pretty', 'taken for the habit; JSON is shown in any case')
    .addHelpText('after', examples("tapwire service inspect -f '{{.VirtualIP}}' web"))
  addFormat(command).action((names: string[], { format }: InspectOptions) =>
    inspect(cli, names, ['service'], format),
  )
}

function addFormat(command: Command): Command {
  return command.option('-f, --format <format>', "'json' or a Go template")
}

function kindsOf(type: string | undefined): Kind[] {
  switch (type) {
    case undefined:
      return ['sandbox', 'network']
    case 'sandbox':
    case 'container':
      return ['sandbox']
    case 'network':
      return ['network']
    default:
      throw usage(`"${type}" is not a valid value for --type`, 'It is sandbox or network.', 125)
  }
}

async function inspect(
  cli: Cli,
  names: readonly string[],
  kinds: readonly Kind[],
  format: string | undefined,
): Promise<void> {
  const api = apiClient(cli)
  // A template that is wrong in itself is told before anything is asked for.
  const print = await printerOf(format)
  const found: unknown[] = []
  const failures: unknown[] = []
  for (const name of names) {
    await find(api, name, kinds).then(
      (value) => found.push(value),
      (error: unknown) => failures.push(error),
    )
  }
  cli.stdout.write(print(found))
  for (const failure of failures) await tellFailure(cli, failure)
}

async function find(
  api: ApiClient,
  name: string,
  kinds: readonly Kind[],
): Promise<SandboxInspect | NetworkInspect | ServiceInspect> {
  for (const kind of kinds) {
    try {
      return await api.get(`/${PATHS[kind]}/${segment(name)}`)
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404) || kinds.length === 1) throw error
    }
  }
  throw new TapwireError(ErrorCode.objectUnknown, `No such object: ${name}`)
}

async function printerOf(format: string | undefined): Promise<(values: readonly unknown[]) => string> {
  if (format === undefined || format === '') return (values) => `${JSON.stringify(values, undefined, 4)}\n`
  if (format === 'json') return (values) => `${JSON.stringify(values)}\n`
  const { Template } = await import('../format/template.ts')
  const template = new Template(format, { maps: MAPS, absent: ABSENT })
  return (values) => values.map((value) => `${template.execute(value)}\n`).join('')
}

/** What JSON leaves out where it is empty, and docker's types have. */
const ABSENT: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['Gateway', ''],
  ['IPRange', ''],
  ['AuxiliaryAddresses', {}],
])

/** What has keys of its users' choice. */
const MAPS = new Set([
  'AuxiliaryAddresses',
  'Containers',
  'DriverOpts',
  'ExposedPorts',
  'Labels',
  'Networks',
  'Options',
  'PortBindings',
  'Ports',
  'Subnets',
])
