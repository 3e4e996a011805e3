import type { RemoteStation } from './tunnel-domains.ts'

/** Of the overlay driver, what its networks' peers and remote stations are told to. Networks by id. */
export interface OverlayPeers {
  /** One that is a peer already stays. */
  addPeer(network: string, address: string, host: string): Promise<void>
  /** With the stations behind it. */
  removePeer(network: string, address: string): Promise<void>
  setRemote(network: string, mac: string, station: RemoteStation | undefined): Promise<void>
  /** The one that was set. */
  remoteOf(network: string, mac: string): RemoteStation | undefined
  /** Whether an endpoint of this host has it, or the gateway. */
  isOwnMac(network: string, mac: string): boolean
}
