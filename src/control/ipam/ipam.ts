/** IP address management as Docker's default driver does it, but that a released address rests before somebody else gets it. */

import { ADDRESS_REST_S, ADDRESS_REST_S_MAX } from '../../limits.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import {
  contains,
  formatIpAddress,
  formatSubnet,
  type IpAddress,
  type IpFamily,
  parseCidr,
  parseIpAddress,
  type Subnet,
  subnetOf,
} from '../ip-address.ts'
import type { InterfaceAddress, PoolRecord, RestingAddress } from '../model/records.ts'
import { AddressPool, type AddressPoolOptions } from './address-pool.ts'
import type { AddressSpace, PoolUsage, WantedPool, WantedPools } from './address-space.ts'
import { checkPools, isSizeOnly, subnetFamily } from './check-pools.ts'
import { type DefaultPool, PoolChooser } from './pool-chooser.ts'

const SERIAL_OPTION = 'com.docker.network.ipam.serial'
const REST_OPTION = 'tapwire.ipam.rest'

export interface IpamOptions {
  /** Tells this machine from others, /etc/machine-id for example: the IPv6 default pool follows from it. */
  readonly hostId: string
  /** Milliseconds since 1970. */
  now(): number
  /** In place of Docker's; the host's own IPv6 prefix is added where none of them is IPv6. */
  readonly defaultPools?: readonly DefaultPool[] | undefined
  /** Seconds that addresses rest on networks that do not say; ADDRESS_REST_S where undefined. */
  readonly restS?: number | undefined
}

export class Ipam implements AddressSpace {
  readonly #chooser: PoolChooser
  readonly #now: () => number
  readonly #restS: number
  readonly #networks = new Map<string, readonly AddressPool[]>()

  constructor(options: IpamOptions) {
    this.#chooser = new PoolChooser(options.hostId, options.defaultPools)
    this.#now = () => options.now()
    this.#restS = options.restS ?? ADDRESS_REST_S
  }

