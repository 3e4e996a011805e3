/**
 * Networks that are a bridge domain of the switch each, and endpoints that are a TAP in the sandbox, a port of the switch.
 * Domain and port numbers are reserved before the first wait of the call that needs them.
 */

import { DOMAINS_MAX, PORTS_MAX } from '../../limits.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import type { Fabric, FabricGateway, FabricPort, Surroundings } from '../model/machine.ts'
import type { NetworkRecord } from '../model/records.ts'
import { bridgeOptions } from '../rules/bridge-options.ts'
import { bridgeDriver as bridgeRules } from '../rules/built-in-drivers.ts'
import { endpointOptions } from '../rules/endpoint-options.ts'
import { bridgeGateway } from '../rules/gateway.ts'
import { chooseMac } from '../rules/mac.ts'
import type { CreatedEndpoint, DriverEndpoint, EndpointPlace, JoinedPlace, NetworkDriver } from './driver.ts'
import { NumberPool } from './number-pool.ts'

/** What a port of the switch belongs to. */
export interface BridgePort {
  readonly port: number
  readonly interface: string
  readonly endpoint: DriverEndpoint
}

export class BridgeDriver implements NetworkDriver {
  readonly rules = bridgeRules
  readonly connects = true
  readonly #fabric: Fabric
  readonly #surroundings: Surroundings
  readonly #domainNumbers = new NumberPool(DOMAINS_MAX)
  readonly #portNumbers = new NumberPool(PORTS_MAX)
  /** By network. */
  readonly #domains = new Map<string, number>()
  /** By network. */
  readonly #macs = new Map<string, EndpointMacs>()
  /** By endpoint. */
  readonly #ports = new Map<string, BridgePort>()
  /** The same by port number. */
  readonly #byNumber = new Map<number, BridgePort>()

  constructor(fabric: Fabric, surroundings: Surroundings) {
    this.#fabric = fabric
    this.#surroundings = surroundings
  }

  interfacePrefix(network: NetworkRecord): string {
    return bridgeOptions(network.options).interfacePrefix
  }

  async createNetwork(network: NetworkRecord): Promise<void> {
    const domain = taken(this.#domainNumbers, `the switch has no bridge domain left (${DOMAINS_MAX})`)
    const gateway = bridgeGateway(network)
    try {
      await this.#addDomain(domain, network, gateway)
    } catch (error) {
      this.#domainNumbers.giveBack(domain)
      throw error
    }
    const macs = new EndpointMacs()
    if (gateway !== undefined) macs.set(GATEWAY, gateway.mac)
    this.#domains.set(network.id, domain)
    this.#macs.set(network.id, macs)
  }

  async #addDomain(
    domain: number,
    network: NetworkRecord,
    gateway: FabricGateway | undefined,
  ): Promise<void> {
    const { transparent, icc } = bridgeOptions(network.options)
    await this.#fabric.addDomain(domain, { transparent, icc })
    if (gateway === undefined) return
    try {
      await this.#fabric.setGateway(domain, gateway)
    } catch (error) {
      await this.#fabric.removeDomain(domain)
      throw error
    }
  }

  async deleteNetwork(network: NetworkRecord): Promise<void> {
    const domain = this.#domains.get(network.id)
    if (domain === undefined) return
    await this.#removeDomain(domain, bridgeGateway(network))
    this.#domains.delete(network.id)
    this.#macs.delete(network.id)
    this.#domainNumbers.giveBack(domain)
  }

