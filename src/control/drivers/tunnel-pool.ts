/**
 * The tunnels that networks go on behind: one for each address and UDP port, opened for the first network and closed with the last.
 * A network is told apart from the others behind the same tunnel by its VNI.
 */

import { KeyedLock } from '../controller/keyed-lock.ts'
import { ErrorCode, TapwireError } from '../errors.ts'
import { normalAddress } from '../ip-address.ts'
import type { Fabric } from '../model/machine.ts'
import type { NetworkRecord } from '../model/records.ts'
import type { FabricTunnel } from '../model/tunnels.ts'
import type { SwitchRegistry } from './switch-registry.ts'

export type TunnelWish = Omit<FabricTunnel, 'port' | 'patient'>

export interface OpenTunnel {
  readonly wish: TunnelWish
  readonly port: number
  /** By VNI. */
  readonly networks: Map<number, NetworkRecord>
  /** Bytes of an inner IP packet that its interface takes; undefined while there is none. */
  mtu: number | undefined
}

export class TunnelPool {
  readonly #fabric: Fabric
  readonly #registry: SwitchRegistry
  readonly #lock = new KeyedLock()
  readonly #open = new Map<string, OpenTunnel>()

  constructor(fabric: Fabric, registry: SwitchRegistry) {
    this.#fabric = fabric
    this.#registry = registry
    fabric.onTunnel((news) => {
      if (news.kind !== 'mtu' || news.address !== '') return
      const tunnel = this.find(news.tunnel)
      if (tunnel !== undefined) tunnel.mtu = news.mtu
    })
  }

  /** Throws TUNNEL_UNUSABLE, VNI_IN_USE, LIMIT_REACHED. A patient one that cannot be opened now is waited for. */
  take(wish: TunnelWish, network: NetworkRecord, vni: number, patient: boolean): Promise<OpenTunnel> {
    const key = keyOf(wish)
    return this.#lock.run(key, async () => {
      const tunnel = this.#open.get(key) ?? (await this.#openOne(wish, patient))
      refuse(tunnel, wish, vni, network)
      this.#open.set(key, tunnel)
      tunnel.networks.set(vni, network)
      return tunnel
    })
  }

  /** Where it cannot be closed, all is as before. */
  giveBack(tunnel: OpenTunnel, vni: number): Promise<void> {
    const key = keyOf(tunnel.wish)
    return this.#lock.run(key, async () => {
      const isLast = tunnel.networks.size === 1
      if (isLast) {
        await this.#fabric.closeTunnel(tunnel.port)
        this.#registry.giveBackPort(tunnel.port)
        this.#open.delete(key)
      }
      tunnel.networks.delete(vni)
    })
  }

  find(port: number): OpenTunnel | undefined {
    return [...this.#open.values()].find((tunnel) => tunnel.port === port)
  }

  async #openOne(wish: TunnelWish, patient: boolean): Promise<OpenTunnel> {
    const port = this.#registry.takePort()
    try {
      const { mtu } = await this.#fabric.openTunnel({ ...wish, port, patient })
      return { wish, port, networks: new Map(), mtu }
    } catch (error) {
      this.#registry.giveBackPort(port)
      throw error
    }
  }
}

/** An address may be written in several ways. */
export function keyOf({ local, udpPort }: Pick<TunnelWish, 'local' | 'udpPort'>): string {
  return `${normalAddress(local)} ${udpPort}`
}

function refuse(
  { wish, networks }: OpenTunnel,
  other: TunnelWish,
  vni: number,
  network: NetworkRecord,
): void {
  const owner = networks.get(vni)
  if (owner !== undefined && owner.id !== network.id) {
    throw new TapwireError(
      ErrorCode.vniInUse,
      `network ${owner.name} has the VNI ${vni} at ${wish.local}, UDP port ${wish.udpPort}, already`,
      { hint: 'Choose another one with -o vni=, or another UDP port with -o port=.' },
    )
  }
  if (networks.size === 0 || (wish.ttl === other.ttl && wish.dscp === other.dscp)) return
  const [first] = networks.values()
  throw new TapwireError(
    ErrorCode.tunnelUnusable,
    `network ${first!.name} sends from ${wish.local}, UDP port ${wish.udpPort}, with the TTL ${wish.ttl} and the DSCP ${wish.dscp}`,
    { hint: 'Networks behind one address and UDP port have the same: choose another port with -o port=.' },
  )
}
