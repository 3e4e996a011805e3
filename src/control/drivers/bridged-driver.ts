import type { Fabric, Surroundings } from '../model/machine.ts'
import type { NetworkRecord } from '../model/records.ts'
import { bridgeOptions } from '../rules/bridge-options.ts'
import { BridgeDomains } from './bridge-domains.ts'
import { BridgeEndpoints } from './bridge-endpoints.ts'
import type { CreatedEndpoint, DriverEndpoint } from './driver.ts'
import type { SwitchRegistry } from './switch-registry.ts'

/** What drivers have in common whose networks are a bridge domain of the switch each, with our router for their gateway. */
export abstract class BridgedDriver {
  readonly connects = true
  protected readonly domains: BridgeDomains
  protected readonly endpoints: BridgeEndpoints

  constructor(fabric: Fabric, surroundings: Surroundings, registry: SwitchRegistry) {
    this.domains = new BridgeDomains(fabric, registry)
    this.endpoints = new BridgeEndpoints(fabric, surroundings, registry)
  }

  interfacePrefix(network: NetworkRecord): string {
    return bridgeOptions(network.options).interfacePrefix
  }

  async createEndpoint(endpoint: DriverEndpoint): Promise<CreatedEndpoint> {
    return this.endpoints.create(endpoint)
  }

  async deleteEndpoint(endpoint: DriverEndpoint): Promise<void> {
    this.endpoints.delete(endpoint)
  }

  leave(endpoint: DriverEndpoint): Promise<void> {
    return this.endpoints.leave(endpoint)
  }

  announce(endpoint: DriverEndpoint, frame: Uint8Array): Promise<void> {
    return this.endpoints.announce(endpoint, frame)
  }

  operationalInfo(endpoint: DriverEndpoint): Readonly<Record<string, string>> {
    return this.endpoints.operationalInfo(endpoint)
  }
}
