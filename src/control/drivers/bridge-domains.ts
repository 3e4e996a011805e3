/**
 * What a bridge network has on the switch beside its endpoints.
 *
 *     domain ─► the machine's own end of the network, if it has one ─► the router's place, if it has a gateway
 */

import type { Fabric, FabricGateway, FabricPort } from '../model/machine.ts'
import type { NetworkRecord } from '../model/records.ts'
import { BRIDGE_OPTION, bridgeOptions } from '../rules/bridge-options.ts'
import { bridgeGateway } from '../rules/gateway.ts'
import { shortId } from '../rules/ids.ts'
import type { SwitchPort, SwitchRegistry } from './switch-registry.ts'

/** Something done, and the way back. */
interface Step {
  readonly make: () => Promise<void>
  readonly takeBack: () => Promise<void>
}

export class BridgeDomains {
  readonly #fabric: Fabric
  readonly #registry: SwitchRegistry
  /** The machine's own ends, by network. */
  readonly #hostPorts = new Map<string, SwitchPort>()
  /** Bytes of IP packet, by network, where that is not the network's option. */
  readonly #mtus = new Map<string, number>()

  constructor(fabric: Fabric, registry: SwitchRegistry) {
    this.#fabric = fabric
    this.#registry = registry
  }

  /** All of it, or nothing. With `again` the machine's own end may come later. `mtu` where it is not the network's option. */
  async add(network: NetworkRecord, again: boolean, mtu?: number): Promise<void> {
    const domain = this.#registry.takeDomain()
    let hostPort: SwitchPort | undefined
    try {
      hostPort = this.#takeHostPort(network)
      await inOrder(this.#steps(network, domain, hostPort, again, mtu))
    } catch (error) {
      if (hostPort !== undefined) this.#registry.giveBackPort(hostPort.port)
      this.#registry.giveBackDomain(domain)
      throw error
    }
    this.#registry.setDomain(network.id, domain)
    if (mtu !== undefined) this.#mtus.set(network.id, mtu)
    if (hostPort === undefined) return
    this.#registry.setPort(hostPort)
    this.#hostPorts.set(network.id, hostPort)
  }

  /** Bytes of IP packet that the gateway, and the machine's own end, take from here on. */
  async setMtu(network: NetworkRecord, mtu: number): Promise<void> {
    const domain = this.#registry.domainOf(network.id)
    const gateway = bridgeGateway(network, mtu)
    if (domain === undefined || gateway === undefined) return
    const hostPort = this.#hostPorts.get(network.id)?.port
    await this.#fabric.setGateway(domain, hostPort === undefined ? gateway : { ...gateway, hostPort })
    if (hostPort !== undefined) await this.#fabric.setPortMtu(hostPort, mtu)
    this.#mtus.set(network.id, mtu)
  }

  /** All of it, or nothing. There may be nothing. */
  async remove(network: NetworkRecord): Promise<void> {
    const domain = this.#registry.domainOf(network.id)
    if (domain === undefined) return
    const hostPort = this.#hostPorts.get(network.id)
    const steps = this.#steps(network, domain, hostPort, true)
    await inOrder(steps.toReversed().map(({ make, takeBack }) => ({ make: takeBack, takeBack: make })))
    if (hostPort !== undefined) this.#registry.removePort(hostPort)
    this.#hostPorts.delete(network.id)
    this.#mtus.delete(network.id)
    this.#registry.removeDomain(network.id)
  }

  #steps(
    network: NetworkRecord,
    domain: number,
    hostPort: SwitchPort | undefined,
    patient: boolean,
    mtu: number | undefined = this.#mtus.get(network.id),
  ): readonly Step[] {
    const fabric = this.#fabric
    const { transparent, icc } = bridgeOptions(network.options)
    const gateway = bridgeGateway(network, mtu)
    const steps: Step[] = [
      {
        make: () => fabric.addDomain(domain, { transparent, icc }),
        takeBack: () => fabric.removeDomain(domain),
      },
    ]
    if (gateway === undefined) return steps
    if (hostPort !== undefined) {
      const port = fabricPort(network, gateway, domain, hostPort, patient)
      steps.push({ make: () => fabric.addPort(port), takeBack: () => fabric.removePort(port.port) })
    }
    steps.push({
      make: () =>
        fabric.setGateway(domain, hostPort === undefined ? gateway : { ...gateway, hostPort: hostPort.port }),
      takeBack: () => fabric.setGateway(domain, undefined),
    })
    return steps
  }

  /** Undefined where the machine has no end of the network: it would have the gateway's address. */
  #takeHostPort(network: NetworkRecord): SwitchPort | undefined {
    if (!bridgeOptions(network.options).host || bridgeGateway(network) === undefined) return undefined
    const name = network.options[BRIDGE_OPTION.name] ?? `tw-${shortId(network.id)}`
    return { port: this.#registry.takePort(), interface: name, network, endpoint: undefined }
  }
}

function fabricPort(
  { ipam, options }: NetworkRecord,
  { mac, mtu }: FabricGateway,
  domain: number,
  { port, interface: name }: SwitchPort,
  patient: boolean,
): FabricPort {
  const isolated6 = bridgeOptions(options).gatewayMode6 === 'isolated'
  return {
    port,
    domain,
    namespace: '',
    name,
    mac,
    mtu,
    offload: true,
    host: true,
    patient,
    addresses: ipam.pools.flatMap(({ family, gateway, subnet }) =>
      gateway === undefined || (family === 6 && isolated6)
        ? []
        : [`${gateway}${subnet.slice(subnet.indexOf('/'))}`],
    ),
  }
}

/** What was done is taken back where a later step fails. */
async function inOrder(steps: readonly Step[]): Promise<void> {
  const done: Step[] = []
  try {
    for (const step of steps) {
      await step.make()
      done.push(step)
    }
  } catch (error) {
    for (const step of done.toReversed()) await step.takeBack()
    throw error
  }
}
