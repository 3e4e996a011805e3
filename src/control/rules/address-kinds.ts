/** What an address is for, by its first bits (RFC 6890, RFC 4291). */

import { contains, type IpAddress, parseCidr, subnetOf } from '../ip-address.ts'

const subnet = (text: string) => {
  const { address, prefixLength } = parseCidr(text)!
  return subnetOf(address, prefixLength)
}

const MULTICAST = [subnet('224.0.0.0/4'), subnet('ff00::/8')]

/** For nobody, or for everybody. */
const UNSPECIFIED = [subnet('0.0.0.0/8'), subnet('255.255.255.255/32'), subnet('::/128')]

/** IPv4's, in IPv6 words (RFC 4291, 2.5.5.2): no packet has one. */
const MAPPED = subnet('::ffff:0:0/96')

export const isMulticast = (address: IpAddress): boolean =>
  MULTICAST.some((each) => each.family === address.family && contains(each, address))

export const isUnspecified = (address: IpAddress): boolean =>
  UNSPECIFIED.some((each) => each.family === address.family && contains(each, address))

export const isMapped = (address: IpAddress): boolean =>
  address.family === MAPPED.family && contains(MAPPED, address)
