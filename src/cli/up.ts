import type { Command } from 'commander'
import type { LabAction, LabPlanned, LabStatus } from '../control/api/lab.ts'
import type { Lab } from '../control/lab.ts'
import { loadLab } from '../control/lab-file.ts'
import { formatAction } from '../control/labs/plan.ts'
import { type ApiClient, apiClient, segment } from './api-client.ts'
import type { Cli } from './cli.ts'
import { colorsFor } from './colors.ts'
import { followLab } from './labs.ts'
import { examples } from './options.ts'
import { formatTable, printJson } from './output.ts'
import { servicePlace } from './service-text.ts'

interface UpOptions {
  readonly dryRun?: true
  readonly json?: true
}

export function defineUp(command: Command, cli: Cli): void {
  command
    .description(
      'Makes networks and sandboxes as the lab file wants them, and starts their commands. Where the lab is up, only what ' +
        'differs is changed: connections of sandboxes that stay go on. What others have is left alone. Needs root.',
    )
    .argument('<lab.yaml>', 'the lab file; - is standard input')
    .option('--dry-run', 'say what would be done, and do nothing')
    .option('--json', 'print the lab, or with --dry-run what would be done, as JSON')
    .addHelpText(
      'after',
      examples(
        'tapwire up examples/demo.yaml',
        'tapwire up --dry-run lab.yaml',
        'tapwire save | tapwire --root /tmp/copy up -',
      ),
    )
    .action((path: string, options: UpOptions) => up(cli, path, options))
}

async function up(cli: Cli, path: string, { dryRun, json }: UpOptions): Promise<void> {
  const lab = loadLab(path)
  const api = apiClient(cli)
  if (dryRun === true) {
    const { actions } = await api.put<LabPlanned>(`/labs/${lab.name}`, {
      query: { dryRun: true },
      body: lab,
      patient: true,
    })
    if (json === true) printJson(cli, { actions })
    else cli.stdout.write(actionsText(actions))
    return
  }
  const { actions, status } = await bringUp(cli, api, lab)
  if (json === true) printJson(cli, status)
  else if (actions.length === 0) cli.stdout.write(NOTHING_TO_DO)
  else describeUp(cli, status)
}

const NOTHING_TO_DO = 'Nothing to do.\n'

function actionsText(actions: readonly LabAction[]): string {
  if (actions.length === 0) return NOTHING_TO_DO
  return actions.map((action) => `${formatAction(action)}\n`).join('')
}

/** Returns when the lab is as it should be. */
export async function bringUp(
  cli: Cli,
  api: ApiClient,
  lab: Lab,
): Promise<{ readonly actions: readonly LabAction[]; readonly status: LabStatus }> {
  const actions = await followLab(cli, api, lab.name, { method: 'PUT', body: lab })
  return { actions, status: await api.get<LabStatus>(`/labs/${segment(lab.name)}`) }
}

function describeUp(cli: Cli, status: LabStatus): void {
  const colors = colorsFor(cli, cli.stdout)
  const places = [...status.sandboxes, ...status.hosts]
  const rows = places.flatMap(({ name, endpoints }) =>
    endpoints.length === 0
      ? [[name, '', '', '', '']]
      : endpoints.map(({ interface: port, network, address, prefixLength, ipv6, ipv6PrefixLength, mac }) => [
          name,
          port,
          network,
          [
            ...(address === '' ? [] : [`${address}/${prefixLength}`]),
            ...(ipv6 === undefined ? [] : [`${ipv6}/${ipv6PrefixLength}`]),
          ].join(' '),
          mac,
        ]),
  )
  cli.stdout.write(`${colors.bold(`Lab ${status.name} is up`)}.\n\n`)
  if (rows.length > 0) {
    cli.stdout.write(formatTable(['SANDBOX', 'INTERFACE', 'NETWORK', 'ADDRESS', 'MAC'], rows))
    cli.stdout.write('\n')
  }
  const services = status.services.map((service) => [service.name, service.network, ...servicePlace(service)])
  if (services.length > 0) {
    cli.stdout.write(formatTable(['SERVICE', 'NETWORK', 'ADDRESS', 'PORTS'], services))
    cli.stdout.write('\n')
  }
  cli.stdout.write(
    `Try the following:\n${whatToTry(status)
      .map((line) => `  ${line}\n`)
      .join('')}`,
  )
}

function whatToTry(status: LabStatus): string[] {
  const ping = pingOf(status)
  const [service] = status.services
  const sandbox = ownSandboxes(status).find(({ state }) => state === 'idle' || state === 'running')
  const [host] = status.hosts
  return [
    ...(ping === undefined ? [] : [ping]),
    ...(sandbox === undefined ? [] : [`tapwire exec ${sandbox.name} ip address`]),
    ...(host === undefined ? [] : [`tapwire -H ${status.name}/${host.name} ps`]),
    ...(host === undefined || status.cluster === undefined
      ? []
      : [`tapwire -H ${status.name}/${host.name} overlay peers`]),
    ...(service === undefined ? [] : [`tapwire service ps ${service.name}`]),
    'tapwire fdb ls',
    'tapwire stats --watch',
    `tapwire down ${status.name}`,
  ]
}

/** Without the registry's, which nobody has to look at. */
function ownSandboxes({ sandboxes, cluster }: LabStatus): LabStatus['sandboxes'] {
  const registry = typeof cluster?.registry === 'object' ? cluster.registry.sandbox : undefined
  return sandboxes.filter(({ name }) => name !== registry)
}

/** From one sandbox to another one on the same network, if there are two. */
function pingOf(status: LabStatus): string | undefined {
  for (const { name: network } of status.networks) {
    const [from, to] = [...ownSandboxes(status), ...status.hosts].flatMap(({ name, endpoints, state }) =>
      endpoints
        .filter((endpoint) => endpoint.network === network && (state === 'idle' || state === 'running'))
        .map(({ address, ipv6 }) => ({ name, address: address === '' ? (ipv6 ?? '') : address })),
    )
    if (from !== undefined && to !== undefined) return `tapwire exec ${from.name} ping -c 3 ${to.address}`
  }
  return undefined
}
