/**
 * Networks that all hosts of a cluster have in common: a bridge domain at each of them, behind a VXLAN tunnel (RFC 7348) to the others. Which
 * these are, and where stations are, the cluster says (control/cluster): nothing is learned from frames.
 *
 *     sandbox ─ TAP ─┐                                  ┌─ peer: another host of the network
 *                    ├─ bridge domain ─ tunnel, by VNI ─┤
 *     sandbox ─ TAP ─┘       └ router                   └─ peer
 */

import { KeyedLock } from '../controller/keyed-lock.ts'
import type { Fabric, Surroundings } from '../model/machine.ts'
import type { NetworkRecord } from '../model/records.ts'
import { bridgeOptions } from '../rules/bridge-options.ts'
import { overlayDriver as overlayRules } from '../rules/built-in-drivers.ts'
import { overlayOptions } from '../rules/overlay-options.ts'
import { tunnelMtuDefault } from '../rules/tunnel-mtu.ts'
import { BridgeDomains } from './bridge-domains.ts'
import { BridgeEndpoints } from './bridge-endpoints.ts'
import type {
  CreatedEndpoint,
  DriverEndpoint,
  EndpointPlace,
  JoinedPlace,
  NetworkDriver,
  TunnelStatus,
} from './driver.ts'
import type { OverlayPeers } from './overlay-peers.ts'
import type { SwitchRegistry } from './switch-registry.ts'
import { type RemoteStation, TunnelDomains } from './tunnel-domains.ts'
import type { TunnelPool } from './tunnel-pool.ts'

export interface OverlayParts {
  readonly fabric: Fabric
  readonly surroundings: Surroundings
  readonly registry: SwitchRegistry
  readonly pool: TunnelPool
  readonly warn: (error: unknown, message: string) => void
  /** Where this host's tunnel ends; undefined while it is in no cluster: its networks then end here. */
  ground(): OverlayGround | undefined
}

export interface OverlayGround {
  readonly local: string
  readonly udpPort: number
  /** Of this host's router towards the tunnel, for each network. */
  routerMac(network: string): string
}

/** As RFC 2003, 3.1 has it for tunnels of IP: as far as any packet goes. */
const TTL = 64

export class OverlayDriver implements NetworkDriver, OverlayPeers {
  readonly rules = overlayRules
  readonly connects = true
  readonly #parts: OverlayParts
  readonly #domains: BridgeDomains
  readonly #endpoints: BridgeEndpoints
  readonly #tunnels: TunnelDomains
  readonly #lock = new KeyedLock()
  #mtuListener: (network: NetworkRecord) => void = () => undefined
  #strangerListener: (network: NetworkRecord, address: string) => void = () => undefined

