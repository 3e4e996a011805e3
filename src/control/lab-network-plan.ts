/** The networks of a lab: which subnets they have, and which are chosen for them. */
import { DNS_TTL_S_DEFAULT, MTU_DEFAULT, SUBNET_PREFIX_MAX, SUBNET_PREFIX_MIN } from '../limits.ts'
import {
  contains,
  formatSubnet,
  type IpAddress,
  type IpFamily,
  lastAddress,
  overlap,
  parseCidr,
  parseIpAddress,
  type Subnet,
  subnetOf,
} from './ip-address.ts'
import type { LabNetwork } from './lab.ts'
import type { NetworkDraft } from './lab-draft.ts'
import { checkDriverOptions, optionTexts } from './lab-network-options.ts'
import { PoolPlan, type Report, type SubnetDraft } from './lab-pool-plan.ts'
import type { LabPath } from './lab-problem.ts'
import type { NetworkFile } from './lab-schema-network.ts'
import type { NetworkTraits } from './rules/bridge-options.ts'
import { isRouted } from './rules/routed-drivers.ts'

/** Where default subnets come from: each the lowest one that is free. */
export interface DefaultPool {
  readonly first: IpAddress
  readonly last: IpAddress
  readonly prefixLength: number
}

function poolFrom(first: string, last: string, prefixLength: number): DefaultPool {
  return { first: parseIpAddress(first)!, last: parseIpAddress(last)!, prefixLength }
}

export const NETWORK_POOL = poolFrom('10.1.0.0', '10.255.255.255', 24)
/** Apart from those of networks, so that a host's link is told from its networks at a glance. */
export const LINK_POOL = poolFrom('10.0.0.0', '10.0.255.255', 24)
/** 10.1 again, as unique local addresses (RFC 4193): not random, so that the same file makes the same lab. */
export const NETWORK_POOL_IPV6 = poolFrom('fd00:10:1::', 'fd00:10:1:ffff::', 64)

interface FamilyLimits {
  readonly prefixMin: number
  readonly prefixMax: number
  readonly example: string
  /** Ranges in which no station of a network can live. */
  readonly unusable: readonly { readonly subnet: Subnet; readonly what: string }[]
}

const LIMITS: Readonly<Record<IpFamily, FamilyLimits>> = {
  4: {
    prefixMin: SUBNET_PREFIX_MIN,
    prefixMax: SUBNET_PREFIX_MAX,
    example: '10.0.0.0/8',
    unusable: [
      { subnet: subnetFrom('0.0.0.0/8'), what: 'addresses of "this network" (RFC 1122, 3.2.1.3)' },
      { subnet: subnetFrom('127.0.0.0/8'), what: 'loopback addresses (RFC 1122, 3.2.1.3)' },
      { subnet: subnetFrom('224.0.0.0/4'), what: 'multicast addresses (RFC 5771)' },
      { subnet: subnetFrom('240.0.0.0/4'), what: 'reserved addresses (RFC 1112, 4)' },
    ],
  },
  6: {
    prefixMin: 16,
    prefixMax: 126,
    example: 'fd00::/8',
    unusable: [
      { subnet: subnetFrom('::/8'), what: 'reserved addresses (RFC 4291, 2.4)' },
      { subnet: subnetFrom('fe80::/10'), what: 'link-local addresses (RFC 4291, 2.5.6)' },
      { subnet: subnetFrom('ff00::/8'), what: 'multicast addresses (RFC 4291, 2.7)' },
    ],
  },
}

/** One network while its addresses are given out. */
export class NetworkPlan {
  readonly name: string
  readonly pools: readonly PoolPlan[]
  /** The daemon draws the MAC addresses. */
  readonly hasRandomMacs: boolean
  /** Who holds which MAC address, and where the lab file says so if it does. */
  readonly macs = new Map<string, { readonly sandbox: string; readonly path: LabPath | undefined }>()
  readonly #settings: NetworkFile

  constructor(draft: NetworkDraft, settings: NetworkFile, pools: readonly PoolPlan[]) {
    this.name = draft.name
    this.pools = pools
    this.hasRandomMacs = settings.options?.['tapwire.mac'] === 'random'
    this.#settings = settings
  }

