/** What a tunnel leaves of a packet of the underlay. */

import { MTU_DEFAULT } from '../../limits.ts'

/** RFC 8200, 5: what every link that carries IPv6 must be able to carry. Linux has no IPv6 on an interface below. */
export const IPV6_MTU_MIN = 1280

/** RFC 7348, 5: IP 20 or 40, UDP 8, VXLAN 8, the inner Ethernet header 14. */
const VXLAN_OVERHEAD_IPV4 = 50
const VXLAN_OVERHEAD_IPV6 = 70

/** Bytes of an inner IP packet that a packet of `mtu` bytes to `address` carries. */
export function tunnelMtu(address: string, mtu: number): number {
  return mtu - (address.includes(':') ? VXLAN_OVERHEAD_IPV6 : VXLAN_OVERHEAD_IPV4)
}

/** By Ethernet. */
export function tunnelMtuDefault(address: string): number {
  return tunnelMtu(address, MTU_DEFAULT)
}
