/** The options of the bridge driver, as typed values, and what is wrong with them. */

import { INTERFACE_NAME_MAX, MTU_DEFAULT, MTU_MAX, MTU_MIN, PORTS_MAX } from '../../limits.ts'
import type { Defaults } from '../defaults.ts'
import { parseIpAddress } from '../ip-address.ts'
import { ADVERTISE_CHECKS } from './endpoint-options.ts'
import { isInterfaceName } from './interface-name.ts'
import type { MacMode } from './mac.ts'
import {
  badOption,
  checkBoolean,
  checkInteger,
  checkOptions,
  type OptionCheck,
  parseBoolean,
  parseInteger,
} from './option-values.ts'

export interface BridgeOptions {
  /** Bytes of IP packet. */
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
  /** The bridge has no IPv4 address; where it is internal as well, there is no gateway. */
  readonly inhibitIpv4: boolean
}

export type GatewayMode = 'nat' | 'nat-unprotected' | 'routed' | 'isolated'

/** What of a network decides which options it may have. */
export interface NetworkTraits {
  readonly internal: boolean
  readonly ipv6: boolean
}

export const BRIDGE_OPTION = {
  name: 'com.docker.network.bridge.name',
  masquerade: 'com.docker.network.bridge.enable_ip_masquerade',
  icc: 'com.docker.network.bridge.enable_icc',
  hostBinding: 'com.docker.network.bridge.host_binding_ipv4',
  gatewayMode4: 'com.docker.network.bridge.gateway_mode_ipv4',
  gatewayMode6: 'com.docker.network.bridge.gateway_mode_ipv6',
  inhibitIpv4: 'com.docker.network.bridge.inhibit_ipv4',
  defaultBridge: 'com.docker.network.bridge.default_bridge',
  mtu: 'com.docker.network.driver.mtu',
  interfacePrefix: 'com.docker.network.container_iface_prefix',
  hostIpv4: 'com.docker.network.host_ipv4',
  hostIpv6: 'com.docker.network.host_ipv6',
  transparent: 'tapwire.transparent',
  mac: 'tapwire.mac',
} as const

/** RFC 8200, 5: what every link that carries IPv6 must be able to carry. Linux has no IPv6 on an interface below. */
const IPV6_MTU_MIN = 1280

const INTERFACE_PREFIX_DEFAULT = 'eth'
const INTERFACE_PREFIX_MAX = INTERFACE_NAME_MAX - String(PORTS_MAX - 1).length

/** Typed values of options that checkBridgeOptions finds nothing wrong with. */
export function bridgeOptions(options: Readonly<Record<string, string>>): BridgeOptions {
  const flag = (name: string, otherwise: boolean) => parseBoolean(options[name] ?? '') ?? otherwise
  return {
    // Docker's "not given" is 0.
    mtu: Number(options[BRIDGE_OPTION.mtu] ?? 0) || MTU_DEFAULT,
    transparent: flag(BRIDGE_OPTION.transparent, false),
    icc: flag(BRIDGE_OPTION.icc, true),
    interfacePrefix: options[BRIDGE_OPTION.interfacePrefix] ?? INTERFACE_PREFIX_DEFAULT,
    mac: options[BRIDGE_OPTION.mac] === 'random' ? 'random' : 'address',
    masquerade: flag(BRIDGE_OPTION.masquerade, true),
    hostBinding: options[BRIDGE_OPTION.hostBinding] ?? '',
    gatewayMode4: gatewayMode(options[BRIDGE_OPTION.gatewayMode4]) ?? 'nat',
    gatewayMode6: gatewayMode(options[BRIDGE_OPTION.gatewayMode6]) ?? 'nat',
    inhibitIpv4: flag(BRIDGE_OPTION.inhibitIpv4, false),
  }
}

/** What a network without these options has of the daemon's; nothing where that is as everywhere. */
export function defaultBridgeOptions({ mtu }: Defaults): Readonly<Record<string, string>> {
  return mtu === MTU_DEFAULT ? {} : { [BRIDGE_OPTION.mtu]: String(mtu) }
}

/** What is wrong, a sentence each. Options that nobody here knows are kept and passed over, as Docker does it. */
export function checkBridgeOptions(
  options: Readonly<Record<string, string>>,
  network: NetworkTraits,
): readonly string[] {
  return checkOptions(options, {
    ...ADVERTISE_CHECKS,
    [BRIDGE_OPTION.name]: checkInterfaceName,
    [BRIDGE_OPTION.masquerade]: checkBoolean,
    [BRIDGE_OPTION.icc]: checkBoolean,
    [BRIDGE_OPTION.inhibitIpv4]: checkBoolean,
    [BRIDGE_OPTION.defaultBridge]: checkBoolean,
    [BRIDGE_OPTION.transparent]: checkBoolean,
    [BRIDGE_OPTION.hostBinding]: checkHostBinding,
    [BRIDGE_OPTION.hostIpv4]: checkAddress(4),
    [BRIDGE_OPTION.hostIpv6]: checkAddress(6),
    [BRIDGE_OPTION.gatewayMode4]: checkGatewayMode(network),
    [BRIDGE_OPTION.gatewayMode6]: checkGatewayMode(network),
    [BRIDGE_OPTION.mtu]: checkMtu(network),
    [BRIDGE_OPTION.interfacePrefix]: checkInterfacePrefix,
    [BRIDGE_OPTION.mac]: checkMacMode,
  })
}

function checkMtu(network: NetworkTraits): OptionCheck {
  return (name, value) => {
    const mtu = parseInteger(value)
    if (mtu === 0) return undefined
    if (mtu !== undefined && mtu < 0) return `invalid MTU number: ${mtu}`
    return checkInteger(name, value, network.ipv6 ? IPV6_MTU_MIN : MTU_MIN, MTU_MAX)
  }
}

function checkAddress(family: 4 | 6): OptionCheck {
  return (name, value) =>
    parseIpAddress(value)?.family === family
      ? undefined
      : badOption(name, value, `not an IPv${family} address`)
}

function checkHostBinding(name: string, value: string): string | undefined {
  return parseIpAddress(value)?.family === 4 ? undefined : badOption(name, value, 'nil ip')
}

function checkGatewayMode(network: NetworkTraits): OptionCheck {
  return (name, value) => {
    if (gatewayMode(value) === undefined) return badOption(name, value, `unknown gateway mode ${value}`)
    if (value !== 'isolated' || network.internal) return undefined
    return "gateway mode 'isolated' can only be used for an internal network"
  }
}

function gatewayMode(text: string | undefined): GatewayMode | undefined {
  return text === 'nat' || text === 'nat-unprotected' || text === 'routed' || text === 'isolated'
    ? text
    : undefined
}

function checkInterfaceName(name: string, value: string): string | undefined {
  return isInterfaceName(value) ? undefined : badOption(name, value, 'not the name of an interface')
}

function checkInterfacePrefix(name: string, value: string): string | undefined {
  if (value.length > INTERFACE_PREFIX_MAX) {
    return badOption(name, value, `longer than ${INTERFACE_PREFIX_MAX} characters`)
  }
  return value !== '' && isInterfaceName(value)
    ? undefined
    : badOption(name, value, 'not the name of an interface')
}

export function checkMacMode(name: string, value: string): string | undefined {
  return value === 'address' || value === 'random'
    ? undefined
    : badOption(name, value, "must be 'address' or 'random'")
}
