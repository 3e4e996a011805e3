import type { Command } from 'commander'
import type { SandboxInspect, SandboxSummary } from '../../control/api/sandbox.ts'
import { apiClient } from '../api-client.ts'
import type { Cli } from '../cli.ts'
import { alignColumns } from '../format/columns.ts'
import { formatPublished } from '../format/ports.ts'
import { naturalOrder } from '../natural-order.ts'
import { examples, usage } from '../options.ts'
import { printJson } from '../output.ts'
import { inspectSandbox } from '../sandbox/foreground.ts'

type Ports = SandboxInspect['NetworkSettings']['Ports']

export function definePort(command: Command, cli: Cli): void {
  command
    .description(
      "Lists a sandbox's published ports, or tells where one of them is published. Of a sandbox called add, rm or ls, " +
        "'port ls NAME' lists them.",
    )
    .argument('<sandbox>', 'name or id')
    .argument('[port]', 'a port of the sandbox: 80, 80/udp')
    .addHelpText(
      'after',
      examples(
        'tapwire port web',
        'tapwire port web 80/tcp',
        'tapwire port add web 8080:80',
        'tapwire port rm web 8080:80',
      ),
    )
    .action((sandbox: string, port: string | undefined) => showPorts(cli, sandbox, port))
}

export function definePortLs(command: Command, cli: Cli): void {
  command
    .description('Lists the published ports of all sandboxes that run, or of one.')
    .argument('[sandbox]', 'name or id')
    .option('--json', 'print them as JSON')
    .addHelpText('after', examples('tapwire port ls', 'tapwire port ls web'))
    .action((sandbox: string | undefined, { json }: { json?: boolean }) => list(cli, sandbox, json === true))
}

/** A line for each binding, `80/tcp -> 0.0.0.0:8080`. */
export function portLines(ports: Ports): readonly string[] {
  return published(ports)
    .toSorted((a, b) => naturalOrder(a.name, b.name))
    .map(({ name, address }) => `${name} -> ${address}`)
}

async function list(cli: Cli, reference: string | undefined, json: boolean): Promise<void> {
  const client = apiClient(cli)
  const wanted = reference === undefined ? undefined : (await inspectSandbox(client, reference)).Id
  const all = await client.get<SandboxSummary[]>('/sandboxes')
  const sandboxes = all
    .filter(({ Id }) => wanted === undefined || Id === wanted)
    .map(({ Names: [name = ''], Ports: ports }) => ({ Sandbox: name.slice(1), Ports: ports }))
    .toSorted((a, b) => naturalOrder(a.Sandbox, b.Sandbox))
  if (json) return printJson(cli, sandboxes)
  const lines = sandboxes.flatMap(({ Sandbox, Ports: ports }) =>
    formatPublished(ports).map(([outside, inside]) => [Sandbox, inside, outside]),
  )
  cli.stdout.write(alignColumns([['SANDBOX', 'PORT', 'PUBLISHED ON'], ...lines]))
}

async function showPorts(cli: Cli, sandbox: string, port: string | undefined): Promise<void> {
  const { NetworkSettings } = await inspectSandbox(apiClient(cli), sandbox)
  if (port === undefined) {
    cli.stdout.write(
      portLines(NetworkSettings.Ports)
        .map((line) => `${line}\n`)
        .join(''),
    )
    return
  }
  const [number = '', protocol = 'tcp'] = port.split('/', 2)
  if (!/^\d+$/.test(number)) {
    throw usage(
      `invalid port (${number}): strconv.ParseUint: parsing ${JSON.stringify(number)}: invalid syntax`,
    )
  }
  const wanted = `${Number(number)}/${protocol}`
  const found = published(NetworkSettings.Ports).filter(({ name }) => name === wanted)
  if (found.length === 0) throw usage(`No public port '${port}' published for ${sandbox}`)
  cli.stdout.write(found.map(({ address }) => `${address}\n`).join(''))
}

function published(ports: Ports): readonly { readonly name: string; readonly address: string }[] {
  return Object.entries(ports).flatMap(([name, bindings]) =>
    (bindings ?? []).map(({ HostIp, HostPort }) => ({
      name,
      address: `${HostIp.includes(':') ? `[${HostIp}]` : HostIp}:${HostPort}`,
    })),
  )
}