  addNetwork(network: string, wanted: WantedPools, reserved: readonly string[]): readonly PoolRecord[] {
    const problems = checkPools(wanted)
    if (problems.length > 0) {
      throw new TapwireError(
        ErrorCode.networkConfigInvalid,
        ['invalid network config:', ...problems].join('\n'),
      )
    }
    return this.#take(network, wanted.options, (poolOptions, add) =>
      this.#inOrder(wanted).map(({ family, pool }) => {
        const subnet = this.#claim(family, pool, reserved)
        const taken = new AddressPool(subnet, rangeOf(pool.range, subnet), poolOptions)
        add(taken)
        const gateway = takeGateway(taken, pool.gateway, wanted.wantsGateway)
        const auxiliary = takeAuxiliary(taken, pool.auxiliary)
        return recordOf(pool, subnet, gateway, auxiliary)
      }),
    )
  }

  restoreNetwork(
    network: string,
    pools: readonly PoolRecord[],
    options: Readonly<Record<string, string>>,
    begin?: number,
  ): void {
    this.#take(network, options, (common, add) => {
      const poolOptions = { ...common, begin }
      for (const pool of pools) {
        const subnet = subnetFrom(pool.subnet)
        this.#chooser.claim(subnet)
        const taken = new AddressPool(subnet, rangeOf(pool.range, subnet), poolOptions)
        add(taken)
        takeGateway(taken, pool.gateway, false)
        takeAuxiliary(taken, pool.auxiliary)
      }
    })
  }

  removeNetwork(network: string): void {
    for (const pool of this.#pools(network)) this.#chooser.release(pool.subnet)
    this.#networks.delete(network)
  }

  allocate(network: string, family: IpFamily, address?: string, owner?: string): InterfaceAddress {
    if (address !== undefined) return this.#allocateGiven(network, family, address)
    const pools = this.#pools(network).filter(({ subnet }) => subnet.family === family)
    for (const pool of pools) {
      const value = owner === undefined ? undefined : pool.leaseAgain(owner, this.#now())
      if (value !== undefined) return interfaceAddress(pool.subnet, value)
    }
    for (const pool of pools) {
      const value = pool.leaseAny(this.#now())
      if (value !== undefined) return interfaceAddress(pool.subnet, value)
    }
    throw exhausted()
  }

  restore(network: string, address: string): void {
    const { pool, value } = this.#find(network, address)
    pool.restoreLease(value)
  }

  release(network: string, address: string, owner?: string): void {
    const { pool, value } = this.#find(network, address)
    pool.release(value, this.#now(), owner)
  }

  unallocate(network: string, address: string): void {
    const { pool, value } = this.#find(network, address)
    pool.undoLease(value)
  }

  resting(): readonly RestingAddress[] {
    const nowMs = this.#now()
    const resting: RestingAddress[] = []
    for (const [network, pools] of this.#networks) {
      for (const pool of pools) {
        for (const [value, { untilMs, owner }] of pool.resting(nowMs)) {
          const address = formatIpAddress({ family: pool.subnet.family, value })
          resting.push({ network, address, untilMs, ...(owner !== undefined && { owner }) })
        }
      }
    }
    return resting
  }

  /** Addresses of networks that are no more, or that are in use, are passed over. */
  restoreResting(resting: readonly RestingAddress[]): void {
    for (const { network, address, untilMs, owner } of resting) {
      const value = parseIpAddress(address)
      const pool = value && this.#networks.get(network)?.find(({ subnet }) => contains(subnet, value))
      if (value !== undefined) pool?.rest(value.value, { untilMs, owner }, this.#now())
    }
  }

  usage(network: string): readonly PoolUsage[] {
    return this.#pools(network).map((pool) => ({
      subnet: formatSubnet(pool.subnet),
      ...pool.usage(this.#now()),
    }))
  }

  /** Runs `take`, which hands over each pool as soon as its subnet is claimed; where it throws, none is kept. */
  #take<T>(
    network: string,
    options: Readonly<Record<string, string>>,
    take: (options: AddressPoolOptions, add: (pool: AddressPool) => void) => T,
  ): T {
    if (this.#networks.has(network)) throw new Error(`network ${network} has its pools already`)
    const poolOptions = this.#readOptions(options)
    const pools: AddressPool[] = []
    try {
      const result = take(poolOptions, (pool) => pools.push(pool))
      this.#networks.set(network, pools)
      return result
    } catch (error) {
      for (const pool of pools) this.#chooser.release(pool.subnet)
      throw error
    }
  }

  #claim(family: IpFamily, wanted: WantedPool, reserved: readonly string[]): Subnet {
    if (wanted.subnet === undefined) return this.#chooser.claimDefault(family, reserved)
    const subnet = subnetFrom(wanted.subnet)
    if (isSizeOnly(subnet)) return this.#chooser.claimDefault(family, reserved, subnet.prefixLength)
    this.#chooser.claim(subnet)
    return subnet
  }

  /** What was wanted of the families that the network has, and where nothing was, a default pool; IPv4 first. */
  #inOrder(wanted: WantedPools): { family: IpFamily; pool: WantedPool }[] {
    const families: IpFamily[] = [...(wanted.ipv4 ? [4 as const] : []), ...(wanted.ipv6 ? [6 as const] : [])]
    return families.flatMap((family) => {
      const pools = wanted.pools.filter((pool) => (subnetFamily(pool) ?? families[0]) === family)
      return (pools.length > 0 ? pools : [{ auxiliary: {} }]).map((pool) => ({ family, pool }))
    })
  }

  #readOptions(options: Readonly<Record<string, string>>): AddressPoolOptions {
    const rest = options[REST_OPTION]
    const restS = rest === undefined ? this.#restS : Number(rest)
    if (rest !== undefined && (!/^\d+$/.test(rest) || restS > ADDRESS_REST_S_MAX)) {
      throw new TapwireError(
        ErrorCode.networkConfigInvalid,
        `invalid IPAM option ${REST_OPTION}=${rest}: it should be seconds, 0 to ${ADDRESS_REST_S_MAX}`,
      )
    }
    return { serial: /^(1|t|true)$/i.test(options[SERIAL_OPTION] ?? ''), restMs: restS * 1000 }
  }

  #allocateGiven(network: string, family: IpFamily, address: string): InterfaceAddress {
    const { pool, value } = this.#find(network, address)
    if (pool.subnet.family !== family) throw outOfRange(address)
    pool.lease(value)
    return interfaceAddress(pool.subnet, value)
  }

  #find(network: string, text: string): { pool: AddressPool; value: bigint } {
    const address = parseIpAddress(text)
    const pool = address && this.#pools(network).find(({ subnet }) => contains(subnet, address))
    if (address === undefined || pool === undefined) throw outOfRange(text)
    return { pool, value: address.value }
  }

  #pools(network: string): readonly AddressPool[] {
    const pools = this.#networks.get(network)
    if (pools === undefined) throw new Error(`network ${network} has no pools`)
    return pools
  }
}

