/** What UDP carries, by its ports (IANA's registry of port numbers). */

import { DNS_PORT } from '../../limits.ts'
import { PORT as VXLAN_PORT } from '../../wire/vxlan.ts'

// Constants of this module.
const DNS = DNS_PORT
const MULTICAST_DNS = 5353
const DHCP_SERVER = 67
const DHCP_CLIENT = 68
const VXLAN = VXLAN_PORT

export type UdpApplication = 'dns' | 'mdns' | 'dhcp' | 'vxlan'

/** Whichever side has the port, the destination's first; undefined where neither is known. */
export const udpApplication = (source: number, destination: number): UdpApplication | undefined =>
  byPort(destination) ?? byPort(source)

function byPort(port: number): UdpApplication | undefined {
  if (port === DNS) return 'dns'
  if (port === MULTICAST_DNS) return 'mdns'
  if (port === DHCP_SERVER || port === DHCP_CLIENT) return 'dhcp'
  return port === VXLAN ? 'vxlan' : undefined
}
