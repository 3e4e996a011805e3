import type { Command } from 'commander'
import type { Lab, LabEndpoint } from '../control/lab.ts'
import { loadLab } from '../control/lab-file.ts'
import { LabFileError } from '../control/lab-problem.ts'
import type { Cli } from './cli.ts'
import { formatCommand, formatTable, plural, printJson } from './output.ts'

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
  const endpoints = lab.sandboxes.reduce((sum, sandbox) => sum + sandbox.endpoints.length, 0)
  const counts = [
    plural(lab.networks.length, 'network'),
    plural(lab.sandboxes.length, 'sandbox'),
    plural(endpoints, 'endpoint'),
  ]
  cli.stdout.write(`${path} is valid: lab ${lab.name} with ${counts.join(', ')}.\n\n`)
  cli.stdout.write(
    formatTable(
      ['NETWORK', 'SUBNET', 'GATEWAY', 'MTU'],
      lab.networks.flatMap(({ name, subnets, mtu }) =>
        subnets.map(({ subnet, gateway = '' }, index) =>
          index === 0 ? [name, subnet, gateway, mtu] : ['', subnet, gateway, ''],
        ),
      ),
    ),
  )
  cli.stdout.write('\n')
  cli.stdout.write(
    formatTable(
      ['SANDBOX', 'INTERFACE', 'NETWORK', 'ADDRESS', 'MAC', 'COMMAND'],
      lab.sandboxes.flatMap((sandbox) => {
        const command = formatCommand(sandbox.command ?? [])
        if (sandbox.endpoints.length === 0) return [[sandbox.name, '', '', '', '', command]]
        return sandbox.endpoints.map((endpoint, index) => [
          sandbox.name,
          endpoint.interface,
          endpoint.network,
          addressesOf(endpoint).join(' '),
          endpoint.mac ?? '',
          index === 0 ? command : '',
        ])
      }),
    ),
  )
}

function addressesOf({ address, prefixLength, ipv6, ipv6PrefixLength }: LabEndpoint): string[] {
  return [
    ...(address === undefined ? [] : [`${address}/${prefixLength}`]),
    ...(ipv6 === undefined ? [] : [`${ipv6}/${ipv6PrefixLength}`]),
  ]
}
