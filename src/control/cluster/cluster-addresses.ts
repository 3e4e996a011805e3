/**
 * The claims of others, in this host's own address space: so that what is chosen here is free as far as anybody here knows. Whether it is,
 * the registry says.
 */

import { ErrorCode, TapwireError } from '../errors.ts'
import { AddressSet } from '../ipam/address-set.ts'
import type { AddressSpace } from '../ipam/address-space.ts'
import type { AddressClaim } from './cluster-records.ts'
import type { ClusterView } from './cluster-view.ts'

export class ClusterAddresses {
  readonly #view: ClusterView
  readonly #space: AddressSpace
  readonly #host: string
  /** Addresses that are leased here because others have them; by network, of those that are on this host. */
  readonly #theirs = new Map<string, AddressSet>()

  /** `host`: id of this one. */
  constructor(view: ClusterView, space: AddressSpace, host: string) {
    this.#view = view
    this.#space = space
    this.#host = host
  }

  /** Its pools are there. */
  networkCame(network: string): void {
    this.#theirs.set(network, new AddressSet())
    for (const address of this.#view.claims(network).keys()) this.settle(network, address)
  }

  /** Its pools are about to go. */
  networkGone(network: string): void {
    this.#theirs.delete(network)
  }

  /** A claim has come, gone or changed. */
  settle(network: string, address: string): void {
    const theirs = this.#theirs.get(network)
    if (theirs === undefined) return
    const claim = this.#view.claims(network).get(address)
    if (this.#isTheirs(claim)) {
      if (!theirs.has(address) && this.#lease(network, address)) theirs.add(address)
    } else if (theirs.delete(address) && claim === undefined) {
      // It rests here as well: whoever remembers the one that had it is not to find another there at once.
      this.#space.release(network, address)
    }
  }

  isTaken(network: string, address: string): boolean {
    return this.#theirs.get(network)?.has(address) ?? false
  }

  /** An address that was leased here for one of ours is given back: whether it stays leased, because it is another's by now. */
  keeps(network: string, address: string): boolean {
    const theirs = this.#theirs.get(network)
    if (theirs === undefined) return false
    if (!this.#isTheirs(this.#view.claims(network).get(address))) return theirs.has(address)
    theirs.add(address)
    return true
  }

  #isTheirs(claim: AddressClaim | undefined): boolean {
    if (claim === undefined) return false
    return claim.host !== this.#host || this.#view.services.has(claim.owner)
  }

  /** False where one of ours has it, or it lies in no subnet. */
  #lease(network: string, address: string): boolean {
    try {
      this.#space.restore(network, address)
      return true
    } catch (error) {
      const expected: readonly string[] = [ErrorCode.addressInUse, ErrorCode.addressOutOfRange]
      if (error instanceof TapwireError && expected.includes(error.code)) return false
      throw error
    }
  }
}