/** The gateway that was asked for, or any free address if `wantsOne`. */
function takeGateway(pool: AddressPool, given: string | undefined, wantsOne: boolean): IpAddress | undefined {
  const { family } = pool.subnet
  if (given === undefined && !wantsOne) return undefined
  return allocation(`failed to allocate gateway (${given ?? ''})`, () => {
    const value = given === undefined ? pool.fixAny() : addressFrom(given).value
    if (value === undefined) throw exhausted()
    if (given !== undefined) pool.fix(value)
    return { family, value }
  })
}

function takeAuxiliary(
  pool: AddressPool,
  wanted: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const taken = Object.entries(wanted).map(([name, text]) => {
    const address = addressFrom(text)
    allocation(`failed to allocate secondary ip address (${name}:${text})`, () => pool.fix(address.value))
    return [name, formatIpAddress(address)]
  })
  return Object.fromEntries(taken)
}

function allocation<T>(failure: string, take: () => T): T {
  try {
    return take()
  } catch (error) {
    if (!(error instanceof TapwireError)) throw error
    throw new TapwireError(error.code, `${failure}: ${error.message}`, { hint: error.hint, cause: error })
  }
}

const recordOf = (
  wanted: WantedPool,
  subnet: Subnet,
  gateway: IpAddress | undefined,
  auxiliary: Readonly<Record<string, string>>,
): PoolRecord => ({
  family: subnet.family,
  subnet: formatSubnet(subnet),
  range: wanted.range === undefined ? undefined : formatSubnet(subnetFrom(wanted.range)),
  gateway: gateway && formatIpAddress(gateway),
  gatewayGiven: wanted.gateway !== undefined,
  subnetGiven: wanted.subnet !== undefined && !isSizeOnly(subnetFrom(wanted.subnet)),
  auxiliary,
})

const interfaceAddress = ({ family, prefixLength }: Subnet, value: bigint): InterfaceAddress => ({
  address: formatIpAddress({ family, value }),
  prefixLength,
})

const rangeOf = (range: string | undefined, subnet: Subnet): Subnet =>
  range === undefined ? subnet : subnetFrom(range)

function subnetFrom(text: string): Subnet {
  const cidr = parseCidr(text)
  if (cidr === undefined) throw new Error(`${text} is no subnet`)
  return subnetOf(cidr.address, cidr.prefixLength)
}

function addressFrom(text: string): IpAddress {
  const address = parseIpAddress(text)
  if (address === undefined) throw new Error(`${text} is no address`)
  return address
}

const outOfRange = (address: string): TapwireError =>
  new TapwireError(ErrorCode.addressOutOfRange, 'requested address is out of range', {
    hint: `${address} lies in none of the network's subnets.`,
  })

const exhausted = (): TapwireError =>
  new TapwireError(ErrorCode.addressesExhausted, 'no available addresses on this pool', {
    hint: 'A released address rests before it is given out again, 30 s unless the network says otherwise (--ipam-opt tapwire.ipam.rest=SECONDS).',
  })
