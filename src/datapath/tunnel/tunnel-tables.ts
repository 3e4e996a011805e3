/**
 * What the path asks of tunnels, overlays and peers on each frame: typed arrays by the number of the port or the domain, and tables by
 * what a datagram says of itself.
 *
 *     datagram at a tunnel's port     (tunnel, VNI) ─► domain          (domain, its source) ─► peer
 *     frame to a peer's port          port ─► domain ─► tunnel, VNI
 */

import { DOMAINS_MAX, MTU_MAX, PEER_MTU_MIN, PORTS_MAX, TUNNELS_MAX } from '../../limits.ts'
import { TupleTable } from '../../tables/tuple-table.ts'
import type { OverlaySettings, PeerSettings, TunnelSettings } from './tunnel-settings.ts'

export const NO_TUNNEL = -1
/** The third word of an IPv4 address as 16 bytes; the two before are 0 (RFC 4291, 2.5.5.2). */
export const MAPPED = 0xffff
/** `dscp` of a tunnel whose outer headers have that of the inner ones. */
export const INHERITED = -1

const ADDRESS_SIZE = 16
const NETWORK_IDENTIFIER_MAX = 0xff_ffff
const UDP_PORT_MAX = 65_535
const DSCP_MAX = 63

export class TunnelTables {
  /** By port: 1 where it is a tunnel's. */
  readonly isTunnel = new Uint8Array(PORTS_MAX)
  /** By port, of tunnels: sockets that it is sent from, and the DSCP of outer headers. */
  readonly sources = new Uint8Array(PORTS_MAX)
  readonly dscp = new Int8Array(PORTS_MAX)
  /** By domain: the tunnel's port, or NO_TUNNEL. The others below are of those that have one. */
  readonly tunnel = new Int32Array(DOMAINS_MAX).fill(NO_TUNNEL)
  readonly networkIdentifier = new Int32Array(DOMAINS_MAX)
  readonly suppressesArp = new Uint8Array(DOMAINS_MAX)
  readonly learns = new Uint8Array(DOMAINS_MAX)
  /** By domain: 1 where the router has an address of its own in the tunnel, and that address. */
  readonly hasRouter = new Uint8Array(DOMAINS_MAX)
  readonly routerHigh = new Int32Array(DOMAINS_MAX)
  readonly routerLow = new Int32Array(DOMAINS_MAX)
  /** By port, of peers: bytes of an inner IP packet, and the second of its last frame; 0: none so far. */
  readonly mtu: Int32Array
  readonly heardS = new Int32Array(PORTS_MAX)
  /** (tunnel, network identifier) -> domain. */
  readonly networks: TupleTable
  /** (domain, address) -> port. */
  readonly peers: TupleTable
  /** (address, UDP port) of all tunnel endpoints, ours and the peers' -> how many times. */
  readonly endpoints: TupleTable
  /** By UDP port: how many tunnels have it. */
  readonly udpPorts = new Uint8Array(UDP_PORT_MAX + 1)
  /** How many tunnels there are. */
  count = 0
  private readonly tunnelSettings = new Map<number, TunnelSettings>()
  private readonly peerSettings = new Map<number, PeerSettings & { readonly udpPort: number }>()

  /** `mtu`: PortTable.peerMtu. */
  constructor(seed: number, mtu: Int32Array) {
    this.mtu = mtu
    this.networks = new TupleTable(DOMAINS_MAX, seed)
    this.peers = new TupleTable(PORTS_MAX, seed)
    this.endpoints = new TupleTable(PORTS_MAX + TUNNELS_MAX, seed)
  }

  /** The ports of all peers. */
  get peerPorts(): readonly number[] {
    return [...this.peerSettings.keys()]
  }

  peer(port: number): PeerSettings | undefined {
    return this.peerSettings.get(port)
  }

  tunnelOf(port: number): TunnelSettings | undefined {
    return this.tunnelSettings.get(port)
  }

  addTunnel(port: number, settings: TunnelSettings): void {
    const { local, udpPort, sources, dscp } = settings
    requireRange('port', port, 0, PORTS_MAX - 1)
    requireRange('UDP port', udpPort, 1, UDP_PORT_MAX)
    requireRange('number of sources', sources, 1, 255)
    requireRange('DSCP', dscp ?? 0, 0, DSCP_MAX)
    requireAddress(local)
    if (this.isTunnel[port] === 1) throw new Error(`tunnel ${port} exists already`)
    if (this.count === TUNNELS_MAX) throw new RangeError(`there are ${TUNNELS_MAX} tunnels already`)
    this.tunnelSettings.set(port, { ...settings, local: local.slice() })
    this.isTunnel[port] = 1
    this.sources[port] = sources
    this.dscp[port] = dscp ?? INHERITED
    this.udpPorts[udpPort]!++
    this.countEndpoint(local, udpPort, 1)
    this.count++
  }

  /** No overlay may go on behind it any more. */
  removeTunnel(port: number): void {
    const settings = this.tunnelSettings.get(port)
    if (settings === undefined) return
    if (this.tunnel.includes(port)) throw new Error(`a network goes on behind tunnel ${port}`)
    this.tunnelSettings.delete(port)
    this.isTunnel[port] = 0
    this.udpPorts[settings.udpPort]!--
    this.countEndpoint(settings.local, settings.udpPort, -1)
    this.count--
  }

