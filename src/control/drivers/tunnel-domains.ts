/**
 * The domains of networks that go on behind a tunnel: their tunnel, their peers, which are ports of the switch, and the stations behind these.
 *
 *     domain ─► tunnel (local address, UDP port), by VNI ─► peers ─► remote stations
 *
 * Every call has its full effect, or rejects and has none; those for one network run one after the other.
 */

import { MTU_MAX, MTU_MIN } from '../../limits.ts'
import { KeyedLock } from '../controller/keyed-lock.ts'
import { attempt, type Undo } from '../controller/undo.ts'
import { normalAddress } from '../ip-address.ts'
import type { Fabric } from '../model/machine.ts'
import type { NetworkRecord } from '../model/records.ts'
import type { FabricOverlay, FabricTunnelNews } from '../model/tunnels.ts'
import { IPV6_MTU_MIN, tunnelMtuDefault } from '../rules/tunnel-mtu.ts'
import type { TunnelStatus } from './driver.ts'
import type { SwitchPeer, SwitchPort, SwitchRegistry } from './switch-registry.ts'
import type { OpenTunnel, TunnelPool, TunnelWish } from './tunnel-pool.ts'

/** What the port of a peer is called, and named by in captures. */
const interfaceOf = (address: string): string => `peer:${address}`

/** How a network goes on. */
export interface TunnelPlan {
  readonly tunnel: TunnelWish
  readonly overlay: Omit<FabricOverlay, 'tunnel'>
  /** Bytes of IP packet, where the user has said so; undefined: what the ways to all peers take. */
  readonly mtu: number | undefined
}

/** A station behind a peer. */
export interface RemoteStation {
  /** Address of the peer. */
  readonly peer: string
  readonly addresses: readonly string[]
  readonly routerMac?: string | undefined
}

interface Peer {
  readonly entry: SwitchPort
  /** Undefined while there is no way. */
  mtu: number | undefined
  /** Counted as they come and go: there are thousands of stations, and every sandbox that starts asks for its network's status. */
  stations: number
}

interface TunnelDomain {
  readonly network: NetworkRecord
  readonly domain: number
  readonly plan: TunnelPlan
  readonly tunnel: OpenTunnel
  /** By address, in its normal form. */
  readonly peers: Map<string, Peer>
  /** By MAC address. */
  readonly remotes: Map<string, RemoteStation>
  /** As it was told last. */
  mtu: number
}

export interface TunnelListener {
  /** Other packets pass on the network than before. */
  mtuChanged?(network: NetworkRecord, mtu: number): void
  /** A tunnel endpoint sends for the network that is no peer of it. */
  strangerSeen?(network: NetworkRecord, address: string): void
}

export class TunnelDomains {
  readonly #fabric: Fabric
  readonly #registry: SwitchRegistry
  readonly #pool: TunnelPool
  readonly #lock = new KeyedLock()
  /** By network. */
  readonly #domains = new Map<string, TunnelDomain>()
  readonly #listener: TunnelListener

  /** The pool is that of all drivers: they share tunnels. */
  constructor(fabric: Fabric, registry: SwitchRegistry, pool: TunnelPool, listener: TunnelListener) {
    this.#fabric = fabric
    this.#registry = registry
    this.#pool = pool
    this.#listener = listener
    fabric.onTunnel((news) => this.#told(news))
  }

  /**
   * The network's domain, which the registry has, goes on behind a tunnel. With `patient` a tunnel that cannot be had now is waited for.
   * Throws TUNNEL_UNUSABLE, VNI_IN_USE, LIMIT_REACHED.
   */
  add(network: NetworkRecord, plan: TunnelPlan, { patient = false } = {}): Promise<void> {
    return this.#change(network.id, async (undo) => {
      const { vni } = plan.overlay
      const tunnel = await this.#pool.take(plan.tunnel, network, vni, patient)
      undo.add(() => this.#pool.giveBack(tunnel, vni))
      const domain = this.#registry.domainOf(network.id)!
      await this.#fabric.setOverlay(domain, { ...plan.overlay, tunnel: tunnel.port })
      const added = { network, domain, plan, tunnel, peers: new Map(), remotes: new Map(), mtu: 0 }
      added.mtu = mtuOf(added)
      this.#domains.set(network.id, added)
    })
  }

