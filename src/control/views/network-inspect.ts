/** Networks as the API shows them. */

import type { NetworkInspect } from '../api/network.ts'
import type { PoolUsage } from '../ipam/address-space.ts'
import type { JoinedEndpoint, NetworkRecord } from '../model/records.ts'

/** One of a network's endpoints, and whose it is. */
export interface NetworkMember {
  readonly sandbox: { readonly id: string; readonly name: string }
  readonly joined: JoinedEndpoint
}

/** GET /networks/{network} */
export function inspectNetwork(
  network: NetworkRecord,
  members: Iterable<NetworkMember>,
  usage: readonly PoolUsage[],
): NetworkInspect {
  throw new Error('to be written')
}

/** An entry of GET /networks: without members and status, as on Docker's API. */
export function summarizeNetwork(network: NetworkRecord): NetworkInspect {
  throw new Error('to be written')
}
