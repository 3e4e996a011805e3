/** What a tunnel leaves of a packet of the underlay. */

import { MTU_DEFAULT, VXLAN_OVERHEAD_IPV4, VXLAN_OVERHEAD_IPV6 } from '../../limits.ts'

/** Bytes of an inner IP packet that a packet of `mtu` bytes to `address` carries. */
export function tunnelMtu(address: string, mtu: number): number {
  return mtu - (address.includes(':') ? VXLAN_OVERHEAD_IPV6 : VXLAN_OVERHEAD_IPV4)
}

/** By Ethernet. */
export function tunnelMtuDefault(address: string): number {
  return tunnelMtu(address, MTU_DEFAULT)
}
