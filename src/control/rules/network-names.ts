/** Whether a network has names, and where its sandboxes ask for them. */

import type { NetworkRecord } from '../model/records.ts'
import { dnsOptions } from './dns-options.ts'
import { bridgeGateway } from './gateway.ts'
import { isPredefinedNetwork } from './names.ts'
import { isRouted, isSwitched } from './routed-drivers.ts'

export interface NetworkNames {
  /** The gateway's address, where it answers; undefined where questions are answered in the sandboxes' own namespaces. */
  readonly gateway: string | undefined
  readonly ttlS: number
}

/** Undefined where it has none: the built-in networks, as in Docker, and those whose user wants none. */
export function networkNames(network: NetworkRecord): NetworkNames | undefined {
  if (isPredefinedNetwork(network.name) || network.configOnly || !isSwitched(network.driver)) {
    return undefined
  }
  const { place, ttlS } = dnsOptions(network.options)
  if (place === 'none') return undefined
  // The gateway of a macvlan network is the LAN's router, which is not ours.
  const isOurs = isRouted(network.driver) && place !== 'loopback'
  return { gateway: isOurs ? bridgeGateway(network)?.address : undefined, ttlS }
}
