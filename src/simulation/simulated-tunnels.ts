/** Tunnels without anybody at their other ends: what is sent by them is gone. */

import {
  fabricPeer,
  overlaySettings,
  remoteSettings,
  tunnelSettings,
} from '../control/fabric/tunnel-translation.ts'
import { underlayBytes } from '../control/fabric/underlay-address.ts'
import type {
  FabricOverlay,
  FabricPeer,
  FabricPeerFacts,
  FabricPeerState,
  FabricRemote,
  FabricTunnel,
  FabricTunnelFacts,
  FabricTunnelState,
  FabricTunnels,
} from '../control/model/tunnels.ts'
import { tunnelMtuDefault } from '../control/rules/tunnel-mtu.ts'
import { parseMac } from '../wire/address.ts'
import type { SimulatedDatapath } from './simulated-datapath.ts'

/** RFC 5737 and RFC 3849: of no machine. */
const LOCAL_IPV4 = '192.0.2.1'
const LOCAL_IPV6 = '2001:db8::1'

export class SimulatedTunnels implements FabricTunnels {
  readonly #datapath: SimulatedDatapath
  readonly #open = new Map<number, FabricTunnel>()
  readonly #peers = new Map<number, FabricPeer>()

  constructor(datapath: SimulatedDatapath) {
    this.#datapath = datapath
  }

  async openTunnel(tunnel: FabricTunnel): Promise<FabricTunnelFacts> {
    this.#datapath.engine.addTunnel(tunnel.port, tunnelSettings(tunnel))
    this.#open.set(tunnel.port, tunnel)
    return { mtu: tunnelMtuDefault(tunnel.local) }
  }

  async closeTunnel(port: number): Promise<void> {
    this.#datapath.engine.removeTunnel(port)
    this.#open.delete(port)
  }

  async setOverlay(domain: number, overlay: FabricOverlay | undefined): Promise<void> {
    if (overlay === undefined) {
      for (const peer of this.#peers.values()) if (peer.domain === domain) await this.removePeer(peer.port)
    }
    this.#datapath.engine.setOverlay(domain, overlay && overlaySettings(overlay))
  }

  async addPeer(peer: FabricPeer): Promise<FabricPeerFacts> {
    const mtu = tunnelMtuDefault(peer.address)
    const { port, domain, address } = peer
    this.#datapath.engine.addPeer(port, { domain, address: underlayBytes(address), mtu })
    this.#peers.set(port, peer)
    return { mtu }
  }

  async removePeer(port: number): Promise<void> {
    this.#datapath.engine.removePeer(port)
    this.#peers.delete(port)
  }

  async setRemote(domain: number, mac: string, remote: FabricRemote | undefined): Promise<void> {
    this.#datapath.engine.setRemote(domain, parseMac(mac)!, remote && remoteSettings(remote))
  }

  async peers(): Promise<readonly FabricPeerState[]> {
    const { engine, nowS } = this.#datapath
    return engine.peers(nowS).map(fabricPeer)
  }

  peerPorts(): Iterable<number> {
    return this.#peers.keys()
  }

  tunnels(): readonly FabricTunnelState[] {
    return [...this.#open.values()].map(({ port, local, udpPort }) => ({ port, local, udpPort, problem: '' }))
  }

  async localAddressTo(remote: string): Promise<string | undefined> {
    return remote.includes(':') ? LOCAL_IPV6 : LOCAL_IPV4
  }

  /** Nothing ever changes. */
  onTunnel(): () => void {
    return () => undefined
  }
}
