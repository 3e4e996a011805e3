/** What IP address management offers the model. One address space: no two pools of it overlap. */

import type { IpFamily } from '../ip-address.ts'
import type { InterfaceAddress, PoolRecord, RestingAddress } from '../model/records.ts'

/** What a network's creator asked for, by subnet. Texts are as the user wrote them. */
export interface WantedPool {
  readonly subnet?: string | undefined
  readonly range?: string | undefined
  readonly gateway?: string | undefined
  readonly auxiliary: Readonly<Record<string, string>>
}

export interface WantedPools {
  readonly ipv4: boolean
  readonly ipv6: boolean
  readonly pools: readonly WantedPool[]
  /** False where the driver has no gateway of ours; then only one that the user names is kept. */
  readonly wantsGateway: boolean
  /** IPAM options: `com.docker.network.ipam.serial`, `tapwire.ipam.rest` (seconds). */
  readonly options: Readonly<Record<string, string>>
}

export interface PoolUsage {
  readonly subnet: string
  /** Network, broadcast, gateway and auxiliary addresses included, resting ones not. */
  readonly inUse: number
  readonly available: number
}

/** All methods are synchronous, and throw without having changed anything. Messages are Docker's. */
export interface AddressSpace {
  /** Chooses and checks a new network's pools. `reserved` are prefixes that default pools stay clear of. */
  addNetwork(network: string, wanted: WantedPools, reserved: readonly string[]): readonly PoolRecord[]
  /**
   * Takes up pools that were chosen before: by this daemon's predecessor, or by another host. `begin`, from 0 to 1: at which share of a pool
   * the search for free addresses begins.
   */
  restoreNetwork(
    network: string,
    pools: readonly PoolRecord[],
    options: Readonly<Record<string, string>>,
    begin?: number,
  ): void
  removeNetwork(network: string): void
  /** The lowest free address, or the one asked for. `owner` gets back the one that rests of it, where it asks for none. */
  allocate(network: string, family: IpFamily, address?: string, owner?: string): InterfaceAddress
  /** Marks an address as used, also one that rests. */
  restore(network: string, address: string): void
  /** The address rests before it is given out dynamically to another `owner`; asked for by name it can be had at once. */
  release(network: string, address: string, owner?: string): void
  /** Gives an address back as though it had never been allocated: what a creation that failed does. */
  unallocate(network: string, address: string): void
  resting(): readonly RestingAddress[]
  restoreResting(resting: readonly RestingAddress[]): void
  usage(network: string): readonly PoolUsage[]
}
