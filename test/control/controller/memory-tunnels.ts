import { ErrorCode, TapwireError } from '../../../src/control/errors.ts'
import type {
  FabricOverlay,
  FabricPeer,
  FabricPeerFacts,
  FabricPeerState,
  FabricRemote,
  FabricTunnel,
  FabricTunnelFacts,
  FabricTunnelNews,
  FabricTunnelState,
} from '../../../src/control/model/tunnels.ts'
import { tunnelMtuDefault } from '../../../src/control/rules/tunnel-mtu.ts'
import type { Step } from './memory-fabric.ts'

/** What of the switch tunnels are made of. */
export interface TunnelSwitch {
  readonly domains: ReadonlyMap<number, unknown>
  readonly ports: ReadonlyMap<number, unknown>
}

/** The tunnels of one daemon's switch. As strict as the data path is. */
export class MemoryTunnels {
  readonly open = new Map<number, FabricTunnel>()
  readonly overlays = new Map<number, FabricOverlay>()
  readonly peers = new Map<number, FabricPeer>()
  /** By domain and MAC address, with a blank between. */
  readonly remotes = new Map<string, FabricRemote>()
  /** What the ways to addresses of the underlay take, where they take something else than those by Ethernet. */
  readonly ways = new Map<string, number | undefined>()
  /** Addresses that the machine has not. */
  readonly foreign = new Set<string>()
  /** What `localAddressTo` answers. */
  local: string | undefined
  /** Seconds since the last frame of a peer, by address. */
  readonly idle = new Map<string, number>()
  readonly #step: Step
  readonly #switch: TunnelSwitch
  readonly #listeners = new Set<(news: FabricTunnelNews) => void>()

  constructor(step: Step, there: TunnelSwitch) {
    this.#step = step
    this.#switch = there
  }

  openTunnel(tunnel: FabricTunnel): Promise<FabricTunnelFacts> {
    return this.#step('openTunnel', () => {
      this.#refusePort(tunnel.port)
      const twin = [...this.open.values()].find(
        ({ local, udpPort }) => local === tunnel.local && udpPort === tunnel.udpPort,
      )
      if (twin !== undefined) throw new Error(`tunnel ${twin.port} has the address and port`)
      const isForeign = this.foreign.has(tunnel.local)
      if (isForeign && tunnel.patient !== true) {
        throw new TapwireError(ErrorCode.tunnelUnusable, `${tunnel.local}: Cannot assign requested address`)
      }
      this.open.set(tunnel.port, tunnel)
      return { mtu: isForeign ? undefined : tunnelMtuDefault(tunnel.local) }
    })
  }

  closeTunnel(port: number): Promise<void> {
    return this.#step('closeTunnel', () => {
      if ([...this.overlays.values()].some(({ tunnel }) => tunnel === port))
        throw new Error('domains go on behind it')
      if (!this.open.delete(port)) throw new Error(`there is no tunnel ${port}`)
    })
  }

  setOverlay(domain: number, overlay: FabricOverlay | undefined): Promise<void> {
    return this.#step('setOverlay', () => {
      if (!this.#switch.domains.has(domain)) throw new Error(`there is no domain ${domain}`)
      if (overlay === undefined) return this.#end(domain)
      if (!this.open.has(overlay.tunnel)) throw new Error(`there is no tunnel ${overlay.tunnel}`)
      for (const [other, { tunnel, vni }] of this.overlays) {
        if (other !== domain && tunnel === overlay.tunnel && vni === overlay.vni)
          throw new Error(`domain ${other} has the VNI`)
      }
      this.overlays.set(domain, overlay)
    })
  }

  addPeer(peer: FabricPeer): Promise<FabricPeerFacts> {
    return this.#step('addPeer', () => {
      this.#refusePort(peer.port)
      if (!this.overlays.has(peer.domain)) throw new Error(`domain ${peer.domain} goes on nowhere`)
      for (const { domain, address } of this.peers.values()) {
        if (domain === peer.domain && address === peer.address)
          throw new Error(`${address} is a peer already`)
      }
      this.peers.set(peer.port, peer)
      return { mtu: this.#wayTo(peer.address) }
    })
  }

  removePeer(port: number): Promise<void> {
    return this.#step('removePeer', () => {
      if (!this.peers.has(port)) throw new Error(`there is no peer ${port}`)
      this.#removePeer(port)
    })
  }

  setRemote(domain: number, mac: string, remote: FabricRemote | undefined): Promise<void> {
    return this.#step('setRemote', () => {
      const key = `${domain} ${mac}`
      if (remote === undefined) {
        this.remotes.delete(key)
        return
      }
      if (this.peers.get(remote.port)?.domain !== domain)
        throw new Error(`domain ${domain} has no peer ${remote.port}`)
      this.remotes.set(key, remote)
    })
  }

  async list(): Promise<readonly FabricPeerState[]> {
    return [...this.peers.values()].map((peer) => ({
      ...peer,
      mtu: this.#wayTo(peer.address) ?? tunnelMtuDefault(peer.address),
      idleS: this.idle.get(peer.address) ?? 0,
      stations: [...this.remotes.values()].filter(({ port }) => port === peer.port).length,
    }))
  }

  tunnels(): readonly FabricTunnelState[] {
    return [...this.open.values()].map(({ port, local, udpPort }) => ({
      port,
      local,
      udpPort,
      problem: this.foreign.has(local) ? `${local}: Cannot assign requested address` : '',
    }))
  }

  onTunnel(listener: (news: FabricTunnelNews) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The machine says something. */
  tell(news: FabricTunnelNews): void {
    for (const listener of this.#listeners) listener(news)
  }

  /** The way to a peer changes. */
  changeWay(address: string, mtu: number | undefined): void {
    this.ways.set(address, mtu)
    const domains = new Set(
      [...this.peers.values()].filter((peer) => peer.address === address).map(({ domain }) => domain),
    )
    for (const tunnel of new Set([...domains].map((domain) => this.overlays.get(domain)!.tunnel)))
      this.tell({ kind: 'mtu', tunnel, address, mtu })
  }

  #wayTo(address: string): number | undefined {
    return this.ways.has(address) ? this.ways.get(address) : tunnelMtuDefault(address)
  }

  #end(domain: number): void {
    for (const { port, domain: of } of this.peers.values()) if (of === domain) this.#removePeer(port)
    this.overlays.delete(domain)
  }

  #removePeer(port: number): void {
    this.peers.delete(port)
    for (const [key, remote] of this.remotes) if (remote.port === port) this.remotes.delete(key)
  }

  #refusePort(port: number): void {
    if (this.open.has(port) || this.peers.has(port) || this.#switch.ports.has(port))
      throw new Error(`port ${port} is there already`)
  }
}
