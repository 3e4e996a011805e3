/** The options of the overlay driver, as typed values, and what is wrong with them. */

import { BRIDGE_OPTION, type NetworkTraits } from './bridge-options.ts'
import { badOption, checkBoolean, checkInteger, type OptionCheck, parseBoolean } from './option-values.ts'
import { checkTunnelOptions, VNI_MAX, VXLAN_OPTION } from './vxlan-options.ts'

export interface OverlayOptions {
  /** Undefined where the user has named none; a network that is there always has one. */
  readonly vni: number | undefined
  /** Whether frames to all, and to stations that nobody knows, go to every host of the network. */
  readonly floods: boolean
  /** Bytes of IP packet; undefined: what the ways to all peers take. */
  readonly mtu: number | undefined
}

export const OVERLAY_OPTION = {
  /** Docker's; a list there, of which an overlay network with one subnet has one. */
  vni: 'com.docker.network.driver.overlay.vxlanid_list',
  encrypted: 'encrypted',
} as const

/** Typed values of options that checkOverlayOptions finds nothing wrong with. */
export function overlayOptions(options: Readonly<Record<string, string>>): OverlayOptions {
  const vni = options[OVERLAY_OPTION.vni] ?? options[VXLAN_OPTION.vni]
  return {
    vni: vni === undefined ? undefined : Number(vni),
    floods: parseBoolean(options[VXLAN_OPTION.flood] ?? '') ?? true,
    mtu: Number(options[BRIDGE_OPTION.mtu] ?? options[VXLAN_OPTION.mtu] ?? 0) || undefined,
  }
}

/** The options of a network with this VNI, which they name as Docker does. */
export function withVni(
  { [VXLAN_OPTION.vni]: _vni, ...options }: Readonly<Record<string, string>>,
  vni: number,
): Readonly<Record<string, string>> {
  return { ...options, [OVERLAY_OPTION.vni]: String(vni) }
}

/** What is wrong, a sentence each. */
export function checkOverlayOptions(
  options: Readonly<Record<string, string>>,
  network: NetworkTraits,
): readonly string[] {
  const own = Object.entries(CHECKS).flatMap(([name, check]) => {
    const value = options[name]
    return (value === undefined ? undefined : check(name, value)) ?? []
  })
  return [...checkTunnelOptions(options, network), ...own]
}

const checkVni: OptionCheck = (name, value) => checkInteger(name, value, 1, VNI_MAX)

const CHECKS: Readonly<Record<string, OptionCheck>> = {
  [OVERLAY_OPTION.vni]: checkVni,
  [VXLAN_OPTION.vni]: checkVni,
  [VXLAN_OPTION.flood]: checkBoolean,
  [OVERLAY_OPTION.encrypted]: (name, value) =>
    value === '' || parseBoolean(value) === true
      ? badOption(
          name,
          value,
          'VXLAN is not encrypted: let the hosts reach one another by WireGuard or IPsec',
        )
      : checkBoolean(name, value),
}
