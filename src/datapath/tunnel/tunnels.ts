/** Tunnels, overlays, peers and what is behind them, as the control plane changes them. */

import { MTU_MAX } from '../../limits.ts'
import type { MacTable } from '../../tables/mac-table.ts'
import type { NeighbourTable } from '../../tables/neighbour-table.ts'
import type { MacAddress } from '../../wire/address.ts'
import type { Bridge } from '../bridge.ts'
import type { Counters } from '../counters.ts'
import type { Egress } from '../egress.ts'
import type { FrameMemory } from '../frame-memory.ts'
import type { Guard } from '../guard.ts'
import type { Impairments } from '../impairment/impairments.ts'
import type { InterfaceTable } from '../interface-table.ts'
import type { PortTable } from '../port-table.ts'
import { ArpSuppression } from './arp-suppression.ts'
import { Decapsulation } from './decapsulation.ts'
import { Encapsulation } from './encapsulation.ts'
import { PathMtu } from './path-mtu.ts'
import { RemoteStations } from './remote-stations.ts'
import { Strangers } from './strangers.ts'
import type {
  OverlaySettings,
  PeerSettings,
  PeerState,
  RemoteSettings,
  Stranger,
  TunnelSettings,
} from './tunnel-settings.ts'
import { TunnelTables } from './tunnel-tables.ts'

export interface TunnelsParts {
  readonly memory: FrameMemory
  readonly ports: PortTable
  readonly stations: MacTable
  readonly bridge: Bridge
  readonly guard: Guard
  readonly interfaces: InterfaceTable
  readonly neighbours: NeighbourTable
  readonly egress: Egress
  readonly counters: Counters
  readonly impairment: Impairments
  readonly seed: number
}

export class Tunnels {
  readonly tables: TunnelTables
  readonly remotes: RemoteStations
  readonly strangers = new Strangers()
  readonly pathMtu: PathMtu
  readonly encapsulation: Encapsulation
  readonly decapsulation: Decapsulation
  readonly suppression: ArpSuppression
  private readonly ports: PortTable
  private readonly stations: MacTable

  constructor(parts: TunnelsParts) {
    this.ports = parts.ports
    this.stations = parts.stations
    this.tables = new TunnelTables(parts.seed, parts.ports.peerMtu)
    this.remotes = new RemoteStations(parts)
    this.pathMtu = new PathMtu(parts)
    const { tables, remotes, strangers, pathMtu } = this
    this.encapsulation = new Encapsulation({ ...parts, tables, pathMtu })
    this.decapsulation = new Decapsulation({ ...parts, tables, strangers })
    this.suppression = new ArpSuppression({ ...parts, tables, remotes })
    parts.egress.tunnels = this.encapsulation
  }

  addTunnel(port: number, settings: TunnelSettings): void {
    this.tables.addTunnel(port, settings)
  }

  removeTunnel(port: number): void {
    this.tables.removeTunnel(port)
  }

  setOverlay(domain: number, settings: OverlaySettings | undefined): void {
    const { ports, stations, tables } = this
    if (ports.members(domain) === undefined) throw new Error(`domain ${domain} does not exist`)
    tables.setOverlay(domain, settings)
    ports.keepsFloods[domain] = settings === undefined || settings.floods ? 0 : 1
    for (const port of tables.peerPorts) {
      if (ports.domain[port] === domain) stations.closed[port] = settings?.learns === true ? 0 : 1
    }
  }

  removeDomain(domain: number): void {
    this.tables.setOverlay(domain, undefined)
    this.remotes.removeDomain(domain)
  }

  addPeer(port: number, settings: PeerSettings): void {
    const { domain } = settings
    this.tables.addPeer(port, settings)
    try {
      // What it sends may be longer than what the way to it takes.
      this.ports.addPort(port, { domain, mtu: MTU_MAX, plain: false, peer: true })
    } catch (error) {
      this.tables.removePeer(port)
      throw error
    }
    this.stations.closed[port] = this.tables.learns[domain] === 1 ? 0 : 1
  }

  /** Takes away what is known of it; the port itself is the caller's. */
  removePeer(port: number): void {
    const peer = this.tables.peer(port)
    if (peer === undefined) return
    this.remotes.removePeer(peer.domain, port)
    this.tables.removePeer(port)
    this.stations.closed[port] = 0
  }

  setPeerMtu(port: number, mtu: number): void {
    this.tables.setMtu(port, mtu)
  }

  setRemote(domain: number, mac: MacAddress, settings: RemoteSettings | undefined): void {
    this.remotes.set(domain, mac, settings)
  }

  takeStrangers(): readonly Stranger[] {
    return this.strangers.take()
  }

  peers(nowS: number): readonly PeerState[] {
    const { tables, stations } = this
    return tables.peerPorts.map((port) => {
      const { domain, address } = tables.peer(port)!
      const heardS = tables.heardS[port]!
      return {
        port,
        domain,
        address,
        mtu: tables.mtu[port]!,
        idleS: heardS === 0 ? undefined : nowS - heardS,
        stations: stations.stationsOf(port),
      }
    })
  }
}
