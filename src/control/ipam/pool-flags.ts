/** `--subnet`, `--ip-range`, `--gateway` and `--aux-address` of `network create`, put together as Docker's command line does. */

import { ErrorCode, TapwireError } from '../errors.ts'
import {
  contains,
  type IpAddress,
  overlap,
  parseCidr,
  parseIpAddress,
  type Subnet,
  subnetOf,
} from '../ip-address.ts'
import type { WantedPool } from './address-space.ts'

interface PairedPool {
  readonly text: string
  /** Undefined where the text is none: the daemon says what is wrong with it, unless it has to be compared before. */
  readonly subnet: Subnet | undefined
  range?: string
  gateway?: string
  readonly auxiliary: Record<string, string>
}

/** Each range, gateway and auxiliary address goes with the subnet that contains it. Throws NETWORK_CONFIG_INVALID. */
export function pairPools(
  subnets: readonly string[],
  ranges: readonly string[],
  gateways: readonly string[],
  auxiliary: Readonly<Record<string, string>>,
): WantedPool[] {
  if (subnets.length < ranges.length || subnets.length < gateways.length) {
    throw invalid('every ip-range or gateway must have a corresponding subnet')
  }
  const pools = distinctPools(subnets)
  for (const range of ranges) addRange(pools, range)
  for (const gateway of gateways) addGateway(pools, gateway)
  for (const [name, address] of Object.entries(auxiliary)) {
    match(pools, 'aux-address', address, parseIpAddress(address)).auxiliary[name] = address
  }
  return pools.map((pool) => ({
    subnet: pool.text,
    range: pool.range,
    gateway: pool.gateway,
    auxiliary: pool.auxiliary,
  }))
}

function distinctPools(subnets: readonly string[]): PairedPool[] {
  const pools: PairedPool[] = []
  for (const text of subnets) {
    const cidr = parseCidr(text)
    const pool = { text, subnet: cidr && subnetOf(cidr.address, cidr.prefixLength), auxiliary: {} }
    if (pools.some((other) => overlap(subnetIn(other), subnetIn(pool)))) {
      throw invalid('multiple overlapping subnet configuration is not supported')
    }
    pools.push(pool)
  }
  return pools
}

function subnetIn({ subnet, text }: PairedPool): Subnet {
  if (subnet === undefined) throw invalid(`invalid subnet: invalid CIDR address: ${text}`)
  return subnet
}

function addRange(pools: readonly PairedPool[], range: string): void {
  const cidr = parseCidr(range)
  if (cidr === undefined) throw invalid(`invalid CIDR address: ${range}`)
  // Its first address decides; the daemon checks that all of it fits.
  const pool = match(pools, 'range', range, cidr.address)
  if (pool.range !== undefined) {
    throw invalid(
      `cannot configure multiple ranges (${range}, ${pool.range}) on the same subnet (${pool.text})`,
    )
  }
  pool.range = range
}

function addGateway(pools: readonly PairedPool[], gateway: string): void {
  const pool = match(pools, 'gateway', gateway, parseIpAddress(gateway))
  if (pool.gateway !== undefined) {
    throw invalid(
      `cannot configure multiple gateways (${gateway}, ${pool.gateway}) for the same subnet (${pool.text})`,
    )
  }
  pool.gateway = gateway
}

function match(
  pools: readonly PairedPool[],
  what: string,
  text: string,
  address: IpAddress | undefined,
): PairedPool {
  const pool = pools.find((candidate) => {
    const subnet = subnetIn(candidate)
    return address !== undefined && contains(subnet, address)
  })
  if (pool === undefined) throw invalid(`no matching subnet for ${what} ${text}`)
  return pool
}

const invalid = (message: string): TapwireError => new TapwireError(ErrorCode.networkConfigInvalid, message)
