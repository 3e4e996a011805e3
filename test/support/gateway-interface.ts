import {
  GatewayMode,
  InterfaceKind,
  type RouterInterfaceSettings,
} from '../../src/datapath/router-settings.ts'
import { address, MAC_HIGH } from './packet-text.ts'

/** A gateway that answers, as networks have it unless told otherwise; its MAC address ends in its own. */
export const gatewayInterface = (gateway: string, mtu: number): RouterInterfaceSettings => ({
  kind: InterfaceKind.inside,
  macHigh: MAC_HIGH,
  macLow: address(gateway),
  address: address(gateway),
  prefixLength: 24,
  mtu,
  mode: GatewayMode.nat,
  internal: false,
  masquerade: true,
  sourceAddress: 0,
  hostPort: -1,
  proxyArp: false,
  shared: false,
  firstPort: 0,
  lastPort: 0,
})
