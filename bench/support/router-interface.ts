import {
  GatewayMode,
  type InterfaceKind,
  type RouterInterfaceSettings,
} from '../../src/datapath/router-settings.ts'
import { MTU_DEFAULT, NAT_FIRST_PORT, NAT_LAST_PORT } from '../../src/limits.ts'

/** The upper half of all MAC addresses, the router's and those of sandboxes. */
export const MAC_HIGH = 0x0200

/** An interface of the router that translates, as networks have it unless told otherwise. */
export const routerInterface = (
  kind: InterfaceKind,
  macLow: number,
  address: number,
  prefixLength: number,
): RouterInterfaceSettings => ({
  kind,
  macHigh: MAC_HIGH,
  macLow,
  address,
  prefixLength,
  mtu: MTU_DEFAULT,
  mode: GatewayMode.nat,
  internal: false,
  masquerade: true,
  sourceAddress: 0,
  hostPort: -1,
  proxyArp: false,
  shared: false,
  firstPort: NAT_FIRST_PORT,
  lastPort: NAT_LAST_PORT,
})
