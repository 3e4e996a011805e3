/** The options of the macvlan driver, as typed values, and what is wrong with them. */

import { MTU_MAX, MTU_MIN } from '../../limits.ts'
import { BRIDGE_OPTION, checkMacMode } from './bridge-options.ts'
import { dnsChecks } from './dns-options.ts'
import { ADVERTISE_CHECKS } from './endpoint-options.ts'
import { isInterfaceName } from './interface-name.ts'
import type { MacMode } from './mac.ts'
import { badOption, checkInteger, checkOptions, parseInteger } from './option-values.ts'

export type MacvlanMode = 'bridge' | 'private' | 'passthru'

export interface MacvlanOptions {
  /** Name of an interface of the machine; empty where the network is on none. */
  readonly parent: string
  readonly mode: MacvlanMode
  /** Bytes of IP packet; undefined for as much as the parent takes. */
  readonly mtu: number | undefined
  readonly mac: MacMode
}

export const MACVLAN_OPTION = {
  parent: 'parent',
  mode: 'macvlan_mode',
  mtu: BRIDGE_OPTION.mtu,
  mac: BRIDGE_OPTION.mac,
} as const

/** The name of a VLAN's interface, `eth0.10`: its parent's and its number. */
export interface VlanName {
  readonly parent: string
  readonly id: number
}

const VLAN_ID_MIN = 1
/** IEEE 802.1Q, table 9-2: 4095 is reserved. */
const VLAN_ID_MAX = 4094

/** Typed values of options that checkMacvlanOptions finds nothing wrong with. */
export function macvlanOptions(options: Readonly<Record<string, string>>): MacvlanOptions {
  const mode = options[MACVLAN_OPTION.mode] ?? ''
  return {
    parent: options[MACVLAN_OPTION.parent] ?? '',
    mode: mode === 'private' || mode === 'passthru' ? mode : 'bridge',
    mtu: Number(options[MACVLAN_OPTION.mtu] ?? 0) || undefined,
    mac: options[MACVLAN_OPTION.mac] === 'random' ? 'random' : 'address',
  }
}

/** What is wrong, a sentence each. */
export function checkMacvlanOptions(options: Readonly<Record<string, string>>): readonly string[] {
  return checkOptions(options, {
    ...ADVERTISE_CHECKS,
    ...dnsChecks("the gateway is the LAN's router"),
    [MACVLAN_OPTION.parent]: checkParent,
    [MACVLAN_OPTION.mode]: checkMode,
    [MACVLAN_OPTION.mtu]: checkMtu,
    [MACVLAN_OPTION.mac]: checkMacMode,
  })
}

/** Undefined where the name is no VLAN's. */
export function vlanName(name: string): VlanName | undefined {
  const [, parent, id] = /^([^.]+)\.(\d{1,4})$/.exec(name) ?? []
  return parent === undefined ? undefined : { parent, id: Number(id) }
}

/** What Docker says of a parent that is not there. */
export function parentMissing(name: string): string {
  const vlan = vlanName(name)
  return vlan === undefined
    ? `invalid subinterface vlan name ${name}, example formatting is eth0.10`
    : `-o parent interface was not found on the host: ${vlan.parent}`
}

function checkParent(name: string, value: string): string | undefined {
  if (value === '') return undefined
  if (value === 'lo') return 'loopback interface is not a valid macvlan parent link'
  if (!isInterfaceName(value)) return badOption(name, value, 'not the name of an interface')
  const id = vlanName(value)?.id
  return id === undefined || (id >= VLAN_ID_MIN && id <= VLAN_ID_MAX)
    ? undefined
    : `vlan id must be between ${VLAN_ID_MIN}-${VLAN_ID_MAX}, received: ${id}`
}

function checkMode(_name: string, value: string): string | undefined {
  if (['', 'bridge', 'private', 'passthru'].includes(value)) return undefined
  if (value === 'vepa') {
    return "macvlan mode 'vepa' is not supported: it needs an outer switch that sends frames back where they came from"
  }
  return `requested macvlan mode '${value}' is not valid, 'bridge' mode is the macvlan driver default`
}

function checkMtu(name: string, value: string): string | undefined {
  return parseInteger(value) === 0 ? undefined : checkInteger(name, value, MTU_MIN, MTU_MAX)
}
