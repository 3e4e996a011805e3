/** The rules of the drivers that Tapwire has. */

import { RELAY_SUBNET } from '../../limits.ts'
import {
  bridgeOptions,
  checkBridgeOptions,
  defaultBridgeOptions,
  type NetworkTraits,
} from './bridge-options.ts'
import { checkMacvlanOptions } from './macvlan-options.ts'
import type { DriverRules } from './network-create.ts'
import { checkOverlayOptions } from './overlay-options.ts'
import { checkVxlanOptions, defaultVxlanOptions } from './vxlan-options.ts'

export const bridgeDriver: DriverRules = {
  name: 'bridge',
  scope: 'local',
  creatable: true,
  poolsPerFamily: 1,
  reserved: [RELAY_SUBNET],
  defaultOptions: defaultBridgeOptions,
  checkOptions: checkBridgeOptions,
  wantsGateway: bridgeWantsGateway,
}

/** Sandboxes of such a network are on one LAN with those of other hosts, which are named. */
export const vxlanDriver: DriverRules = {
  ...bridgeDriver,
  name: 'vxlan',
  defaultOptions: defaultVxlanOptions,
  checkOptions: checkVxlanOptions,
}

/** Sandboxes of such a network are on one LAN with those of all hosts of the cluster. */
export const overlayDriver: DriverRules = {
  ...bridgeDriver,
  name: 'overlay',
  scope: 'swarm',
  defaultOptions: defaultVxlanOptions,
  checkOptions: checkOverlayOptions,
}

/** Sandboxes of such a network are stations of a LAN that the machine is on. Its gateway is that LAN's router. */
export const macvlanDriver: DriverRules = {
  name: 'macvlan',
  scope: 'local',
  creatable: true,
  // As many as the LAN has.
  poolsPerFamily: Number.MAX_SAFE_INTEGER,
  reserved: [],
  defaultOptions: () => ({}),
  checkOptions: checkMacvlanOptions,
  wantsGateway: () => true,
}

/** Sandboxes of this network share the network of the machine. */
export const hostDriver: DriverRules = withoutInterface('host')

/** The driver of the network `none`. */
export const nullDriver: DriverRules = withoutInterface('null')

function bridgeWantsGateway(options: Readonly<Record<string, string>>, network: NetworkTraits): boolean {
  const { gatewayMode4, inhibitIpv4 } = bridgeOptions(options)
  return gatewayMode4 !== 'isolated' && !(inhibitIpv4 && network.internal)
}

function withoutInterface(name: string): DriverRules {
  return {
    name,
    scope: 'local',
    creatable: false,
    poolsPerFamily: 0,
    reserved: [],
    defaultOptions: () => ({}),
    checkOptions: () => [],
    wantsGateway: () => false,
  }
}
