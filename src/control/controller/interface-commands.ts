/** Addresses and routes of a sandbox as lines for `ip -batch`. Said twice they do no harm: a restarted daemon repeats them. */

import { superFrameSize } from '../../datapath/tunnel/super-frame-size.ts'
import type { EndpointSettings, InterfaceAddress, JoinedEndpoint } from '../model/records.ts'

/** A default route: its next hop, and the interface that it goes out by. */
export interface DefaultRoute {
  readonly gateway: string
  readonly interface: string
}

/** Of each family; undefined where there is none. */
export interface DefaultRoutes {
  readonly ipv4: DefaultRoute | undefined
  readonly ipv6: DefaultRoute | undefined
}

/** RFC 3927, 2.1 and RFC 4291, 2.5.6: how much of a link-local address is its prefix. */
const LINK_LOCAL_PREFIX_LENGTH = { ipv4: 16, ipv6: 64 }

/** Gives an interface its addresses, and takes it up. `tunnelMtu`: of the network, where it goes on behind a tunnel. */
export function interfaceCommands(
  joined: JoinedEndpoint,
  settings: Pick<EndpointSettings, 'linkLocal'>,
  tunnelMtu?: number,
): readonly string[] {
  const linkLocal = settings.linkLocal.map((address) => ({
    address,
    prefixLength: LINK_LOCAL_PREFIX_LENGTH[address.includes(':') ? 'ipv6' : 'ipv4'],
  }))
  const addresses = [joined.ipv4, joined.ipv6, ...linkLocal].filter((address) => address !== undefined)
  return [
    ...addresses.map((address) => addressCommand(joined.interface, address)),
    ...(tunnelMtu === undefined ? [] : [superFrameCommand(joined.interface, tunnelMtu)]),
    `link set dev ${joined.interface} up`,
  ]
}

/** Lets an interface on a network that goes on behind a tunnel take packets of `mtu` bytes. */
export function mtuCommands(name: string, mtu: number): readonly string[] {
  return [`link set dev ${name} mtu ${mtu}`, superFrameCommand(name, mtu)]
}

function superFrameCommand(name: string, mtu: number): string {
  return `link set dev ${name} gso_max_size ${superFrameSize(mtu)}`
}

/** Turns the routes `before` into `after`. `deleted` interfaces have taken their routes with them. */
export function routeCommands(
  before: DefaultRoutes,
  after: DefaultRoutes,
  deleted: readonly string[] = [],
): readonly string[] {
  return (['ipv4', 'ipv6'] as const).flatMap((family) => {
    const was = before[family]
    const is = after[family]
    const destination = family === 'ipv4' ? '0.0.0.0/0' : '::/0'
    const there = was !== undefined && !deleted.includes(was.interface)
    if (is === undefined) return there ? [`route delete ${destination} dev ${was.interface}`] : []
    if (there && was.gateway === is.gateway && was.interface === is.interface) return []
    return [`route replace ${destination} via ${is.gateway} dev ${is.interface}`]
  })
}

export function deleteInterfaceCommand(name: string): string {
  return `link delete dev ${name}`
}

/** nodad: IP address management gives no address out twice, and nobody wants to wait for the kernel to find that out. */
function addressCommand(name: string, { address, prefixLength }: InterfaceAddress): string {
  const flags = address.includes(':') ? 'nodad' : 'brd +'
  return `address replace ${address}/${prefixLength} ${flags} dev ${name}`
}
