/**
 * What the data path is told of tunnels (RFC 7348).
 *
 *     tunnel    a UDP socket of the machine's, by which VXLAN comes and goes: a port of the frame I/O, in no bridge domain
 *     overlay   that a bridge domain goes on behind a tunnel, and under which network identifier
 *     peer      another tunnel endpoint (VTEP) that has the network, too: a port of the domain, as a TAP is
 *     remote    a station behind a peer
 *
 * A peer is a port, so that the MAC table says of a remote station what it says of any other, counters and captures tell peers apart,
 * and head-end replication is a flood. What differs is where egress sends the frame.
 *
 * Addresses of the underlay are 16 bytes, those of IPv4 mapped into IPv6 (RFC 4291, 2.5.5.2).
 */

import type { MacAddress } from '../../wire/address.ts'

export interface TunnelSettings {
  /** The address of ours that VXLAN is sent from, and received at. */
  readonly local: Uint8Array
  /** Destination port of what is sent, and where it is received. */
  readonly udpPort: number
  /** Sockets that are sent from: how many source ports a hash chooses from. */
  readonly sources: number
  /** The DSCP of outer headers, or undefined: that of the inner one. ECN is carried over in any case (RFC 6040). */
  readonly dscp?: number | undefined
}

export interface OverlaySettings {
  /** The tunnel's port. */
  readonly tunnel: number
  /** VNI: 0 to 16,777,215; one of a tunnel's networks has it. */
  readonly networkIdentifier: number
  /** Frames for everybody, and for stations that nobody knows, go to each peer (head-end replication). */
  readonly floods: boolean
  /** Stations behind peers are learned from their frames; otherwise only what `setRemote` has said is known. */
  readonly learns: boolean
  /** ARP requests for stations that are known are answered here. */
  readonly suppressesArp: boolean
  /**
   * The router's address towards the tunnel, unlike that of any other host: the gateway's own is the same on all hosts. On the way into the
   * tunnel it stands in the place of the gateway's, and on the way out the gateway's in its place. Undefined: frames of the router do not
   * leave by the tunnel.
   */
  readonly routerMac?: MacAddress | undefined
}

export interface PeerSettings {
  readonly domain: number
  /** Of its tunnel endpoint. */
  readonly address: Uint8Array
  /** Bytes of an inner IP packet that the way to it takes: from PEER_MTU_MIN on. */
  readonly mtu: number
}

/** A station behind a peer. */
export interface RemoteSettings {
  /** The peer's port. */
  readonly port: number
  /** Its IPv4 addresses, int32, for ARP. */
  readonly ipv4: readonly number[]
  /** What the router of this host sends packets for these addresses to: the router of the station's host. Undefined: the station. */
  readonly routerMac?: MacAddress | undefined
}

/** A tunnel endpoint that sends for a network of ours, and is no peer of it. */
export interface Stranger {
  readonly domain: number
  readonly address: Uint8Array
}

/** A peer, as it is now. */
export interface PeerState extends PeerSettings {
  readonly port: number
  /** Seconds since its last frame, to the whole second; undefined before the first. */
  readonly idleS: number | undefined
  /** Stations that the switch knows behind it, routers of hosts included. */
  readonly stations: number
}
