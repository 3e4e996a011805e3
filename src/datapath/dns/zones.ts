/** The networks that have names, by their bridge domains: what they are called, and whether their gateways answer questions. */

import { DNS_TTL_S_MAX, DOMAINS_MAX } from '../../limits.ts'
import { encodeName, equalNames } from '../../wire/dns-name.ts'
import type { ZoneSettings } from './dns-settings.ts'

// Function of this module, on the path of each question: V8 folds what a module keeps to itself.
const isSameName = equalNames

/** Networks that no name can end with have this one. */
const NO_NAME = new Uint8Array()

export class Zones {
  /** By domain: 1 where the gateway answers questions. */
  readonly served = new Uint8Array(DOMAINS_MAX)
  /** By domain: seconds that a resolver may keep an answer. */
  readonly ttlS = new Int32Array(DOMAINS_MAX)
  /** By domain: the network's name, in wire form with the root. */
  private readonly names: Uint8Array[] = Array.from({ length: DOMAINS_MAX }, () => NO_NAME)

  set(domain: number, zone: ZoneSettings | undefined): void {
    if (!(domain >= 0 && domain < DOMAINS_MAX))
      throw new RangeError(`domain ${domain} is not in 0..${DOMAINS_MAX - 1}`)
    this.names[domain] = zone === undefined ? NO_NAME : (encodeName(zone.name) ?? NO_NAME)
    this.served[domain] = zone?.served === true ? 1 : 0
    this.ttlS[domain] = Math.min(Math.max(zone?.ttlS ?? 0, 0), DNS_TTL_S_MAX)
  }

  /** The network's name, empty where it has none that DNS can carry. */
  name(domain: number): Uint8Array {
    return this.names[domain]!
  }

  /** Whether the network is called what stands at `at`: `size` bytes in wire form with the root, in letters of any case. */
  isCalled(domain: number, bytes: Uint8Array, at: number, size: number): boolean {
    const name = this.names[domain]!
    return name.length === size && isSameName(name, 0, bytes, at, size)
  }
}