  /** The pool that an address belongs to: the one around it, or else the first of its family. */
  poolOf(address: IpAddress): PoolPlan | undefined {
    return this.pools.find((pool) => contains(pool.subnet, address)) ?? this.firstPool(address.family)
  }

  get driver(): string {
    return this.#settings.driver ?? BRIDGE
  }

  firstPool(family: IpFamily): PoolPlan | undefined {
    return this.pools.find((pool) => pool.subnet.family === family)
  }

  toLabNetwork(): LabNetwork {
    const { internal, mtu, transparent, dns, dns_ttl: dnsTtlS, options, labels } = this.#settings
    return {
      name: this.name,
      driver: this.driver,
      subnets: this.pools.map((pool) => pool.toLabSubnet()),
      internal: internal ?? false,
      mtu: mtu ?? MTU_DEFAULT,
      transparent: transparent ?? false,
      ...(dns === undefined ? undefined : { dns }),
      dnsTtlS: dnsTtlS ?? DNS_TTL_S_DEFAULT,
      options: optionTexts(options),
      labels: labels ?? {},
    }
  }
}

const BRIDGE = 'bridge'

/** The networks of one daemon, and the pool that their default IPv4 subnets come from. */
export interface NetworkScope {
  readonly networks: readonly NetworkDraft[]
  readonly pool: DefaultPool
}

/**
 * Plans of the networks whose settings are sound. Fixed subnets come first; default ones stay clear of all that the lab
 * fixes, whichever daemon has it.
 */
export function planNetworks(
  scopes: readonly NetworkScope[],
  report: Report,
): Map<NetworkDraft, NetworkPlan> {
  const drafts = scopes.flatMap(({ networks, pool }) => networks.map((draft) => ({ draft, pool })))
  const fixed = new Map<SubnetDraft, Subnet>()
  const wanted = new Map<NetworkDraft, readonly SubnetDraft[]>()
  for (const { draft } of drafts) {
    const subnets = wantedSubnets(draft, report)
    wanted.set(draft, subnets)
    for (const one of subnets) {
      const usable = one.subnet === undefined ? undefined : usableSubnet(one.subnet, one, report)
      if (usable !== undefined) fixed.set(one, usable)
    }
  }
  const taken = [...fixed.values()]
  const defaults = new Map<DefaultPool, Generator<Subnet, undefined>>()
  const nextOf = (pool: DefaultPool): Subnet | undefined => {
    const generator = defaults.get(pool) ?? freeSubnets(pool, taken)
    defaults.set(pool, generator)
    return generator.next().value
  }

  const plans = new Map<NetworkDraft, NetworkPlan>()
  for (const { draft, pool } of drafts) {
    const { settings } = draft
    if (settings === undefined) continue
    const pools: PoolPlan[] = []
    for (const one of wanted.get(draft)!) {
      let subnet = fixed.get(one)
      if (subnet === undefined && one.subnet === undefined) {
        subnet = nextOf(one.family === 4 ? pool : NETWORK_POOL_IPV6)
        if (subnet === undefined) {
          report(draft.path, `no default subnet is left for network '${draft.name}'`, 'give it a subnet')
        }
      }
      if (subnet === undefined) continue
      const plan = new PoolPlan(draft.name, one, subnet, isRouted(settings.driver ?? BRIDGE))
      plan.check(report)
      pools.push(plan)
    }
    checkDriverOptions(draft.path, settings, traitsOf(settings, pools), report)
    if (pools.length === wanted.get(draft)!.length) plans.set(draft, new NetworkPlan(draft, settings, pools))
  }
  return plans
}

function traitsOf({ internal = false }: NetworkFile, pools: readonly PoolPlan[]): NetworkTraits {
  const has = (family: IpFamily): boolean => pools.some(({ subnet }) => subnet.family === family)
  return { internal, ipv4: has(4), ipv6: has(6) }
}