  /** With its peers and the stations behind them. There may be nothing. */
  remove(network: string): Promise<void> {
    return this.#change(network, async (undo) => {
      const removed = this.#domains.get(network)
      if (removed === undefined) return
      const { tunnel, plan } = removed
      await this.#fabric.setOverlay(removed.domain, undefined)
      undo.add(() => this.#restore(removed))
      await this.#pool.giveBack(tunnel, plan.overlay.vni)
      this.#domains.delete(network)
      for (const { entry } of removed.peers.values()) this.#registry.removePort(entry)
    })
  }

  /** Another way of going on: whether it floods, learns, or answers ARP. */
  setOverlay(network: string, overlay: Omit<FabricOverlay, 'tunnel' | 'vni'>): Promise<void> {
    return this.#change(network, async () => {
      const changed = this.#domains.get(network)!
      const plan = { ...changed.plan, overlay: { ...overlay, vni: changed.plan.overlay.vni } }
      await this.#fabric.setOverlay(changed.domain, { ...plan.overlay, tunnel: changed.tunnel.port })
      this.#domains.set(network, { ...changed, plan })
    })
  }

  /** One that is a peer already stays. `host`: what its host is called. Throws LIMIT_REACHED. */
  addPeer(network: string, address: string, host?: string): Promise<void> {
    return this.#change(network, async () => {
      const to = this.#domains.get(network)!
      const normal = normalAddress(address)
      const there = to.peers.get(normal)
      if (there !== undefined) return this.#rename(to, there, host)
      const port = this.#registry.takePort()
      try {
        const { mtu } = await this.#fabric.addPeer({ port, domain: to.domain, address: normal })
        const peer = { address: normal, host: host ?? normal }
        const entry = { port, interface: interfaceOf(normal), network: to.network, endpoint: undefined, peer }
        to.peers.set(normal, { entry, mtu, stations: 0 })
        this.#registry.setPort(entry)
      } catch (error) {
        this.#registry.giveBackPort(port)
        throw error
      }
      this.#follow(to)
    })
  }

  /** With the stations behind it. One that is no peer is no error. */
  removePeer(network: string, address: string): Promise<void> {
    return this.#change(network, async () => {
      const from = this.#domains.get(network)
      const normal = normalAddress(address)
      const peer = from?.peers.get(normal)
      if (from === undefined || peer === undefined) return
      await this.#fabric.removePeer(peer.entry.port)
      from.peers.delete(normal)
      this.#registry.removePort(peer.entry)
      for (const [mac, remote] of from.remotes) {
        if (normalAddress(remote.peer) === normal) from.remotes.delete(mac)
      }
      this.#follow(from)
    })
  }

  /** Where a station is from here on; undefined: nowhere. Its peer is one of the network. */
  setRemote(network: string, mac: string, remote: RemoteStation | undefined): Promise<void> {
    return this.#change(network, async () => {
      const domain = this.#domains.get(network)
      const before = domain?.remotes.get(mac)
      if (domain === undefined || (remote === undefined && before === undefined)) return
      await this.#setRemote(domain, mac, remote)
      if (before !== undefined) peerOf(domain, before).stations -= 1
      if (remote === undefined) domain.remotes.delete(mac)
      else {
        domain.remotes.set(mac, remote)
        peerOf(domain, remote).stations += 1
      }
    })
  }

  peersOf(network: string): readonly SwitchPeer[] {
    return [...(this.#domains.get(network)?.peers.values() ?? [])].map(({ entry }) => entry.peer!)
  }

  /** Undefined where the network does not go on. */
  statusOf(network: string): TunnelStatus | undefined {
    const domain = this.#domains.get(network)
    if (domain === undefined) return undefined
    const { tunnel, plan, mtu } = domain
    const state = this.#fabric.tunnels().find(({ port }) => port === tunnel.port)
    const { local, udpPort } = tunnel.wish
    return {
      vni: plan.overlay.vni,
      local,
      udpPort,
      mtu,
      problem: state?.problem ?? '',
      peers: [...domain.peers.values()].map(({ entry, stations }) => ({
        ...entry.peer!,
        endpoints: stations,
      })),
    }
  }

  isPeer(network: string, address: string): boolean {
    return this.#domains.get(network)?.peers.has(normalAddress(address)) ?? false
  }

  remotesOf(network: string): ReadonlyMap<string, RemoteStation> {
    return this.#domains.get(network)?.remotes ?? new Map<string, RemoteStation>()
  }

  /** Bytes of IP packet that the network takes. Undefined where there is no such network. */
  mtuOf(network: string): number | undefined {
    return this.#domains.get(network)?.mtu
  }

  planOf(network: string): TunnelPlan | undefined {
    return this.#domains.get(network)?.plan
  }

  /** The host that has the address is called something else now. */
  #rename({ peers }: TunnelDomain, peer: Peer, host: string | undefined): void {
    const { entry } = peer
    const { address } = entry.peer!
    if (host === undefined || host === entry.peer!.host) return
    const renamed = { ...entry, peer: { address, host } }
    peers.set(address, { ...peer, entry: renamed })
    this.#registry.setPort(renamed)
  }

  async #setRemote(to: TunnelDomain, mac: string, remote: RemoteStation | undefined): Promise<void> {
    if (remote === undefined) return this.#fabric.setRemote(to.domain, mac, undefined)
    const { port } = peerOf(to, remote).entry
    const { addresses, routerMac } = remote
    await this.#fabric.setRemote(to.domain, mac, { port, addresses, routerMac })
  }

  /** All of it as it was: the switch has forgotten it. */
  async #restore(was: TunnelDomain): Promise<void> {
    const { domain, plan, tunnel } = was
    await this.#fabric.setOverlay(domain, { ...plan.overlay, tunnel: tunnel.port })
    for (const [address, { entry }] of was.peers)
      await this.#fabric.addPeer({ port: entry.port, domain, address })
    for (const [mac, remote] of was.remotes) await this.#setRemote(was, mac, remote)
  }

  #told(news: FabricTunnelNews): void {
    for (const domain of this.#domains.values()) {
      if (news.kind === 'stranger') {
        if (domain.domain === news.domain) this.#listener.strangerSeen?.(domain.network, news.address)
      } else if (domain.tunnel.port === news.tunnel) {
        const peer = domain.peers.get(news.address)
        if (peer !== undefined) peer.mtu = news.mtu
        this.#follow(domain)
      }
    }
  }

  #follow(domain: TunnelDomain): void {
    const mtu = mtuOf(domain)
    if (mtu === domain.mtu) return
    domain.mtu = mtu
    this.#listener.mtuChanged?.(domain.network, mtu)
  }

  /** What it had done is taken back where it fails. */
  #change(network: string, change: (undo: Undo) => Promise<void>): Promise<void> {
    // What cannot be taken back is lost with the tunnel: the switch itself has refused it.
    return this.#lock.run(network, () => attempt(() => undefined, change))
  }
}

/** The one that a station is behind. */
const peerOf = ({ peers }: TunnelDomain, { peer }: RemoteStation): Peer => peers.get(normalAddress(peer))!

/**
 * The smallest of the ways to its peers; without any, what the tunnel's interface takes; without that, what it was, and at first what a tunnel
 * by Ethernet takes.
 */
function mtuOf({ network, plan, peers, tunnel, mtu }: TunnelDomain): number {
  if (plan.mtu !== undefined) return plan.mtu
  const toPeers = [...peers.values()].flatMap((way) => way.mtu ?? [])
  const ways = toPeers.length > 0 ? toPeers : [tunnel.mtu ?? (mtu || tunnelMtuDefault(plan.tunnel.local))]
  // What does not pass even so is fragmented, or refused with an ICMP error: an interface takes no less.
  const least = network.enableIPv6 ? IPV6_MTU_MIN : MTU_MIN
  return Math.max(least, Math.min(MTU_MAX, ...ways))
}
