/** A request for a network, checked and in normal form. */

import type { NetworkCreate } from '../api/network.ts'
import type { Defaults } from '../defaults.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import { formatSubnet, overlap, parseCidr, type Subnet, subnetOf } from '../ip-address.ts'
import type { WantedPool, WantedPools } from '../ipam/address-space.ts'
import { checkPools, isSizeOnly, subnetFamily } from '../ipam/check-pools.ts'
import type { NetworkIpam, NetworkRecord, PoolRecord } from '../model/records.ts'
import { checkMap } from './bounds.ts'
import type { NetworkTraits } from './bridge-options.ts'
import { checkNetworkName, printable } from './names.ts'
import { problemList } from './problem-list.ts'

/** What a driver says of the networks that it may make. A driver is added by one more of these. */
export interface DriverRules {
  readonly name: string
  readonly scope: NetworkRecord['scope']
  /** False where there can be only the built-in one: host and null. */
  readonly creatable: boolean
  /** How many subnets of one family its networks may have. */
  readonly poolsPerFamily: number
  /** Subnets that its networks may have nothing of. */
  readonly reserved: readonly string[]
  /** Options that its networks get where they have none of that name. */
  defaultOptions(defaults: Defaults): Readonly<Record<string, string>>
  /** What is wrong with the options, a sentence each. */
  checkOptions(options: Readonly<Record<string, string>>, network: NetworkTraits): readonly string[]
  /** Whether a gateway is chosen where the user names none. */
  wantsGateway(options: Readonly<Record<string, string>>, network: NetworkTraits): boolean
}

export interface NetworkPlan {
  /** The record but for its id, time and pools. */
  readonly record: Omit<NetworkRecord, 'id' | 'created' | 'ipam'> & {
    readonly ipam: Omit<NetworkIpam, 'pools'>
  }
  /** For AddressSpace.addNetwork. Undefined for a configOnly network, which has no addresses. */
  readonly wanted: WantedPools | undefined
  /** The pools of a configOnly network, as they were given and not allocated; else empty. */
  readonly kept: readonly PoolRecord[]
  /** For the answer's Warning; most often empty. */
  readonly warning: string
}

export interface NetworkContext {
  /** Throws NETWORK_UNKNOWN. */
  find(reference: string): NetworkRecord
  driver(name: string): DriverRules | undefined
  readonly defaults: Defaults
}

const DRIVER_DEFAULT = 'bridge'
const IPAM_DRIVER = 'default'

/** A configOnly network is nobody's: it has the driver that does nothing. */
const CONFIG_ONLY_DRIVER = 'null'

/**
 * Does not look whether the name is taken: who reserves it does. Throws NAME_INVALID, NETWORK_PREDEFINED, DRIVER_UNKNOWN,
 * NETWORK_UNKNOWN (for ConfigFrom), and NETWORK_CONFIG_INVALID with all that is wrong with the pools, or with the options.
 */
export function planNetwork(request: NetworkCreate, context: NetworkContext): NetworkPlan {
  checkNetworkName(request.Name)
  checkMap(ErrorCode.networkConfigInvalid, 'labels', request.Labels)
  checkMap(ErrorCode.networkConfigInvalid, 'options', request.Options)
  checkMap(ErrorCode.networkConfigInvalid, 'IPAM options', request.IPAM?.Options)
  return request.ConfigOnly === true ? planConfigOnly(request) : planOrdinary(request, context)
}

/** What a network can leave to another one, and another one can have from it. */
interface NetworkSettings {
  readonly enableIPv4: boolean
  readonly enableIPv6: boolean
  readonly ipam: Omit<NetworkIpam, 'pools'>
  readonly pools: readonly WantedPool[]
  readonly options: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
}

function planOrdinary(request: NetworkCreate, context: NetworkContext): NetworkPlan {
  const driver = findDriver(request.Driver || DRIVER_DEFAULT, context)
  checkScope(request, driver)
  const source = configSource(request, context)
  const given = source === undefined ? ownSettings(request) : settingsOf(source)
  const settings = { ...given, options: { ...driver.defaultOptions(context.defaults), ...given.options } }
  const traits: NetworkTraits = {
    internal: request.Internal ?? false,
    ipv4: settings.enableIPv4,
    ipv6: settings.enableIPv6,
  }
  refusePools(settings)
  refusePoolCount(settings, driver)
  refuseReserved(settings, driver)
  const problems = driver.checkOptions(settings.options, traits)
  if (problems.length > 0) throw invalid(problems.join('\n'))
  const { pools: _, ...kept } = settings
  return {
    record: {
      ...kept,
      name: request.Name,
      driver: driver.name,
      scope: driver.scope,
      internal: traits.internal,
      attachable: request.Attachable ?? false,
      ingress: false,
      configOnly: false,
      configFrom: source?.name ?? '',
    },
    wanted: {
      ...wantedPools(settings),
      wantsGateway: driver.wantsGateway(settings.options, traits),
      options: settings.ipam.options,
    },
    kept: [],
    warning: '',
  }
}

function planConfigOnly(request: NetworkCreate): NetworkPlan {
  if (request.Ingress === true || request.Internal === true || request.Attachable === true || request.Scope) {
    throw invalid(
      'configuration network can only contain network specific fields. ' +
        'Network operator fields like [ ingress | internal | attachable | scope ] are not supported.',
    )
  }
  if (request.ConfigFrom?.Network) {
    throw invalid('a configuration network cannot depend on another configuration network')
  }
  const settings = ownSettings(request)
  refusePools(settings)
  const { pools, ...kept } = settings
  return {
    record: {
      ...kept,
      name: request.Name,
      driver: CONFIG_ONLY_DRIVER,
      scope: 'local',
      internal: false,
      attachable: false,
      ingress: false,
      configOnly: true,
      configFrom: '',
    },
    wanted: undefined,
    kept: pools.flatMap(unallocatedPool),
    warning: '',
  }
}

