import type { Fabric, FabricPort } from '../model/machine.ts'
import { endpointOptions } from '../rules/endpoint-options.ts'
import type { DriverEndpoint, EndpointPlace } from './driver.ts'
import type { SwitchRegistry } from './switch-registry.ts'

/** Endpoints as ports of the switch, each a TAP in its sandbox: how they come and go. */
export class SwitchPorts {
  readonly #fabric: Fabric
  readonly #registry: SwitchRegistry

  constructor(fabric: Fabric, registry: SwitchRegistry) {
    this.#fabric = fabric
    this.#registry = registry
  }

  /** Its network's domain is there. `settings`: what the network decides. */
  async join(
    endpoint: DriverEndpoint,
    place: EndpointPlace,
    domain: number,
    settings: Pick<FabricPort, 'mtu' | 'guard' | 'fixed'>,
  ): Promise<void> {
    const port = this.#registry.takePort()
    try {
      await this.#fabric.addPort({
        port,
        domain,
        namespace: place.namespace,
        name: place.interface,
        mac: place.mac,
        offload: endpointOptions(endpoint.settings.driverOptions).offload,
        impairment: endpoint.impairment,
        ...settings,
      })
    } catch (error) {
      this.#registry.giveBackPort(port)
      throw error
    }
    this.#registry.setPort({ port, interface: place.interface, network: endpoint.network, endpoint })
  }

  async leave(endpoint: DriverEndpoint): Promise<void> {
    const entry = this.#registry.portOfEndpoint(endpoint.id)
    if (entry === undefined) return
    await this.#fabric.removePort(entry.port)
    this.#registry.removePort(entry)
  }

  async announce(endpoint: DriverEndpoint, frame: Uint8Array): Promise<void> {
    const entry = this.#registry.portOfEndpoint(endpoint.id)
    if (entry !== undefined) await this.#fabric.inject(entry.port, frame)
  }

  operationalInfo({ id }: DriverEndpoint): Readonly<Record<string, string>> {
    const entry = this.#registry.portOfEndpoint(id)
    return entry === undefined ? {} : { port: String(entry.port) }
  }
}
