import type { Fabric, Surroundings } from '../model/machine.ts'
import type { NetworkRecord } from '../model/records.ts'
import { BridgedDriver } from './bridged-driver.ts'
import type { SwitchRegistry } from './switch-registry.ts'
import { TunnelDomains } from './tunnel-domains.ts'
import type { TunnelPool } from './tunnel-pool.ts'

export interface TunnelledParts {
  readonly fabric: Fabric
  readonly surroundings: Surroundings
  readonly registry: SwitchRegistry
  readonly pool: TunnelPool
  readonly warn: (error: unknown, message: string) => void
}

/** What drivers have in common whose networks go on behind a tunnel: how a network comes and goes with it, and follows its MTU. */
export abstract class TunnelledDriver<Parts extends TunnelledParts = TunnelledParts> extends BridgedDriver {
  protected readonly parts: Parts
  protected readonly tunnels: TunnelDomains
  #mtuListener: (network: NetworkRecord) => void = () => undefined

  constructor(parts: Parts) {
    const { fabric, surroundings, registry, pool } = parts
    super(fabric, surroundings, registry)
    this.parts = parts
    this.tunnels = new TunnelDomains(fabric, registry, pool, {
      mtuChanged: (network) => this.mtuChanged(network),
      strangerSeen: (network, address) => this.strangerSeen(network, address),
    })
  }

  async createNetwork(network: NetworkRecord, { again = false } = {}): Promise<void> {
    await this.domains.add(network, again, this.mtuOf(network))
    try {
      await this.connect(network, again)
    } catch (error) {
      await this.domains.remove(network)
      throw error
    }
    this.endpoints.addNetwork(network)
  }

  async deleteNetwork(network: NetworkRecord): Promise<void> {
    await this.disconnect(network)
    try {
      await this.domains.remove(network)
    } catch (error) {
      await this.connect(network, true)
      throw error
    }
    this.endpoints.removeNetwork(network)
  }

  onMtu(listener: (network: NetworkRecord) => void): void {
    this.#mtuListener = listener
  }

  /** Lets the network, whose domain is there, go on. With `patient`, what is not there now is waited for. */
  protected abstract connect(network: NetworkRecord, patient: boolean): Promise<void>
  protected abstract disconnect(network: NetworkRecord): Promise<void>
  /** Bytes of IP packet, before anything is known of the ways. */
  protected abstract mtuBefore(network: NetworkRecord): number
  protected abstract mtuChanged(network: NetworkRecord): void
  /** A host that is no peer sends for the network. */
  protected abstract strangerSeen(network: NetworkRecord, address: string): void

  protected mtuOf(network: NetworkRecord): number {
    return this.tunnels.mtuOf(network.id) ?? this.mtuBefore(network)
  }

  /** The domain takes what its tunnel does. Nothing where the network does not go on. */
  protected async followMtu(network: NetworkRecord): Promise<void> {
    const mtu = this.tunnels.mtuOf(network.id)
    if (mtu === undefined) return
    await this.domains.setMtu(network, mtu)
    this.tellMtu(network)
  }

  protected tellMtu(network: NetworkRecord): void {
    this.#mtuListener(network)
  }
}