  setOverlay(domain: number, settings: OverlaySettings | undefined): void {
    const before = this.tunnel[domain]!
    if (settings === undefined) {
      if (before === NO_TUNNEL) return
      this.requireNoPeers(domain)
      this.networks.remove(before, this.networkIdentifier[domain]!, 0, 0, 0)
      this.tunnel[domain] = NO_TUNNEL
      this.hasRouter[domain] = 0
      this.suppressesArp[domain] = 0
      return
    }
    const { tunnel, networkIdentifier, routerMac } = settings
    requireRange('network identifier', networkIdentifier, 0, NETWORK_IDENTIFIER_MAX)
    if (this.isTunnel[tunnel] !== 1) throw new Error(`tunnel ${tunnel} does not exist`)
    if (before !== NO_TUNNEL && before !== tunnel) this.requireNoPeers(domain)
    const slot = this.networks.find(tunnel, networkIdentifier, 0, 0, 0)
    if (slot >= 0 && this.networks.value(slot) !== domain) {
      throw new Error(`another network has network identifier ${networkIdentifier}`)
    }
    if (before !== NO_TUNNEL) this.networks.remove(before, this.networkIdentifier[domain]!, 0, 0, 0)
    this.networks.set(tunnel, networkIdentifier, 0, 0, 0, domain)
    this.tunnel[domain] = tunnel
    this.networkIdentifier[domain] = networkIdentifier
    this.suppressesArp[domain] = settings.suppressesArp ? 1 : 0
    this.learns[domain] = settings.learns ? 1 : 0
    this.hasRouter[domain] = routerMac === undefined ? 0 : 1
    this.routerHigh[domain] = routerMac?.high ?? 0
    this.routerLow[domain] = routerMac?.low ?? 0
  }

  addPeer(port: number, settings: PeerSettings): void {
    const { domain, address, mtu } = settings
    requireAddress(address)
    requireRange('MTU', mtu, PEER_MTU_MIN, MTU_MAX)
    const tunnel = this.tunnelSettings.get(this.tunnel[domain] ?? NO_TUNNEL)
    if (tunnel === undefined) throw new Error(`domain ${domain} does not go on behind a tunnel`)
    const [a, b, c, d] = wordsOf(address)
    if (this.peers.find(domain, a, b, c, d) >= 0) throw new Error(`the peer is there already`)
    this.peerSettings.set(port, { ...settings, address: address.slice(), udpPort: tunnel.udpPort })
    this.peers.set(domain, a, b, c, d, port)
    this.mtu[port] = mtu
    this.heardS[port] = 0
    this.countEndpoint(address, tunnel.udpPort, 1)
  }

  setMtu(port: number, mtu: number): void {
    if (!this.peerSettings.has(port)) throw new Error(`port ${port} is no peer`)
    requireRange('MTU', mtu, PEER_MTU_MIN, MTU_MAX)
    this.mtu[port] = mtu
  }

  removePeer(port: number): void {
    const settings = this.peerSettings.get(port)
    if (settings === undefined) return
    this.peerSettings.delete(port)
    const [a, b, c, d] = wordsOf(settings.address)
    this.peers.remove(settings.domain, a, b, c, d)
    this.countEndpoint(settings.address, settings.udpPort, -1)
  }

  /** Of a peer's tunnel. */
  udpPortOf(port: number): number {
    return this.peerSettings.get(port)!.udpPort
  }

  /** Whether UDP to this address and port is for a tunnel endpoint. */
  isEndpoint(a: number, b: number, c: number, d: number, udpPort: number): boolean {
    return this.udpPorts[udpPort] !== 0 && this.endpoints.find(a, b, c, d, udpPort) >= 0
  }

  /** Whether there is a tunnel endpoint at this address, by whatever port. */
  isHost(a: number, b: number, c: number, d: number): boolean {
    for (const { udpPort } of this.tunnelSettings.values())
      if (this.isEndpoint(a, b, c, d, udpPort)) return true
    return false
  }

  private countEndpoint(address: Uint8Array, udpPort: number, change: number): void {
    const [a, b, c, d] = wordsOf(address)
    const slot = this.endpoints.find(a, b, c, d, udpPort)
    const count = (slot < 0 ? 0 : this.endpoints.value(slot)) + change
    if (count === 0) this.endpoints.remove(a, b, c, d, udpPort)
    else this.endpoints.set(a, b, c, d, udpPort, count)
  }

  private requireNoPeers(domain: number): void {
    for (const settings of this.peerSettings.values()) {
      if (settings.domain === domain) throw new Error(`domain ${domain} still has peers`)
    }
  }
}

/** An address of the underlay as four words. */
export function wordsOf(address: Uint8Array): readonly [number, number, number, number] {
  const view = new DataView(address.buffer, address.byteOffset, address.byteLength)
  return [view.getInt32(0), view.getInt32(4), view.getInt32(8), view.getInt32(12)]
}

function requireAddress(address: Uint8Array): void {
  if (address.length !== ADDRESS_SIZE)
    throw new RangeError(`an address has ${ADDRESS_SIZE} bytes, not ${address.length}`)
}

function requireRange(name: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return
  throw new RangeError(`the ${name} is ${value}; it must be an integer from ${min} to ${max}`)
}
