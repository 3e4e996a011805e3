/** The options of the bridge driver, as typed values, and what is wrong with them. */

import type { MacMode } from './mac.ts'

export interface BridgeOptions {
  /** Bytes of IP packet; 1500 where not given. */
  readonly mtu: number
  /** Also forwards the frames that a bridge keeps to itself (IEEE 802.1D, 01:80:c2:00:00:0x). */
  readonly transparent: boolean
  /** Whether its sandboxes may talk to one another. */
  readonly icc: boolean
  readonly interfacePrefix: string
  readonly mac: MacMode
  readonly masquerade: boolean
  /** Address that ports are published on unless they say another one; empty for all. */
  readonly hostBinding: string
  readonly gatewayMode4: GatewayMode
  readonly gatewayMode6: GatewayMode
  /** The bridge has no IPv4 address, and so there is no gateway. */
  readonly inhibitIpv4: boolean
}

export type GatewayMode = 'nat' | 'nat-unprotected' | 'routed' | 'isolated'

/** Typed values of options that checkBridgeOptions finds nothing wrong with. */
export function bridgeOptions(options: Readonly<Record<string, string>>): BridgeOptions {
  throw new Error('to be written')
}

/** What is wrong, a sentence each. */
export function checkBridgeOptions(
  options: Readonly<Record<string, string>>,
  network: { readonly internal: boolean },
): readonly string[] {
  throw new Error('to be written')
}