  async #removeDomain(domain: number, gateway: FabricGateway | undefined): Promise<void> {
    if (gateway !== undefined) await this.#fabric.setGateway(domain, undefined)
    try {
      await this.#fabric.removeDomain(domain)
    } catch (error) {
      if (gateway !== undefined) await this.#fabric.setGateway(domain, gateway)
      throw error
    }
  }

  async createEndpoint(endpoint: DriverEndpoint): Promise<CreatedEndpoint> {
    const { id, network, ipv4, ipv6 } = endpoint
    const macs = this.#macs.get(network.id)!
    const mac = chooseMac(
      {
        given: endpoint.mac,
        ipv4: ipv4?.address,
        ipv6: ipv6?.address,
        mode: bridgeOptions(network.options).mac,
      },
      (candidate) => macs.has(candidate),
      (count) => this.#surroundings.randomBytes(count),
    )
    macs.set(id, mac)
    return { mac }
  }

  async deleteEndpoint({ id, network }: DriverEndpoint): Promise<void> {
    this.#macs.get(network.id)?.delete(id)
  }

  async join(endpoint: DriverEndpoint, place: EndpointPlace): Promise<JoinedPlace> {
    const port = taken(this.#portNumbers, `the switch has no port left (${PORTS_MAX})`)
    try {
      await this.#fabric.addPort({
        port,
        domain: this.#domains.get(endpoint.network.id)!,
        namespace: place.namespace,
        name: place.interface,
        mac: place.mac,
        mtu: bridgeOptions(endpoint.network.options).mtu,
        offload: endpointOptions(endpoint.settings.driverOptions).offload,
        guard: guardOf(endpoint),
      })
    } catch (error) {
      this.#portNumbers.giveBack(port)
      throw error
    }
    const entry = { port, interface: place.interface, endpoint }
    this.#ports.set(endpoint.id, entry)
    this.#byNumber.set(port, entry)
    return gatewaysOf(endpoint.network)
  }

  async leave(endpoint: DriverEndpoint): Promise<void> {
    const entry = this.#ports.get(endpoint.id)
    if (entry === undefined) return
    await this.#fabric.removePort(entry.port)
    this.#forget(entry)
  }

  async announce(endpoint: DriverEndpoint, frame: Uint8Array): Promise<void> {
    const entry = this.#ports.get(endpoint.id)
    if (entry !== undefined) await this.#fabric.inject(entry.port, frame)
  }

  operationalInfo({ id }: DriverEndpoint): Readonly<Record<string, string>> {
    const entry = this.#ports.get(id)
    return entry === undefined ? {} : { port: String(entry.port) }
  }

  /** The fabric says that a port is no more. What it belonged to; undefined where nobody has it any more. */
  portGone(port: number): BridgePort | undefined {
    const entry = this.portOf(port)
    if (entry !== undefined) this.#forget(entry)
    return entry
  }

  /** Where the switch has an endpoint, by its id; undefined where its interface has vanished, or is another driver's. */
  placeOf(endpoint: string): { readonly domain: number; readonly port: number } | undefined {
    const entry = this.#ports.get(endpoint)
    return entry && { domain: this.#domains.get(entry.endpoint.network.id)!, port: entry.port }
  }

  domains(): readonly number[] {
    return [...this.#domains.values()]
  }

  domainOf(network: string): number | undefined {
    return this.#domains.get(network)
  }

  ports(): readonly BridgePort[] {
    return [...this.#ports.values()]
  }

  portOf(port: number): BridgePort | undefined {
    return this.#byNumber.get(port)
  }

  /** Both the fabric's word that a TAP is gone and our own removal come here, in either order. */
  #forget(entry: BridgePort): void {
    if (this.#ports.get(entry.endpoint.id) !== entry) return
    this.#ports.delete(entry.endpoint.id)
    this.#byNumber.delete(entry.port)
    this.#portNumbers.giveBack(entry.port)
  }
}

/** In the place of an endpoint's id, what has the gateway's MAC address. */
const GATEWAY = 'gateway'

/** The MAC addresses of a network's endpoints, and of its gateway. Several may have the same one, where users ask for it. */
class EndpointMacs {
  readonly #byEndpoint = new Map<string, string>()
  readonly #counts = new Map<string, number>()

  has(mac: string): boolean {
    return this.#counts.has(mac)
  }

  set(endpoint: string, mac: string): void {
    this.delete(endpoint)
    this.#byEndpoint.set(endpoint, mac)
    this.#counts.set(mac, (this.#counts.get(mac) ?? 0) + 1)
  }

  delete(endpoint: string): void {
    const mac = this.#byEndpoint.get(endpoint)
    if (mac === undefined) return
    this.#byEndpoint.delete(endpoint)
    const others = this.#counts.get(mac)! - 1
    if (others === 0) this.#counts.delete(mac)
    else this.#counts.set(mac, others)
  }
}

function taken(numbers: NumberPool, exhausted: string): number {
  const number = numbers.take()
  if (number === undefined) throw new TapwireError(ErrorCode.limitReached, exhausted)
  return number
}

/** What frames of the endpoint may have for their source. */
function guardOf({ network, settings, ipv4, ipv6 }: DriverEndpoint): FabricPort['guard'] {
  if (!bridgeOptions(network.options).spoofGuard) return undefined
  const addresses = [ipv4?.address, ipv6?.address, ...settings.linkLocal].filter(
    (address) => address !== undefined,
  )
  return {
    ipv4: addresses.filter((address) => !address.includes(':')),
    ipv6: addresses.filter((address) => address.includes(':')),
  }
}

/** An auxiliary address of this name takes the gateway's place as the sandboxes' next hop, as in Docker. */
function gatewaysOf(network: NetworkRecord): JoinedPlace {
  const of = (family: 4 | 6): string | undefined => {
    const pool = network.ipam.pools.find((candidate) => candidate.family === family)
    return pool?.auxiliary[`DefaultGatewayIPv${family}`] ?? pool?.gateway
  }
  return { gateway4: of(4), gateway6: of(6) }
}
