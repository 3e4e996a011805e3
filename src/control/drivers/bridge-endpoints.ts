/** Endpoints that are a TAP in the sandbox each, a port of the switch, on networks whose router is ours. */

import type { Fabric, FabricPort, Surroundings } from '../model/machine.ts'
import type { NetworkRecord } from '../model/records.ts'
import { bridgeOptions } from '../rules/bridge-options.ts'
import { bridgeGateway } from '../rules/gateway.ts'
import { chooseMac } from '../rules/mac.ts'
import type { CreatedEndpoint, DriverEndpoint, EndpointPlace, JoinedPlace } from './driver.ts'
import { EndpointMacs } from './endpoint-macs.ts'
import { SwitchPorts } from './switch-ports.ts'
import type { SwitchRegistry } from './switch-registry.ts'

/** In the place of an endpoint's id, what has the gateway's MAC address. */
const GATEWAY = 'gateway'

export class BridgeEndpoints {
  readonly #ports: SwitchPorts
  readonly #surroundings: Surroundings
  readonly #registry: SwitchRegistry
  /** By network. */
  readonly #macs = new Map<string, EndpointMacs>()

  constructor(fabric: Fabric, surroundings: Surroundings, registry: SwitchRegistry) {
    this.#ports = new SwitchPorts(fabric, registry)
    this.#surroundings = surroundings
    this.#registry = registry
  }

  /** Its domain is there. */
  addNetwork(network: NetworkRecord): void {
    const macs = new EndpointMacs()
    const gateway = bridgeGateway(network)
    if (gateway !== undefined) macs.set(GATEWAY, gateway.mac)
    this.#macs.set(network.id, macs)
  }

  removeNetwork({ id }: NetworkRecord): void {
    this.#macs.delete(id)
  }

  create(endpoint: DriverEndpoint): CreatedEndpoint {
    const mac = this.chooseMac(endpoint)
    this.#macs.get(endpoint.network.id)!.set(endpoint.id, mac)
    return { mac }
  }

  /** The one that it would get. `isTaken`: by others than those of this host. */
  chooseMac(
    { network, ipv4, ipv6, mac: given }: DriverEndpoint,
    isTaken: (mac: string) => boolean = () => false,
  ): string {
    const macs = this.#macs.get(network.id)!
    return chooseMac(
      { given, ipv4: ipv4?.address, ipv6: ipv6?.address, mode: bridgeOptions(network.options).mac },
      (candidate) => macs.has(candidate) || isTaken(candidate),
      (count) => this.#surroundings.randomBytes(count),
    )
  }

  /** Whether an endpoint has it, or the gateway. */
  hasMac(network: string, mac: string): boolean {
    return this.#macs.get(network)?.has(mac) ?? false
  }

  delete({ id, network }: DriverEndpoint): void {
    this.#macs.get(network.id)?.delete(id)
  }

  /** `mtu`: bytes of IP packet. `fixed`: its MAC address is known from the start, and never forgotten. */
  async join(
    endpoint: DriverEndpoint,
    place: EndpointPlace,
    mtu: number,
    { fixed = false } = {},
  ): Promise<JoinedPlace> {
    await this.#ports.join(endpoint, place, this.#registry.domainOf(endpoint.network.id)!, {
      mtu,
      guard: guardOf(endpoint),
      ...(fixed && { fixed }),
    })
    return gatewaysOf(endpoint.network)
  }

  leave(endpoint: DriverEndpoint): Promise<void> {
    return this.#ports.leave(endpoint)
  }

  announce(endpoint: DriverEndpoint, frame: Uint8Array): Promise<void> {
    return this.#ports.announce(endpoint, frame)
  }

  operationalInfo(endpoint: DriverEndpoint): Readonly<Record<string, string>> {
    return this.#ports.operationalInfo(endpoint)
  }
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
