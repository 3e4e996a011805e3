import type { OverlayNetworks, OverlayPeers } from '../api/overlay.ts'
import type { TunnelStatus } from '../drivers/driver.ts'
import type { SwitchRegistry } from '../drivers/switch-registry.ts'
import type { NetworkRecord } from '../model/records.ts'
import type { Context } from './context.ts'

const NOTHING = { frames: 0, bytes: 0 }

/** Sight of the networks that go on behind a tunnel. */
export class Overlays {
  readonly #context: Context
  readonly #registry: SwitchRegistry

  constructor(context: Context, registry: SwitchRegistry) {
    this.#context = context
    this.#registry = registry
  }

  networks(): OverlayNetworks {
    return {
      networks: this.#tunnelled().map(([{ name, driver }, { peers, ...status }]) => ({
        network: name,
        driver,
        ...status,
        peers: peers.length,
      })),
    }
  }

  /** Of all networks, or of one. Throws NETWORK_UNKNOWN. */
  async peers(network: string | undefined): Promise<OverlayPeers> {
    const { fabric } = this.#context.parts
    const wanted = network === undefined ? undefined : this.#context.findNetwork(network).id
    const states = await fabric.peers()
    const counters = new Map(fabric.stats().ports.map((port) => [port.port, port]))
    const tunnelled = this.#tunnelled().filter(([{ id }]) => wanted === undefined || id === wanted)
    return {
      peers: tunnelled.flatMap(([{ id, name }, { vni, peers }]) => {
        const domain = this.#registry.domainOf(id)
        return peers.flatMap(({ address, host, endpoints }) => {
          const state = states.find((one) => one.domain === domain && one.address === address)
          if (state === undefined) return []
          const { port, mtu, idleS, stations } = state
          const { received = NOTHING, transmitted = NOTHING, dropped = 0 } = counters.get(port) ?? {}
          const common = { network: name, vni, host, address, port, mtu, endpoints, stations }
          return [{ ...common, ...(idleS !== undefined && { idleS }), received, transmitted, dropped }]
        })
      }),
    }
  }

  #tunnelled(): readonly (readonly [NetworkRecord, TunnelStatus])[] {
    const { model, drivers } = this.#context
    return [...model.networks.values()].flatMap((network) => {
      const status = network.configOnly ? undefined : drivers.find(network.driver)?.tunnelOf?.(network)
      return status === undefined ? [] : [[network, status] as const]
    })
  }
}
