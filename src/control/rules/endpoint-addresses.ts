/** Which addresses of a network its endpoints, and services, may have. */

import { contains, parseCidr, parseIpAddress, subnetOf } from '../ip-address.ts'
import type { NetworkRecord } from '../model/records.ts'

/** It lies in a subnet of the network, and is not the gateway's. */
export function isForEndpoints({ ipam }: Pick<NetworkRecord, 'ipam'>, address: string): boolean {
  const parsed = parseIpAddress(address)
  if (parsed === undefined) return false
  return ipam.pools.some(({ subnet, gateway }) => {
    const cidr = parseCidr(subnet)!
    return gateway !== address && contains(subnetOf(cidr.address, cidr.prefixLength), parsed)
  })
}
