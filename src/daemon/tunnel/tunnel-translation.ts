/** Between the words of the control plane and those of the data path. */

import type { FabricOverlay, FabricRemote, FabricTunnel } from '../../control/model/tunnels.ts'
import type {
  OverlaySettings,
  RemoteSettings,
  TunnelSettings,
} from '../../datapath/tunnel/tunnel-settings.ts'
import { TUNNEL_SOURCES_DEFAULT } from '../../limits.ts'
import { type MacAddress, parseIpv4, parseMac } from '../../wire/address.ts'
import { underlayBytes } from './underlay-address.ts'

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

const macOf = (text: string | undefined): MacAddress | undefined =>
  text === undefined ? undefined : parseMac(text)
