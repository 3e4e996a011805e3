import type { Command } from 'commander'
import type { Lab, LabEndpoint, LabHost, LabNetwork, LabSandbox, LabService } from '../control/lab.ts'
import { loadLab } from '../control/lab-file.ts'
import { LabFileError } from '../control/lab-problem.ts'
import type { Cli } from './cli.ts'
import { formatCommand, formatTable, plural, printJson } from './output.ts'
import { servicePlace } from './service-text.ts'

export function defineValidate(command: Command, cli: Cli): void {
  command
    .description(
      'Checks a lab file without building anything, and shows the addresses that its sandboxes would get. All problems ' +
        'are told at once, as FILE:LINE:COLUMN: what is wrong.',
    )
    .argument('<lab.yaml>', 'the lab file')
    .option('--json', 'print the lab, or its problems, as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  tapwire validate examples/demo.yaml\n  tapwire validate --json lab.yaml | jq .lab',
    )
    .action((path: string, options: { json?: true }) => {
      if (options.json === true) validateAsJson(cli, path)
      else describeLab(cli, path, loadLab(path))
    })
}

function validateAsJson(cli: Cli, path: string): void {
  try {
    printJson(cli, { valid: true, lab: loadLab(path) })
  } catch (error) {
    if (!(error instanceof LabFileError)) throw error
    printJson(cli, { valid: false, problems: error.problems, unlisted: error.unlisted })
    cli.exitCode = error.exitCode
  }
}

function describeLab(cli: Cli, path: string, lab: Lab): void {
  const places = [lab, ...lab.hosts]
  const sum = (size: (place: Lab | LabHost) => number): number =>
    places.reduce((total, place) => total + size(place), 0)
  const within = (place: Lab | LabHost, name: string): string =>
    place === lab ? name : `${place.name}: ${name}`
  const services = [
    ...(lab.cluster?.services ?? []).map((service) => serviceRow(service, service.name)),
    ...places.flatMap((place) =>
      (place.services ?? []).map((service) => serviceRow(service, within(place, service.name))),
    ),
  ]
  const counts = [
    ...(lab.hosts.length === 0 ? [] : [plural(lab.hosts.length, 'host'), plural(lab.links.length, 'link')]),
    plural(
      sum(({ networks }) => networks.length),
      'network',
    ),
    plural(
      sum(({ sandboxes }) => sandboxes.length),
      'sandbox',
    ),
    plural(
      sum(({ sandboxes }) => sandboxes.reduce((total, { endpoints }) => total + endpoints.length, 0)),
      'endpoint',
    ),
    ...(services.length === 0 ? [] : [plural(services.length, 'service')]),
  ]
  cli.stdout.write(`${path} is valid: lab ${lab.name} with ${counts.join(', ')}.\n\n`)
  cli.stdout.write(
    formatTable(
      ['NETWORK', 'SUBNET', 'GATEWAY', 'MTU'],
      [
        ...lab.links.flatMap((link) => networkRows(link, link.name)),
        ...places.flatMap((place) =>
          place.networks.flatMap((network) => networkRows(network, within(place, network.name))),
        ),
      ],
    ),
  )
  cli.stdout.write('\n')
  cli.stdout.write(
    formatTable(
      ['SANDBOX', 'INTERFACE', 'NETWORK', 'ADDRESS', 'MAC', 'COMMAND'],
      [
        ...lab.hosts.flatMap((host) => sandboxRows(host, host.name)),
        ...places.flatMap((place) =>
          place.sandboxes.flatMap((sandbox) => sandboxRows(sandbox, within(place, sandbox.name))),
        ),
      ],
    ),
  )
  if (services.length === 0) return
  cli.stdout.write('\n')
  cli.stdout.write(formatTable(['SERVICE', 'NETWORK', 'ADDRESS', 'PORTS', 'SERVED BY'], services))
}

function serviceRow(service: LabService, name: string): Row {
  const served = [...service.replicasOf, ...service.endpoints].join(', ')
  return [name, service.network, ...servicePlace(service), served]
}

type Row = readonly (string | number)[]

function networkRows({ subnets, mtu }: LabNetwork, name: string): Row[] {
  return subnets.map(({ subnet, gateway = '' }, index) =>
    index === 0 ? [name, subnet, gateway, mtu] : ['', subnet, gateway, ''],
  )
}

function sandboxRows(
  { endpoints, command = [] }: Pick<LabSandbox, 'endpoints' | 'command'>,
  name: string,
): Row[] {
  const line = formatCommand(command)
  if (endpoints.length === 0) return [[name, '', '', '', '', line]]
  return endpoints.map((endpoint, index) => [
    name,
    endpoint.interface,
    endpoint.network,
    addressesOf(endpoint).join(' '),
    endpoint.mac ?? '',
    index === 0 ? line : '',
  ])
}

function addressesOf({ address, prefixLength, ipv6, ipv6PrefixLength }: LabEndpoint): string[] {
  return [
    ...(address === undefined ? [] : [`${address}/${prefixLength}`]),
    ...(ipv6 === undefined ? [] : [`${ipv6}/${ipv6PrefixLength}`]),
  ]
}
