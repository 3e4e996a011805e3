/**
 * The switch's bridge domains and ports, and whose they are: one register for all drivers whose networks are domains of it.
 * Numbers are reserved before the first wait of the call that needs them.
 */

import { DOMAINS_MAX, DOMAINS_RESERVED, PORTS_MAX, PORTS_RESERVED } from '../../limits.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import type { NetworkRecord } from '../model/records.ts'
import type { DriverEndpoint } from './driver.ts'
import { NumberPool } from './number-pool.ts'

/** What a port of the switch belongs to. */
export interface SwitchPort {
  readonly port: number
  readonly interface: string
  readonly network: NetworkRecord
  /** Undefined where the port is no sandbox's: the machine's own end of a network, or a network's parent. */
  readonly endpoint: DriverEndpoint | undefined
  /** Of a port that is another tunnel endpoint. */
  readonly peer?: SwitchPeer | undefined
}

export interface SwitchPeer {
  readonly address: string
  /** What the host is called that has the address; the address itself where nobody says. */
  readonly host: string
}

export class SwitchRegistry {
  readonly #domainNumbers = new NumberPool(DOMAINS_MAX - DOMAINS_RESERVED)
  readonly #portNumbers = new NumberPool(PORTS_MAX - PORTS_RESERVED)
  /** By network. */
  readonly #domains = new Map<string, number>()
  /** Networks by domain. */
  readonly #networks = new Map<number, string>()
  readonly #ports = new Map<number, SwitchPort>()
  /** By endpoint. */
  readonly #byEndpoint = new Map<string, SwitchPort>()
  readonly #listeners = new Set<() => void>()

  /** Throws LIMIT_REACHED. */
  takeDomain(): number {
    return taken(
      this.#domainNumbers,
      `the switch has no bridge domain left (${DOMAINS_MAX - DOMAINS_RESERVED})`,
    )
  }

  giveBackDomain(domain: number): void {
    this.#domainNumbers.giveBack(domain)
  }

  /** Throws LIMIT_REACHED. */
  takePort(): number {
    return taken(this.#portNumbers, `the switch has no port left (${PORTS_MAX - PORTS_RESERVED})`)
  }

  giveBackPort(port: number): void {
    this.#portNumbers.giveBack(port)
  }

  /** The domain is the network's from here on. */
  setDomain(network: string, domain: number): void {
    this.#domains.set(network, domain)
    this.#networks.set(domain, network)
  }

  /** The domain is no more; its number is free. */
  removeDomain(network: string): void {
    const domain = this.#domains.get(network)
    if (domain === undefined) return
    this.#domains.delete(network)
    this.#networks.delete(domain)
    this.#domainNumbers.giveBack(domain)
  }

  setPort(entry: SwitchPort): void {
    this.#ports.set(entry.port, entry)
    if (entry.endpoint !== undefined) this.#byEndpoint.set(entry.endpoint.id, entry)
    this.#tell()
  }

  /** Both the fabric's word that a TAP is gone and a driver's own removal come here, in either order. */
  removePort(entry: SwitchPort): void {
    if (this.#ports.get(entry.port) !== entry) return
    this.#ports.delete(entry.port)
    if (entry.endpoint !== undefined) this.#byEndpoint.delete(entry.endpoint.id)
    this.#portNumbers.giveBack(entry.port)
    this.#tell()
  }

  /** Calls back at once when a port comes or goes; the function returned ends that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The fabric says that a port is no more. What it belonged to; undefined where nobody has it any more. */
  portGone(port: number): SwitchPort | undefined {
    const entry = this.#ports.get(port)
    if (entry !== undefined) this.removePort(entry)
    return entry
  }

  domains(): readonly number[] {
    return [...this.#domains.values()]
  }

  domainOf(network: string): number | undefined {
    return this.#domains.get(network)
  }

  networkOf(domain: number): string | undefined {
    return this.#networks.get(domain)
  }

  ports(): readonly SwitchPort[] {
    return [...this.#ports.values()]
  }

  portOf(port: number): SwitchPort | undefined {
    return this.#ports.get(port)
  }

  portOfEndpoint(endpoint: string): SwitchPort | undefined {
    return this.#byEndpoint.get(endpoint)
  }

  #tell(): void {
    for (const listener of this.#listeners) listener()
  }
}

function taken(numbers: NumberPool, exhausted: string): number {
  const number = numbers.take()
  if (number === undefined) throw new TapwireError(ErrorCode.limitReached, exhausted)
  return number
}
