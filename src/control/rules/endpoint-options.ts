/** The options that an endpoint's driver takes, as typed values, and what is wrong with them. */

import { ADVERTISE_COUNT_MAX, ADVERTISE_INTERVAL_MS_MAX, ADVERTISE_INTERVAL_MS_MIN } from '../../limits.ts'
import { isInterfaceName } from './interface-name.ts'
import {
  badOption,
  checkBoolean,
  checkInteger,
  checkOptions,
  type OptionCheck,
  parseBoolean,
} from './option-values.ts'

export interface EndpointOptions {
  /** The whole name of the interface. */
  readonly interfaceName?: string | undefined
  /** `net.ipv4.conf.IFNAME.forwarding` to `1`; IFNAME stands for the interface. */
  readonly sysctls: Readonly<Record<string, string>>
  readonly advertiseCount: number
  readonly advertiseIntervalMs: number
  readonly offload: boolean
}

export const ENDPOINT_OPTION = {
  interfaceName: 'com.docker.network.endpoint.ifname',
  sysctls: 'com.docker.network.endpoint.sysctls',
  mac: 'com.docker.network.endpoint.macaddress',
  advertiseCount: 'com.docker.network.advertise_addr_nmsgs',
  advertiseIntervalMs: 'com.docker.network.advertise_addr_ms',
  offload: 'tapwire.offload',
} as const

const ADVERTISE_COUNT_DEFAULT = 3
const ADVERTISE_INTERVAL_MS_DEFAULT = 1000

/** A network may have these too, for all of its endpoints. */
export const ADVERTISE_CHECKS: Readonly<Record<string, OptionCheck>> = {
  [ENDPOINT_OPTION.advertiseCount]: (name, value) => checkInteger(name, value, 0, ADVERTISE_COUNT_MAX),
  [ENDPOINT_OPTION.advertiseIntervalMs]: (name, value) =>
    checkInteger(name, value, ADVERTISE_INTERVAL_MS_MIN, ADVERTISE_INTERVAL_MS_MAX),
}

/**
 * Typed values of options that checkEndpointOptions finds nothing wrong with. `network` are the network's options, which decide where the
 * endpoint's own say nothing.
 */
export function endpointOptions(
  options: Readonly<Record<string, string>>,
  network: Readonly<Record<string, string>> = {},
): EndpointOptions {
  const number = (name: string, otherwise: number) => Number(options[name] ?? network[name] ?? otherwise)
  return {
    interfaceName: options[ENDPOINT_OPTION.interfaceName],
    sysctls: Object.fromEntries(splitSysctls(options[ENDPOINT_OPTION.sysctls] ?? '').map(sysctlEntry)),
    advertiseCount: number(ENDPOINT_OPTION.advertiseCount, ADVERTISE_COUNT_DEFAULT),
    advertiseIntervalMs: number(ENDPOINT_OPTION.advertiseIntervalMs, ADVERTISE_INTERVAL_MS_DEFAULT),
    offload: parseBoolean(options[ENDPOINT_OPTION.offload] ?? '') ?? true,
  }
}

/** What is wrong, a sentence each. */
export function checkEndpointOptions(options: Readonly<Record<string, string>>): readonly string[] {
  const sysctls = splitSysctls(options[ENDPOINT_OPTION.sysctls] ?? '')
  return [
    ...checkOptions(options, {
      ...ADVERTISE_CHECKS,
      [ENDPOINT_OPTION.interfaceName]: checkInterfaceName,
      [ENDPOINT_OPTION.offload]: checkBoolean,
    }),
    ...sysctls.flatMap(checkSysctl),
  ]
}

/** The sysctls of an interface that has its name: `net.ipv4.conf.eth0.forwarding`. For RunningSandbox.setSysctls. */
export function interfaceSysctls(
  options: EndpointOptions,
  interfaceName: string,
): Readonly<Record<string, string>> {
  // A dot in an interface's name stands as a slash in a sysctl's (sysctl(8)).
  const segment = interfaceName.replaceAll('.', '/')
  return Object.fromEntries(
    Object.entries(options.sysctls).map(([name, value]) => [
      name.replace('.IFNAME.', () => `.${segment}.`),
      value,
    ]),
  )
}

function checkInterfaceName(name: string, value: string): string | undefined {
  return isInterfaceName(value) && value !== 'lo'
    ? undefined
    : badOption(name, value, 'not the name of an interface')
}

function splitSysctls(text: string): string[] {
  return text === '' ? [] : text.split(',').map((sysctl) => sysctl.trim())
}

/** `ifname` is good as well: command lines exist that turn it into lower case. No slash: it would lead to another sysctl. */
function checkSysctl(sysctl: string): string[] {
  const pattern = /^net\.(ipv4|ipv6|mpls)\.[a-z0-9_-]+\.(IFNAME|ifname)(\.[a-zA-Z0-9_-]+)+=[\x20-\x7e]+$/
  if (pattern.test(sysctl)) return []
  return [
    `unrecognised network interface sysctl '${sysctl}'; represent 'net.X.Y.ethN.Z=V' as 'net.X.Y.IFNAME.Z=V', ` +
      "'X' must be 'ipv4', 'ipv6' or 'mpls'",
  ]
}

function sysctlEntry(sysctl: string): [name: string, value: string] {
  const equals = sysctl.indexOf('=')
  return [sysctl.slice(0, equals).replace('.ifname.', '.IFNAME.'), sysctl.slice(equals + 1)]
}