  constructor(parts: OverlayParts) {
    const { fabric, surroundings, registry, pool } = parts
    this.#parts = parts
    this.#domains = new BridgeDomains(fabric, registry)
    this.#endpoints = new BridgeEndpoints(fabric, surroundings, registry)
    this.#tunnels = new TunnelDomains(fabric, registry, pool, {
      mtuChanged: (network) => this.#mtuChanged(network),
      strangerSeen: (network, address) => this.#strangerListener(network, address),
    })
  }

  interfacePrefix(network: NetworkRecord): string {
    return bridgeOptions(network.options).interfacePrefix
  }

  /** That the tunnel's address is not there now keeps no network of the cluster from this host: it is waited for. */
  async createNetwork(network: NetworkRecord, { again = false } = {}): Promise<void> {
    await this.#domains.add(network, again, this.#mtuOf(network))
    try {
      await this.#connect(network)
    } catch (error) {
      await this.#domains.remove(network)
      throw error
    }
    this.#endpoints.addNetwork(network)
  }

  async deleteNetwork(network: NetworkRecord): Promise<void> {
    await this.#tunnels.remove(network.id)
    try {
      await this.#domains.remove(network)
    } catch (error) {
      await this.#connect(network)
      throw error
    }
    this.#endpoints.removeNetwork(network)
  }

  async createEndpoint(endpoint: DriverEndpoint): Promise<CreatedEndpoint> {
    return this.#endpoints.create(endpoint)
  }

  async deleteEndpoint(endpoint: DriverEndpoint): Promise<void> {
    this.#endpoints.delete(endpoint)
  }

  join(endpoint: DriverEndpoint, place: EndpointPlace): Promise<JoinedPlace> {
    return this.#endpoints.join(endpoint, place, this.#mtuOf(endpoint.network), { fixed: true })
  }

  leave(endpoint: DriverEndpoint): Promise<void> {
    return this.#endpoints.leave(endpoint)
  }

  announce(endpoint: DriverEndpoint, frame: Uint8Array): Promise<void> {
    return this.#endpoints.announce(endpoint, frame)
  }

  operationalInfo(endpoint: DriverEndpoint): Readonly<Record<string, string>> {
    return this.#endpoints.operationalInfo(endpoint)
  }

  tunnelOf(network: NetworkRecord): TunnelStatus {
    const status = this.#tunnels.statusOf(network.id)
    if (status !== undefined) return status
    const vni = overlayOptions(network.options).vni ?? 0
    const problem = 'this host is in no cluster'
    return { vni, local: '', udpPort: 0, mtu: this.#mtuOf(network), problem, peers: [] }
  }

  onMtu(listener: (network: NetworkRecord) => void): void {
    this.#mtuListener = listener
  }

  /** Calls back when somebody sends for a network who is no peer of it. */
  onStranger(listener: (network: NetworkRecord, address: string) => void): void {
    this.#strangerListener = listener
  }

  /** MAC address of an endpoint that is about to be made here. */
  chooseMac(endpoint: DriverEndpoint, isTaken: (mac: string) => boolean): string {
    return this.#endpoints.chooseMac(endpoint, isTaken)
  }

  addPeer(network: string, address: string, host: string): Promise<void> {
    return this.#tunnels.addPeer(network, address, host)
  }

  removePeer(network: string, address: string): Promise<void> {
    return this.#tunnels.removePeer(network, address)
  }

  setRemote(network: string, mac: string, station: RemoteStation | undefined): Promise<void> {
    return this.#tunnels.setRemote(network, mac, station)
  }

  remoteOf(network: string, mac: string): RemoteStation | undefined {
    return this.#tunnels.remotesOf(network).get(mac)
  }

  isOwnMac(network: string, mac: string): boolean {
    return this.#endpoints.hasMac(network, mac)
  }

  async #connect(network: NetworkRecord): Promise<void> {
    const ground = this.#parts.ground()
    const { vni, floods, mtu } = overlayOptions(network.options)
    if (ground === undefined || vni === undefined) return
    const { local, udpPort } = ground
    const plan = {
      tunnel: { local, udpPort, ttl: TTL, dscp: 'inherit' },
      overlay: { vni, floods, learns: false, suppressesArp: true, routerMac: ground.routerMac(network.id) },
      mtu,
    } as const
    await this.#tunnels.add(network, plan, { patient: true })
    await this.#domains.setMtu(network, this.#tunnels.mtuOf(network.id)!)
  }

  #mtuOf(network: NetworkRecord): number {
    const known = this.#tunnels.mtuOf(network.id) ?? overlayOptions(network.options).mtu
    return known ?? tunnelMtuDefault(this.#parts.ground()?.local ?? '')
  }

  #mtuChanged(network: NetworkRecord): void {
    void this.#lock.run(network.id, async () => {
      const mtu = this.#tunnels.mtuOf(network.id)
      if (mtu === undefined) return
      try {
        await this.#domains.setMtu(network, mtu)
        this.#mtuListener(network)
      } catch (error) {
        this.#parts.warn(error, `the MTU of network ${network.name} could not be changed`)
      }
    })
  }
}
