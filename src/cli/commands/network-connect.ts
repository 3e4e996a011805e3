import type { Command } from 'commander'
import type { EndpointConfig, NetworkConnect, NetworkDisconnect } from '../../control/api/network.ts'
import { apiClient, segment } from '../api-client.ts'
import type { Cli } from '../cli.ts'
import { collect, collectList, examples, parseInteger, toMap, usage } from '../options.ts'
import { compact } from '../sandbox/create-options.ts'

interface ConnectOptions {
  readonly alias?: readonly string[]
  readonly driverOpt?: readonly string[]
  readonly gwPriority?: number
  readonly ip?: string
  readonly ip6?: string
  readonly link?: readonly string[]
  readonly linkLocalIp?: readonly string[]
  readonly macAddress?: string
}

export function defineNetworkConnect(command: Command, cli: Cli): void {
  command
    .description('Plugs a sandbox into a network, while it runs or for its next start.')
    .argument('<network>', 'name or id')
    .argument('<sandbox>', 'name or id')
    .option('--alias <name>', 'another name by which others on the network find it', collectList)
    .option('--driver-opt <key=value>', 'option of the driver for this endpoint', collectList)
    .option(
      '--gw-priority <number>',
      'the highest one gives the default route; may be negative',
      parseInteger,
    )
    .option('--ip <address>', 'IPv4 address (e.g., 172.30.100.104)')
    .option('--ip6 <address>', 'IPv6 address (e.g., 2001:db8::33)')
    .option('--link <sandbox[:alias]>', 'a name for another sandbox that only this one knows', collect)
    .option('--link-local-ip <address>', 'a link-local address', collectList)
    .option('--mac-address <address>', 'MAC address (e.g., 92:d0:c6:0a:29:33)')
    .addHelpText(
      'after',
      examples(
        'tapwire network connect blue web',
        'tapwire network connect --ip 10.9.0.7 --alias db green web',
      ),
    )
    .action(async (network: string, sandbox: string, options: ConnectOptions) => {
      const body: NetworkConnect = { Container: sandbox, EndpointConfig: endpointConfig(options) }
      await apiClient(cli).post(`/networks/${segment(network)}/connect`, { body })
    })
}

function endpointConfig(options: ConnectOptions): EndpointConfig {
  const { ip, ip6, linkLocalIp, alias, link } = options
  const ipam = compact<NonNullable<EndpointConfig['IPAMConfig']>>({
    IPv4Address: ip,
    IPv6Address: ip6,
    LinkLocalIPs: linkLocalIp === undefined ? undefined : [...linkLocalIp],
  })
  return compact<EndpointConfig>({
    IPAMConfig: Object.keys(ipam).length === 0 ? undefined : ipam,
    Links: link === undefined ? undefined : [...link],
    Aliases: alias === undefined ? undefined : [...alias],
    MacAddress: options.macAddress,
    DriverOpts: driverOptions(options.driverOpt),
    GwPriority: options.gwPriority,
  })
}

function driverOptions(entries: readonly string[] | undefined): Record<string, string> | undefined {
  if (entries?.some((entry) => !/^\s*[^=\s][^=]*=/.test(entry)) === true) {
    throw usage('invalid key/value pair format in driver options')
  }
  return toMap(entries)
}

export function defineNetworkDisconnect(command: Command, cli: Cli): void {
  command
    .description('Unplugs a sandbox from a network, while it runs or for its next start.')
    .argument('<network>', 'name or id')
    .argument('<sandbox>', 'name or id')
    .option('-f, --force', 'also where the sandbox is in a bad state')
    .addHelpText('after', examples('tapwire network disconnect blue web'))
    .action(async (network: string, sandbox: string, { force = false }: { force?: boolean }) => {
      const body: NetworkDisconnect = { Container: sandbox, Force: force }
      await apiClient(cli).post(`/networks/${segment(network)}/disconnect`, { body })
    })
}
