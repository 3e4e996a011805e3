import { addressBytes, type IpAddress } from './ip-address.ts'

/** Six bytes as lower-case hexadecimal with colons, the way `ip link` prints them; undefined if `text` is no such thing. */
export function normalMac(text: string): string | undefined {
  return /^[\da-f]{2}(:[\da-f]{2}){5}$/i.test(text) ? text.toLowerCase() : undefined
}

/** The group bit, the lowest of the first byte (IEEE 802, 8.2.2): no station sends from such an address. */
export function isMulticastMac(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1
}

export function isZeroMac(mac: string): boolean {
  return mac === '00:00:00:00:00:00'
}

/**
 * 02:42 and the four bytes of the IPv4 address: unicast, locally administered, and the same on each run, so that
 * captures can be compared. 10.1.0.2 gets 02:42:0a:01:00:02.
 */
export function macOfAddress(address: IpAddress): string {
  return [0x02, 0x42, ...addressBytes(address).slice(-4)]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join(':')
}
