/** What the control plane asks of the machine for networks that go on behind a tunnel, and what the machine tells of it. */

/** Part of the Fabric. Every call either has its full effect, or throws and has none. */
export interface FabricTunnels {
  /** Opens the tunnel's sockets. Throws TUNNEL_UNUSABLE: the address is not the machine's, or the port is taken. */
  openTunnel(tunnel: FabricTunnel): Promise<void>
  /** No domain goes on behind it any more. */
  closeTunnel(port: number): Promise<void>
  /** Lets a domain go on behind a tunnel, changes how, or (undefined) ends it, when its peers are removed. */
  setOverlay(domain: number, overlay: FabricOverlay | undefined): Promise<void>
  addPeer(peer: FabricPeer): Promise<void>
  /** With the stations behind it. */
  removePeer(port: number): Promise<void>
  /** Where a station is from here on; undefined: nowhere. `mac` is lower case with colons. */
  setRemote(domain: number, mac: string, remote: FabricRemote | undefined): Promise<void>
  /** All peers, as they are now. */
  peers(): Promise<readonly FabricPeerState[]>
  /** The function returned ends it. */
  onTunnel(listener: (news: FabricTunnelNews) => void): () => void
}

export interface FabricTunnel {
  /** A number of the switch's ports. */
  readonly port: number
  readonly local: string
  readonly udpPort: number
  /** Hop limit of outer headers. */
  readonly ttl: number
  /** 0 to 63, or `inherit`. */
  readonly dscp: number | 'inherit'
}

export interface FabricOverlay {
  readonly tunnel: number
  readonly vni: number
  readonly floods: boolean
  readonly learns: boolean
  readonly suppressesArp: boolean
  readonly routerMac?: string | undefined
}

export interface FabricPeer {
  readonly port: number
  readonly domain: number
  readonly address: string
}

export interface FabricRemote {
  /** The peer's. */
  readonly port: number
  readonly addresses: readonly string[]
  readonly routerMac?: string | undefined
}

export interface FabricPeerState {
  readonly port: number
  readonly domain: number
  readonly address: string
  /** Bytes of an inner IP packet; what the route to the peer takes, less the outer headers. */
  readonly mtu: number
  /** Seconds since its last frame; undefined before the first. */
  readonly idleS?: number | undefined
  /** Stations that the switch knows behind it. */
  readonly stations: number
}

export type FabricTunnelNews =
  /** The way to a peer takes other packets than before; undefined: there is none. */
  | {
      readonly kind: 'mtu'
      readonly tunnel: number
      readonly address: string
      readonly mtu: number | undefined
    }
  /** Somebody sends for the domain who is no peer of it: told once in a while. */
  | { readonly kind: 'stranger'; readonly domain: number; readonly address: string }