/** The subnets that a network's settings ask for, IPv4 before IPv6, those to be chosen among them. */
function wantedSubnets({ name, path, settings }: NetworkDraft, report: Report): readonly SubnetDraft[] {
  if (settings === undefined) return []
  const { subnet, range, gateway, aux = {}, subnets = [], ipv4 = true, ipv6 } = settings
  const listed = subnets.map((one, index): SubnetDraft => {
    const written = typeof one === 'string' ? { subnet: one } : one
    return {
      family: written.subnet.includes(':') ? 6 : 4,
      subnet: written.subnet,
      range: written.range,
      gateway: written.gateway,
      aux: written.aux ?? {},
      path: [...path, 'subnets', index],
    }
  })
  const hasOwn = [subnet, range, gateway, settings.aux].some((value) => value !== undefined)
  const needsIpv4 = ipv4 && !listed.some((one) => one.family === 4)
  const own: SubnetDraft = { family: 4, subnet, range, gateway, aux, path }
  const needsIpv6 = ipv6 === true && !listed.some((one) => one.family === 6)
  const chosen: SubnetDraft = {
    family: 6,
    subnet: undefined,
    range: undefined,
    gateway: undefined,
    aux: {},
    path,
  }
  const all = [...(hasOwn || needsIpv4 ? [own] : []), ...listed, ...(needsIpv6 ? [chosen] : [])]
  for (const family of [4, 6] as const) {
    const ofFamily = all.filter((one) => one.family === family)
    const { driver = BRIDGE } = settings
    if (ofFamily.length > 1 && isRouted(driver)) {
      report(
        [...path, 'subnets'],
        `network '${name}' has ${ofFamily.length} IPv${family} subnets, and the ${driver} driver takes one`,
      )
    }
    const isRefused = family === 4 ? !ipv4 : ipv6 === false
    if (isRefused && ofFamily.length > 0) {
      report(
        [...path, `ipv${family}`],
        `network '${name}' has an IPv${family} subnet, and ipv${family} is false`,
      )
    }
  }
  if (all.length === 0) report(path, `network '${name}' has neither IPv4 nor IPv6`, 'set ipv6: true')
  return all.toSorted((a, b) => a.family - b.family)
}

function usableSubnet(text: string, draft: SubnetDraft, report: Report): Subnet | undefined {
  const path: LabPath = typeof draft.path.at(-1) === 'number' ? draft.path : [...draft.path, 'subnet']
  const cidr = parseCidr(text)
  if (cidr === undefined) return undefined
  const subnet = subnetOf(cidr.address, cidr.prefixLength)
  const { prefixMin, prefixMax, unusable, example } = LIMITS[subnet.family]
  if (cidr.prefixLength > prefixMax) {
    report(path, `subnet ${text} is too small`, `its prefix length can be at most ${prefixMax}`)
  } else if (cidr.prefixLength < prefixMin) {
    report(path, `subnet ${text} is too large`, `its prefix length must be at least ${prefixMin}`)
  } else if (subnet.value !== cidr.address.value) {
    report(path, `subnet ${text} has host bits set`, `it should be ${formatSubnet(subnet)}`)
  } else {
    const holding = unusable.find((range) => overlap(range.subnet, subnet))
    if (holding === undefined) return subnet
    report(path, `subnet ${text} holds ${holding.what}`, `take one from ${example}`)
  }
  return undefined
}

/**
 * The free default subnets, lowest first. Both the candidates and the subnets in the way go up, so one walk is enough:
 * prefixes nest or are apart, hence of two that start together the wider one comes first and hides the other.
 */
function* freeSubnets(pool: DefaultPool, taken: readonly Subnet[]): Generator<Subnet, undefined> {
  const { family } = pool.first
  const inTheWay = taken
    .filter((subnet) => subnet.family === family)
    .toSorted((a, b) => compareBigint(a.value, b.value) || a.prefixLength - b.prefixLength)
  let index = 0
  let { value } = pool.first
  while (value <= pool.last.value) {
    const candidate = subnetOf({ family, value }, pool.prefixLength)
    while (index < inTheWay.length && lastAddress(inTheWay[index]!).value < candidate.value) index += 1
    const obstacle = inTheWay[index]
    if (obstacle !== undefined && overlap(obstacle, candidate)) {
      const wider = obstacle.prefixLength < candidate.prefixLength ? obstacle : candidate
      value = lastAddress(wider).value + 1n
    } else {
      yield candidate
      value = lastAddress(candidate).value + 1n
    }
  }
  return undefined
}

export function compareBigint(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function subnetFrom(text: string): Subnet {
  const { address, prefixLength } = parseCidr(text)!
  return subnetOf(address, prefixLength)
}
