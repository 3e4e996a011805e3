/** What is wrong with the pools that a network's creator asks for, in Docker's words. */

import {
  contains,
  formatIpAddress,
  formatSubnet,
  type IpFamily,
  overlap,
  parseCidr,
  parseIpAddress,
  type Subnet,
  subnetOf,
} from '../ip-address.ts'
import type { WantedPool, WantedPools } from './address-space.ts'

const NO_CIDR = 'invalid CIDR block notation'

/**
 * One text a problem; Docker puts them under `invalid network config:`. Pools of a family that the network does not have are
 * passed over, as in Docker.
 */
export function checkPools(wanted: Pick<WantedPools, 'ipv4' | 'ipv6' | 'pools'>): string[] {
  return wanted.pools.flatMap((pool) => {
    const family = subnetFamily(pool)
    const unused = (family === 4 && !wanted.ipv4) || (family === 6 && !wanted.ipv6)
    return unused ? [] : checkPool(pool)
  })
}

/** Of the pool's subnet; undefined where it has none, or none that can be read. */
export const subnetFamily = (pool: WantedPool): IpFamily | undefined =>
  pool.subnet === undefined ? undefined : parseCidr(pool.subnet)?.address.family

/** `0.0.0.0/24` and `::/64`: only the size is wanted, and no address of it can be known yet. */
export const isSizeOnly = (subnet: Subnet): boolean => subnet.value === 0n

function checkPool(pool: WantedPool): string[] {
  if (pool.subnet === undefined && !hasDetails(pool)) return []
  const cidr = parseCidr(pool.subnet ?? '')
  if (cidr === undefined) return [`invalid subnet ${pool.subnet ?? ''}: ${NO_CIDR}`]
  const subnet = subnetOf(cidr.address, cidr.prefixLength)
  return [
    ...checkHostBits('subnet', cidr),
    ...checkRange(pool.range, cidr, subnet),
    ...checkAddress('gateway', pool.gateway, pool.gateway, cidr, subnet),
    ...Object.entries(pool.auxiliary).flatMap(([name, address]) =>
      checkAddress('auxiliary address', name, address, cidr, subnet),
    ),
  ]
}

type Cidr = NonNullable<ReturnType<typeof parseCidr>>

/** Without a subnet there is nothing that they could lie in. */
const hasDetails = (pool: WantedPool): boolean =>
  pool.range !== undefined || pool.gateway !== undefined || Object.keys(pool.auxiliary).length > 0

function checkHostBits(what: string, cidr: Cidr): string[] {
  const masked = subnetOf(cidr.address, cidr.prefixLength)
  if (masked.value === cidr.address.value) return []
  return [`invalid ${what} ${formatCidr(cidr)}: it should be ${formatSubnet(masked)}`]
}

function checkRange(text: string | undefined, parent: Cidr, subnet: Subnet): string[] {
  if (text === undefined) return []
  const wrong = (problem: string): string => `invalid ip-range ${text}: ${problem}`
  const range = parseCidr(text)
  if (range === undefined) return [wrong(NO_CIDR)]
  if (range.address.family !== subnet.family) return [wrong(otherFamily(subnet))]
  const bigger = range.prefixLength < subnet.prefixLength
  const apart = isSizeOnly(subnet) || !overlap(subnet, subnetOf(range.address, range.prefixLength))
  return [
    ...(bigger ? [wrong(`CIDR block is bigger than its parent subnet ${formatCidr(parent)}`)] : []),
    ...checkHostBits('ip-range', range),
    ...(apart ? [wrong(`parent subnet ${formatCidr(parent)} doesn't contain ip-range`)] : []),
  ]
}

function checkAddress(
  what: string,
  name: string | undefined,
  text: string | undefined,
  parent: Cidr,
  subnet: Subnet,
): string[] {
  if (text === undefined) return []
  const wrong = (problem: string): string[] => [`invalid ${what} ${name ?? ''}: ${problem}`]
  const address = parseIpAddress(text)
  if (address === undefined) return wrong('invalid address')
  if (address.family !== subnet.family) return wrong(otherFamily(subnet))
  if (!isSizeOnly(subnet) && contains(subnet, address)) return []
  return wrong(`parent subnet ${formatCidr(parent)} doesn't contain this address`)
}

const otherFamily = (subnet: Subnet): string => `parent subnet is an IPv${subnet.family} block`

const formatCidr = ({ address, prefixLength }: Cidr): string => `${formatIpAddress(address)}/${prefixLength}`
