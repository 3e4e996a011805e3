/** What the control plane asks of the machine for networks that go on behind a tunnel, and what the machine tells of it. */

/** Part of the Fabric. Every call either has its full effect, or throws and has none. */
export interface FabricTunnels {
  /**
   * Opens the tunnel's sockets. Throws TUNNEL_UNUSABLE: the address is not the machine's, or the port is taken. A patient one is opened as
   * soon as that can be done; so is one whose sockets are lost.
   */
  openTunnel(tunnel: FabricTunnel): Promise<FabricTunnelFacts>
  /** No domain goes on behind it any more. */
  closeTunnel(port: number): Promise<void>
  /** Lets a domain go on behind a tunnel, changes how, or (undefined) ends it, when its peers are removed. */
  setOverlay(domain: number, overlay: FabricOverlay | undefined): Promise<void>
  addPeer(peer: FabricPeer): Promise<FabricPeerFacts>
  /** With the stations behind it. */
  removePeer(port: number): Promise<void>
  /** Where a station is from here on; undefined: nowhere. `mac` is lower case with colons. */
  setRemote(domain: number, mac: string, remote: FabricRemote | undefined): Promise<void>
  /** All peers, as they are now. */
  peers(): Promise<readonly FabricPeerState[]>
  /** All tunnels, as they are now. */
  tunnels(): readonly FabricTunnelState[]
  /** The address that packets for `remote` would have for their source; undefined where there is no route. */
  localAddressTo(remote: string): Promise<string | undefined>
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
  /** Where it cannot be opened now, that is tried again until it can. */
  readonly patient?: boolean | undefined
}

export interface FabricTunnelFacts {
  /** Bytes of an inner IP packet that the interface takes which has the local address; undefined while none has it. */
  readonly mtu: number | undefined
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

export interface FabricPeerFacts {
  /** Bytes of an inner IP packet that the route to it takes; undefined while there is none. */
  readonly mtu: number | undefined
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

export interface FabricTunnelState {
  readonly port: number
  readonly local: string
  readonly udpPort: number
  /** Why nothing passes; empty where it does. */
  readonly problem: string
}

export type FabricTunnelNews =
  /**
   * The way to a peer (or, where the address is empty, the interface that the tunnel goes by) takes other packets than before; undefined:
   * there is none.
   */
  | {
      readonly kind: 'mtu'
      readonly tunnel: number
      readonly address: string
      readonly mtu: number | undefined
    }
  /** Somebody sends for the domain who is no peer of it: told once in a while. */
  | { readonly kind: 'stranger'; readonly domain: number; readonly address: string }
