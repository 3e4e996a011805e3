import { isIP } from 'node:net'
import { type Command, Option } from 'commander'
import type { IpamConfig, NetworkCreate, NetworkCreated } from '../../control/api/network.ts'
import { LIST_OPTIONS } from '../../control/rules/list-options.ts'
import { apiClient } from '../api-client.ts'
import type { Cli } from '../cli.ts'
import { contains } from '../network/contains.ts'
import {
  collect,
  collectList,
  examples,
  splitAtEquals,
  toLabels,
  toMap,
  toStrictMap,
  usage,
} from '../options.ts'
import { compact } from '../sandbox/create-options.ts'

interface CreateOptions {
  readonly driver: string
  readonly opt?: readonly string[]
  readonly label?: readonly string[]
  readonly subnet?: readonly string[]
  readonly ipRange?: readonly string[]
  readonly gateway?: readonly string[]
  readonly auxAddress?: readonly string[]
  readonly ipamDriver: string
  readonly ipamOpt?: readonly string[]
  readonly ipv4?: boolean
  readonly ipv6?: boolean
  readonly internal?: boolean
  readonly attachable?: boolean
  readonly ingress?: boolean
  readonly configOnly?: boolean
  readonly configFrom?: string
  readonly scope?: string
}

export function defineNetworkCreate(command: Command, cli: Cli): void {
  command
    .description(
      'Makes a network, a switch of its own that sandboxes can be plugged into, and prints its id.',
    )
    .argument('<network>', 'its name')
    .option('--attachable', 'let single sandboxes join a network of a cluster')
    .option('--aux-address <name=address>', 'an address of the subnet that something else has', collectList)
    .option('--config-from <network>', 'take the settings of a network made with --config-only')
    .option('--config-only', 'make settings for other networks, and no network')
    .option('-d, --driver <driver>', 'what the network is made by', 'bridge')
    .option('--gateway <address>', 'gateway of the subnet', collectList)
    .addOption(new Option('--ingress', 'make a routing mesh').hideHelp())
    .option('--internal', 'no way out of the network')
    .option('--ip-range <cidr>', 'give out addresses of this part of the subnet', collectList)
    .option('--ipam-driver <driver>', 'what gives out addresses', 'default')
    .option('--ipam-opt <key=value>', 'option of that', collect)
    .option('--ipv4', 'give out IPv4 addresses; --ipv4=false does not')
    .option('--ipv6', 'give out IPv6 addresses')
    .option('--label <key=value>', 'note something with the network', collect)
    .option('-o, --opt <key=value>', 'option of the driver', collect)
    .option('--scope <scope>', 'how far the network reaches')
    .option('--subnet <cidr>', "the network's addresses; free ones unless given", collectList)
    .addHelpText(
      'after',
      examples(
        'tapwire network create blue',
        'tapwire network create --subnet 10.9.0.0/24 --gateway 10.9.0.1 green',
        'tapwire network create -o com.docker.network.driver.mtu=9000 jumbo',
        'tapwire network create -d vxlan -o vni=42 -o remote=192.0.2.2 --subnet 10.9.0.0/24 --ip-range 10.9.0.0/25 wide',
      ),
    )
    .action(async (name: string, options: CreateOptions) => {
      const body = createRequest(name, options)
      const { Id, Warning } = await apiClient(cli).post<NetworkCreated>('/networks', { body })
      if (Warning !== '') cli.stderr.write(`WARNING: ${Warning}\n`)
      cli.stdout.write(`${Id}\n`)
    })
}

function createRequest(name: string, options: CreateOptions): NetworkCreate {
  return compact<NetworkCreate>({
    Name: name,
    Driver: options.driver,
    Scope: options.scope,
    EnableIPv4: options.ipv4,
    EnableIPv6: options.ipv6,
    Internal: options.internal,
    Attachable: options.attachable,
    Ingress: options.ingress,
    ConfigOnly: options.configOnly,
    ConfigFrom: options.configFrom === undefined ? undefined : { Network: options.configFrom },
    IPAM: {
      Driver: options.ipamDriver,
      ...compact({ Options: toStrictMap(options.ipamOpt) }),
      Config: ipamConfig(options),
    },
    Options: driverOptions(options.opt),
    Labels: toLabels(options.label),
  })
}

/** A later value stands in the place of an earlier one, but for options that are lists. */
function driverOptions(entries: readonly string[] | undefined): Readonly<Record<string, string>> | undefined {
  const lists = LIST_OPTIONS.flatMap((name) => {
    const values = entries?.filter((entry) => entry.startsWith(`${name}=`)) ?? []
    return values.length === 0
      ? []
      : `${name}=${values.map((entry) => entry.slice(name.length + 1)).join(',')}`
  })
  return toMap(entries && [...entries, ...lists])
}

/**
 * Ranges, gateways and addresses belong to the subnet that they lie in. Whether they are good is the daemon's to say, but
 * what lies in no subnet could not even be sent: Docker's client refuses it in these words.
 */
function ipamConfig(options: CreateOptions): IpamConfig[] {
  const { subnet: subnets = [], ipRange = [], gateway = [], auxAddress = [] } = options
  if (subnets.length < ipRange.length || subnets.length < gateway.length) {
    throw usage('every ip-range or gateway must have a corresponding subnet')
  }
  for (const [at, subnet] of subnets.entries()) {
    if (subnets.slice(0, at).some((other) => contains(other, subnet) || contains(subnet, other))) {
      throw usage('multiple overlapping subnet configuration is not supported')
    }
  }
  const configs = new Map<string, IpamConfig>(subnets.map((subnet) => [subnet, { Subnet: subnet }]))
  const owner = (address: string): IpamConfig | undefined =>
    [...configs.values()].find(({ Subnet = '' }) => contains(Subnet, address))
  for (const range of ipRange) {
    if (isIP(range.split('/', 1)[0]!) === 0) throw usage(`invalid CIDR address: ${range}`)
    const config = owner(range)
    if (config === undefined) throw usage(`no matching subnet for range ${range}`)
    if (config.IPRange !== undefined) {
      throw usage(
        `cannot configure multiple ranges (${range}, ${config.IPRange}) on the same subnet (${config.Subnet})`,
      )
    }
    config.IPRange = range
  }
  for (const address of gateway) {
    const config = owner(address)
    if (config === undefined) throw usage(`no matching subnet for gateway ${address}`)
    if (config.Gateway !== undefined) {
      throw usage(
        `cannot configure multiple gateways (${address}, ${config.Gateway}) for the same subnet (${config.Subnet})`,
      )
    }
    config.Gateway = address
  }
  for (const entry of auxAddress) {
    const [name, address] = splitAtEquals(entry)
    const config = owner(address)
    if (config === undefined) throw usage(`no matching subnet for aux-address ${address}`)
    config.AuxiliaryAddresses = { ...config.AuxiliaryAddresses, [name]: address }
  }
  return [...configs.values()]
}
