import { parseIpAddress } from '../ip-address.ts'
import { macOfAddress } from '../mac-address.ts'

export interface MacWish {
  /** The one that the user gave, in normal form. */
  readonly given?: string | undefined
  readonly ipv4?: string | undefined
  readonly ipv6?: string | undefined
  readonly mode: MacMode
}

/** `address`: 02:42 and the IPv4 address, or the last four bytes of the IPv6 address where there is no other. */
export type MacMode = 'address' | 'random'

/**
 * The MAC address of an endpoint that joins: lower case, with colons. `taken` are those on its network; a generated address that is
 * among them gives way to a random one, for two stations with one address would take each other's frames.
 */
export function chooseMac(
  wish: MacWish,
  taken: (mac: string) => boolean,
  randomBytes: (count: number) => Uint8Array,
): string {
  if (wish.given !== undefined) return wish.given
  const address = parseIpAddress(wish.ipv4 ?? wish.ipv6 ?? '')
  if (wish.mode === 'address' && address !== undefined) {
    const mac = macOfAddress(address)
    if (!taken(mac)) return mac
  }
  for (;;) {
    const mac = randomMac(randomBytes)
    if (!taken(mac)) return mac
  }
}

/** Unicast and locally administered: of the first byte's lowest bits (IEEE 802, 8.2), the group bit is 0 and the U/L bit is 1. */
function randomMac(randomBytes: (count: number) => Uint8Array): string {
  const bytes = randomBytes(6)
  bytes[0] = (bytes[0]! & 0xfe) | 0x02
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':')
}
