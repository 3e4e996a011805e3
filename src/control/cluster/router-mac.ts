import { createHash } from 'node:crypto'

/**
 * Of a host's router, towards the tunnel of a network: the gateway's own MAC address is the same on all hosts (compare RFC 9135, 4.2). Any
 * host knows it of any other. Unicast and locally administered.
 */
export function routerMac(host: string, network: string): string {
  const bytes = createHash('sha256').update(`router ${host} ${network}`).digest().subarray(0, 6)
  bytes[0] = (bytes[0]! & 0xfe) | 0x02
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':')
}

/** Where this host begins to look for free addresses, from 0 to 1. */
export function shareOfHost(host: string): number {
  return createHash('sha256').update(`addresses ${host}`).digest().readUInt32BE(0) / 2 ** 32
}
