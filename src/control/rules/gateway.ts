/** A bridge network's gateway: the router's place on it. */

import { parseCidr, parseIpAddress } from '../ip-address.ts'
import { macOfAddress } from '../mac-address.ts'
import type { FabricGateway } from '../model/machine.ts'
import type { NetworkRecord } from '../model/records.ts'
import { type BridgeOptions, bridgeOptions } from './bridge-options.ts'

/** `mtu` in bytes of IP packet. Undefined where there is none: no IPv4, the mode `isolated`, or a bridge that is to have no address. */
export function bridgeGateway(
  network: NetworkRecord,
  mtu: number = bridgeOptions(network.options).mtu,
): FabricGateway | undefined {
  const options = bridgeOptions(network.options)
  const { gatewayMode4: mode, inhibitIpv4 } = options
  const pool = network.ipam.pools.find(({ family }) => family === 4)
  if (pool?.gateway === undefined || mode === 'isolated' || inhibitIpv4) return undefined
  return {
    address: pool.gateway,
    prefixLength: parseCidr(pool.subnet)!.prefixLength,
    mac: gatewayMac(network.id, pool.gateway, options),
    mtu,
    mode,
    internal: network.internal,
    masquerade: options.masquerade && mode !== 'routed',
    hostIpv4: options.hostIpv4,
    proxyArp: options.proxyArp,
    uplink: options.uplink,
  }
}

/** The same at each start of the daemon: a random one is drawn from the network's id, which was random. */
function gatewayMac(id: string, address: string, { mac }: BridgeOptions): string {
  if (mac === 'address') return macOfAddress(parseIpAddress(address)!)
  const bytes = id.slice(-12).match(/../g)!
  // Unicast and locally administered, as those of endpoints.
  const first = (Number.parseInt(bytes[0]!, 16) & 0xfe) | 0x02
  return [first.toString(16).padStart(2, '0'), ...bytes.slice(1)].join(':')
}
