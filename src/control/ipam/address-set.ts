import { type IpFamily, parseIpAddress } from '../ip-address.ts'
import { IntervalSet } from './interval-set.ts'

/** Addresses as text, kept as the intervals that they make up: those of a cluster lie close together, and are thousands. */
export class AddressSet {
  readonly #families: Readonly<Record<IpFamily, IntervalSet>> = { 4: new IntervalSet(), 6: new IntervalSet() }

  /** A text that is no address is in none. */
  has(address: string): boolean {
    const parsed = parseIpAddress(address)
    return parsed !== undefined && this.#families[parsed.family].has(parsed.value)
  }

  /** Throws RangeError for a text that is no address. */
  add(address: string): void {
    const parsed = parseIpAddress(address)
    if (parsed === undefined) throw new RangeError(`no IP address: ${address}`)
    this.#families[parsed.family].add(parsed.value)
  }

  /** Whether it was in it. */
  delete(address: string): boolean {
    const parsed = parseIpAddress(address)
    if (parsed === undefined || !this.#families[parsed.family].has(parsed.value)) return false
    this.#families[parsed.family].remove(parsed.value)
    return true
  }
}