function findDriver(name: string, context: NetworkContext): DriverRules {
  const driver = context.driver(name)
  if (driver === undefined)
    throw new TapwireError(ErrorCode.driverUnknown, `plugin "${printable(name)}" not found`)
  if (driver.creatable) return driver
  throw new TapwireError(ErrorCode.networkPredefined, `only one instance of "${name}" network is allowed`)
}

function checkScope(request: NetworkCreate, driver: DriverRules): void {
  if (request.Scope && request.Scope !== driver.scope) {
    throw invalid(`the driver ${driver.name} has no networks of the scope ${printable(request.Scope)}`)
  }
  if (request.Ingress === true) throw invalid('Ingress network can only be global scope network')
}

/** The network whose settings the new one takes; then it may have none of its own. */
function configSource(request: NetworkCreate, context: NetworkContext): NetworkRecord | undefined {
  const reference = request.ConfigFrom?.Network
  if (!reference) return undefined
  const own = ownSettings(request)
  if (Object.keys(own.options).length > 0) {
    throw invalid(
      'network driver options are not supported if the network depends on a configuration network',
    )
  }
  const configured = [own.labels, own.ipam.options].some((map) => Object.keys(map).length > 0)
  if (configured || own.pools.length > 0 || own.enableIPv6 || !own.enableIPv4) {
    throw invalid(
      'user specified configurations are not supported if the network depends on a configuration network',
    )
  }
  const source = findOrNone(reference, context)
  if (source?.configOnly === true) return source
  throw new TapwireError(
    ErrorCode.networkUnknown,
    `configuration network "${printable(reference)}" does not exist`,
  )
}

function findOrNone(reference: string, context: NetworkContext): NetworkRecord | undefined {
  try {
    return context.find(reference)
  } catch (error) {
    if (error instanceof TapwireError && error.code === ErrorCode.networkUnknown) return undefined
    throw error
  }
}

function ownSettings(request: NetworkCreate): NetworkSettings {
  const driver = request.IPAM?.Driver || IPAM_DRIVER
  if (driver !== IPAM_DRIVER) {
    throw new TapwireError(ErrorCode.driverUnknown, `plugin "${printable(driver)}" not found`)
  }
  return {
    enableIPv4: request.EnableIPv4 ?? true,
    enableIPv6: request.EnableIPv6 ?? false,
    ipam: { driver, options: request.IPAM?.Options ?? {} },
    pools: (request.IPAM?.Config ?? []).map((config) => ({
      subnet: config.Subnet || undefined,
      range: config.IPRange || undefined,
      gateway: config.Gateway || undefined,
      auxiliary: config.AuxiliaryAddresses ?? {},
    })),
    options: request.Options ?? {},
    labels: request.Labels ?? {},
  }
}

function settingsOf(network: NetworkRecord): NetworkSettings {
  const { pools, ...ipam } = network.ipam
  return {
    enableIPv4: network.enableIPv4,
    enableIPv6: network.enableIPv6,
    ipam,
    pools: pools.map(({ subnet, range, gateway, auxiliary }) => ({ subnet, range, gateway, auxiliary })),
    options: network.options,
    labels: network.labels,
  }
}

function wantedPools(settings: NetworkSettings): Pick<WantedPools, 'ipv4' | 'ipv6' | 'pools'> {
  return { ipv4: settings.enableIPv4, ipv6: settings.enableIPv6, pools: settings.pools }
}

function refusePools(settings: NetworkSettings): void {
  if (!settings.enableIPv4 && !settings.enableIPv6) throw invalid('IPv4 or IPv6 must be enabled')
  const problems = checkPools(wantedPools(settings))
  if (problems.length > 0) throw invalid(problemList('invalid network config:', problems))
}

function refusePoolCount(settings: NetworkSettings, driver: DriverRules): void {
  const families = settings.pools.map(subnetFamily)
  const most = Math.max(...[4, 6].map((family) => families.filter((other) => other === family).length))
  if (most > driver.poolsPerFamily) throw invalid(`${driver.name} driver doesn't support multiple subnets`)
}

function refuseReserved(settings: NetworkSettings, driver: DriverRules): void {
  for (const { subnet } of settings.pools) {
    const wanted = subnet === undefined ? undefined : subnetFrom(subnet)
    if (wanted === undefined || isSizeOnly(wanted)) continue
    const reserved = driver.reserved.find((other) => overlap(wanted, subnetFrom(other)))
    if (reserved !== undefined) {
      throw invalid(
        `subnet ${subnet} has addresses of ${reserved}, which Tapwire itself uses for published ports`,
      )
    }
  }
}

function subnetFrom(text: string): Subnet {
  const { address, prefixLength } = parseCidr(text)!
  return subnetOf(address, prefixLength)
}

/** A pool that was checked, without addresses: what a network that takes it over will ask for. */
function unallocatedPool(pool: WantedPool): PoolRecord[] {
  const cidr = parseCidr(pool.subnet ?? '')
  if (cidr === undefined) return []
  return [
    {
      family: cidr.address.family,
      subnet: formatSubnet(subnetOf(cidr.address, cidr.prefixLength)),
      range: pool.range,
      gateway: pool.gateway,
      gatewayGiven: pool.gateway !== undefined,
      subnetGiven: true,
      auxiliary: pool.auxiliary,
    },
  ]
}

function invalid(message: string): TapwireError {
  return new TapwireError(ErrorCode.networkConfigInvalid, message)
}
