/**
 * Networks that all hosts of a cluster have in common: a bridge domain at each of them, behind a VXLAN tunnel (RFC 7348) to the others. Which
 * these are, and where stations are, the cluster says (control/cluster): nothing is learned from frames.
 *
 *     sandbox ─ TAP ─┐                                  ┌─ peer: another host of the network
 *                    ├─ bridge domain ─ tunnel, by VNI ─┤
 *     sandbox ─ TAP ─┘       └ router                   └─ peer
 */

import { KeyedLock } from '../controller/keyed-lock.ts'
import type { NetworkRecord } from '../model/records.ts'
import { overlayDriver as overlayRules } from '../rules/built-in-drivers.ts'
import { overlayOptions } from '../rules/overlay-options.ts'
import { tunnelMtuDefault } from '../rules/tunnel-mtu.ts'
import type { DriverEndpoint, EndpointPlace, JoinedPlace, NetworkDriver, TunnelStatus } from './driver.ts'
import type { OverlayPeers } from './overlay-peers.ts'
import type { RemoteStation } from './tunnel-domains.ts'
import { TunnelledDriver, type TunnelledParts } from './tunnelled-driver.ts'

export interface OverlayParts extends TunnelledParts {
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

export class OverlayDriver extends TunnelledDriver<OverlayParts> implements NetworkDriver, OverlayPeers {
  readonly rules = overlayRules
  readonly #lock = new KeyedLock()
  #strangerListener: (network: NetworkRecord, address: string) => void = () => undefined

  join(endpoint: DriverEndpoint, place: EndpointPlace): Promise<JoinedPlace> {
    return this.endpoints.join(endpoint, place, this.mtuOf(endpoint.network), { fixed: true })
  }

  tunnelOf(network: NetworkRecord): TunnelStatus {
    const status = this.tunnels.statusOf(network.id)
    if (status !== undefined) return status
    const vni = overlayOptions(network.options).vni ?? 0
    const problem = 'this host is in no cluster'
    return { vni, local: '', udpPort: 0, mtu: this.mtuOf(network), problem, peers: [] }
  }

  /** Calls back when somebody sends for a network who is no peer of it. */
  onStranger(listener: (network: NetworkRecord, address: string) => void): void {
    this.#strangerListener = listener
  }

  /** MAC address of an endpoint that is about to be made here. */
  chooseMac(endpoint: DriverEndpoint, isTaken: (mac: string) => boolean): string {
    return this.endpoints.chooseMac(endpoint, isTaken)
  }

  addPeer(network: string, address: string, host: string): Promise<void> {
    return this.tunnels.addPeer(network, address, host)
  }

  removePeer(network: string, address: string): Promise<void> {
    return this.tunnels.removePeer(network, address)
  }

  setRemote(network: string, mac: string, station: RemoteStation | undefined): Promise<void> {
    return this.tunnels.setRemote(network, mac, station)
  }

  remoteOf(network: string, mac: string): RemoteStation | undefined {
    return this.tunnels.remotesOf(network).get(mac)
  }

  isOwnMac(network: string, mac: string): boolean {
    return this.endpoints.hasMac(network, mac)
  }

  /** That the tunnel's address is not there now keeps no network of the cluster from this host: it is waited for. */
  protected override async connect(network: NetworkRecord): Promise<void> {
    const ground = this.parts.ground()
    const { vni, floods, mtu } = overlayOptions(network.options)
    if (ground === undefined || vni === undefined) return
    const { local, udpPort } = ground
    const plan = {
      tunnel: { local, udpPort, ttl: TTL, dscp: 'inherit' },
      overlay: { vni, floods, learns: false, suppressesArp: true, routerMac: ground.routerMac(network.id) },
      mtu,
    } as const
    await this.tunnels.add(network, plan, { patient: true })
    await this.domains.setMtu(network, this.tunnels.mtuOf(network.id)!)
  }

  protected override disconnect(network: NetworkRecord): Promise<void> {
    return this.tunnels.remove(network.id)
  }

  protected override mtuBefore(network: NetworkRecord): number {
    return overlayOptions(network.options).mtu ?? tunnelMtuDefault(this.parts.ground()?.local ?? '')
  }

  protected override mtuChanged(network: NetworkRecord): void {
    void this.#lock.run(network.id, async () => {
      try {
        await this.followMtu(network)
      } catch (error) {
        this.parts.warn(error, `the MTU of network ${network.name} could not be changed`)
      }
    })
  }

  protected override strangerSeen(network: NetworkRecord, address: string): void {
    this.#strangerListener(network, address)
  }
}
