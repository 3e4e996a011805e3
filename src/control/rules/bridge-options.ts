/** The options of the bridge driver, as typed values, and what is wrong with them. */

import { INTERFACE_NAME_MAX, MTU_DEFAULT, MTU_MAX, MTU_MIN, PORTS_MAX } from '../../limits.ts'
import type { Defaults } from '../defaults.ts'
import { parseIpAddress } from '../ip-address.ts'
import { dnsChecks } from './dns-options.ts'
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
import { IPV6_MTU_MIN } from './tunnel-mtu.ts'

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
  /** Source address of what goes out; empty for the uplink's own. */
  readonly hostIpv4: string
  /** The gateway answers ARP requests for what it would route elsewhere (RFC 1027). */
  readonly proxyArp: boolean
  /** Frames of a sandbox with addresses that are not its own are dropped. */
  readonly spoofGuard: boolean
  /** The network plays the world: it is an uplink, and ports are published on its gateway's address. */
  readonly uplink: boolean
  /** The machine has an interface on the network, with the gateway's addresses. */
  readonly host: boolean
}

export type GatewayMode = 'nat' | 'nat-unprotected' | 'routed' | 'isolated'

/** What of a network decides which options it may have. */
export interface NetworkTraits {
  readonly internal: boolean
  readonly ipv4: boolean
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
  proxyArp: 'tapwire.proxy-arp',
  spoofGuard: 'tapwire.spoof-guard',
  uplink: 'tapwire.uplink',
  host: 'tapwire.host',
} as const

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
    hostIpv4: options[BRIDGE_OPTION.hostIpv4] ?? '',
    proxyArp: flag(BRIDGE_OPTION.proxyArp, false),
    spoofGuard: flag(BRIDGE_OPTION.spoofGuard, true),
    uplink: flag(BRIDGE_OPTION.uplink, false),
    host: flag(BRIDGE_OPTION.host, false),
  }
}

/** What a network without these options has of the daemon's; nothing where that is as everywhere. */
export function defaultBridgeOptions({ mtu, hostBinding }: Defaults): Readonly<Record<string, string>> {
  return {
    ...(mtu === MTU_DEFAULT ? {} : { [BRIDGE_OPTION.mtu]: String(mtu) }),
    ...(hostBinding === undefined ? {} : { [BRIDGE_OPTION.hostBinding]: hostBinding }),
  }
}

/** What is wrong, a sentence each. Options that nobody here knows are kept and passed over, as Docker does it. */
export function checkBridgeOptions(
  options: Readonly<Record<string, string>>,
  network: NetworkTraits,
): readonly string[] {
  return checkOptions(options, {
    ...ADVERTISE_CHECKS,
    ...dnsChecks(reasonForNoGateway(options, network)),
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
    [BRIDGE_OPTION.proxyArp]: checkBoolean,
    [BRIDGE_OPTION.spoofGuard]: checkBoolean,
    [BRIDGE_OPTION.uplink]: checkUplink(network),
    [BRIDGE_OPTION.host]: checkBoolean,
  })
}

/** A sandbox can ask at the gateway where the router has an IPv4 address on the network. */
function reasonForNoGateway(
  options: Readonly<Record<string, string>>,
  network: NetworkTraits,
): string | undefined {
  const { gatewayMode4, inhibitIpv4 } = bridgeOptions(options)
  if (!network.ipv4) return 'the network has no IPv4, and so no gateway that answers'
  if (gatewayMode4 === 'isolated') return "in the gateway mode 'isolated' there is no gateway"
  return inhibitIpv4 ? 'the gateway has no IPv4 address' : undefined
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

function checkUplink(network: NetworkTraits): OptionCheck {
  return (name, value) => {
    const problem = checkBoolean(name, value)
    if (problem !== undefined || parseBoolean(value) !== true || !network.internal) return problem
    return badOption(name, value, 'nothing leads out of an internal network')
  }
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
