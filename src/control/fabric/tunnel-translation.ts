/** Between the words of the control plane and those of the data path. */

import type {
  OverlaySettings,
  PeerState,
  RemoteSettings,
  TunnelSettings,
} from '../../datapath/tunnel/tunnel-settings.ts'
import { TUNNEL_SOURCES_DEFAULT } from '../../limits.ts'
import { type MacAddress, parseIpv4, parseMac } from '../../wire/address.ts'
import type { FabricOverlay, FabricPeerState, FabricRemote, FabricTunnel } from '../model/tunnels.ts'
import { underlayBytes, underlayText } from './underlay-address.ts'

export function tunnelSettings({ local, udpPort, dscp }: FabricTunnel): TunnelSettings {
  return {
    local: underlayBytes(local),
    udpPort,
    sources: TUNNEL_SOURCES_DEFAULT,
    dscp: dscp === 'inherit' ? undefined : dscp,
  }
}

export function overlaySettings({ vni, routerMac, ...overlay }: FabricOverlay): OverlaySettings {
  return { ...overlay, networkIdentifier: vni, routerMac: macOf(routerMac) }
}

export function remoteSettings({ port, addresses, routerMac }: FabricRemote): RemoteSettings {
  return { port, ipv4: addresses.flatMap((text) => parseIpv4(text) ?? []), routerMac: macOf(routerMac) }
}

export function fabricPeer({ address, ...state }: PeerState): FabricPeerState {
  return { ...state, address: underlayText(address) }
}

const macOf = (text: string | undefined): MacAddress | undefined =>
  text === undefined ? undefined : parseMac(text)
