/** Networks that are a bridge domain of the switch each, and endpoints that are a TAP in the sandbox, a port of the switch. */

import type { Fabric, Surroundings } from '../model/machine.ts'
import type { NetworkRecord } from '../model/records.ts'
import { bridgeOptions } from '../rules/bridge-options.ts'
import { bridgeDriver as bridgeRules } from '../rules/built-in-drivers.ts'
import { isRouted } from '../rules/routed-drivers.ts'
import { BridgedDriver } from './bridged-driver.ts'
import type { DriverEndpoint, EndpointPlace, JoinedPlace, NetworkDriver } from './driver.ts'
import type { SwitchRegistry } from './switch-registry.ts'

export class BridgeDriver extends BridgedDriver implements NetworkDriver {
  readonly rules = bridgeRules
  readonly #registry: SwitchRegistry

  constructor(fabric: Fabric, surroundings: Surroundings, registry: SwitchRegistry) {
    super(fabric, surroundings, registry)
    this.#registry = registry
  }

  async createNetwork(network: NetworkRecord, { again = false } = {}): Promise<void> {
    await this.domains.add(network, again)
    this.endpoints.addNetwork(network)
  }

  async deleteNetwork(network: NetworkRecord): Promise<void> {
    await this.domains.remove(network)
    this.endpoints.removeNetwork(network)
  }

  join(endpoint: DriverEndpoint, place: EndpointPlace): Promise<JoinedPlace> {
    return this.endpoints.join(endpoint, place, bridgeOptions(endpoint.network.options).mtu)
  }

  domainOf(network: string): number | undefined {
    return this.#registry.domainOf(network)
  }

  /** Where the router reaches an endpoint, by its id; undefined where its interface has vanished, or its network's router is not ours. */
  placeOf(endpoint: string): { readonly domain: number; readonly port: number } | undefined {
    const entry = this.#registry.portOfEndpoint(endpoint)
    if (entry === undefined || !isRouted(entry.network.driver)) return undefined
    return { domain: this.#registry.domainOf(entry.network.id)!, port: entry.port }
  }
}
