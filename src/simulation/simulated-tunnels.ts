/** Tunnels without anybody at their other ends: what is sent by them is gone. */

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

/** RFC 5737: of no machine. */
const LOCAL_IPV4 = '192.0.2.1'
/** RFC 3849. */
const LOCAL_IPV6 = '2001:db8::1'

export class SimulatedTunnels implements FabricTunnels {
  readonly #open = new Map<number, FabricTunnel>()
  readonly #overlays = new Map<number, FabricOverlay>()
  readonly #peers = new Map<number, FabricPeer>()
  /** By domain and MAC address. */
  readonly #remotes = new Map<string, FabricRemote>()

  async openTunnel(tunnel: FabricTunnel): Promise<FabricTunnelFacts> {
    this.#open.set(tunnel.port, tunnel)
    return { mtu: tunnelMtuDefault(tunnel.local) }
  }

  async closeTunnel(port: number): Promise<void> {
    this.#open.delete(port)
  }

  async setOverlay(domain: number, overlay: FabricOverlay | undefined): Promise<void> {
    if (overlay !== undefined) {
      this.#overlays.set(domain, overlay)
      return
    }
    for (const peer of this.#peers.values()) if (peer.domain === domain) await this.removePeer(peer.port)
    this.#overlays.delete(domain)
  }

  async addPeer(peer: FabricPeer): Promise<FabricPeerFacts> {
    this.#peers.set(peer.port, peer)
    return { mtu: tunnelMtuDefault(peer.address) }
  }

  async removePeer(port: number): Promise<void> {
    this.#peers.delete(port)
    for (const [key, remote] of this.#remotes) if (remote.port === port) this.#remotes.delete(key)
  }

  async setRemote(domain: number, mac: string, remote: FabricRemote | undefined): Promise<void> {
    if (remote === undefined) this.#remotes.delete(`${domain} ${mac}`)
    else this.#remotes.set(`${domain} ${mac}`, remote)
  }

  async peers(): Promise<readonly FabricPeerState[]> {
    return [...this.#peers.values()].map((peer) => ({
      ...peer,
      mtu: tunnelMtuDefault(peer.address),
      stations: [...this.#remotes.values()].filter(({ port }) => port === peer.port).length,
    }))
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
