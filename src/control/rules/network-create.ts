/** A request for a network, checked and in normal form. */

import type { NetworkCreate } from '../api/network.ts'
import type { WantedPools } from '../ipam/address-space.ts'
import type { NetworkIpam, NetworkRecord, PoolRecord } from '../model/records.ts'

/** What a driver says of the networks that it may make. A driver is added by one more of these. */
export interface DriverRules {
  readonly name: string
  readonly scope: NetworkRecord['scope']
  /** False where there can be only the built-in one: host and null. */
  readonly creatable: boolean
  /** What is wrong with the options, a sentence each. */
  checkOptions(
    options: Readonly<Record<string, string>>,
    network: { readonly internal: boolean },
  ): readonly string[]
  /** Whether a gateway is chosen where the user names none. */
  wantsGateway(options: Readonly<Record<string, string>>, network: { readonly internal: boolean }): boolean
}

export interface NetworkPlan {
  /** The record but for its id, time and pools. */
  readonly record: Omit<NetworkRecord, 'id' | 'created' | 'ipam'> & {
    readonly ipam: Omit<NetworkIpam, 'pools'>
  }
  /** For AddressSpace.addNetwork. Undefined for a configOnly network, which has no addresses. */
  readonly wanted: WantedPools | undefined
  /** The pools of a configOnly network, as they were given and not allocated; else empty. */
  readonly kept: readonly PoolRecord[]
  /** For the answer's Warning; most often empty. */
  readonly warning: string
}

/**
 * Does not look whether the name is taken: who reserves it does. `find` throws NETWORK_UNKNOWN (for configFrom).
 * Throws NAME_INVALID, NETWORK_PREDEFINED, DRIVER_UNKNOWN, NETWORK_INVALID.
 */
export function planNetwork(
  request: NetworkCreate,
  context: {
    find(reference: string): NetworkRecord
    driver(name: string): DriverRules | undefined
  },
): NetworkPlan {
  throw new Error('to be written')
}
