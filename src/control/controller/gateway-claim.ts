/**
 * Whether a frame claims to come from a network's gateway. Where the guard is on, it drops what claims to be anybody but its sandbox. Where it is
 * off, a sandbox may say what it likes; but not a file that is sent in its place, since nobody has looked through that.
 */

import { formatMac, ipv4At, ipv6At, parseMac } from '../../wire/address.ts'
import * as arp from '../../wire/arp.ts'
import * as ethernet from '../../wire/ethernet.ts'
import * as ipProtocol from '../../wire/ip-protocol.ts'
import * as ipv6 from '../../wire/ipv6.ts'
import * as vlan from '../../wire/vlan.ts'
import { formatIpAddress, parseIpAddress } from '../ip-address.ts'
import { macOfAddress } from '../mac-address.ts'
import type { NetworkRecord } from '../model/records.ts'
import { bridgeOptions } from '../rules/bridge-options.ts'
import { isRouted } from '../rules/routed-drivers.ts'

const IPV4_SOURCE = 12
const IPV6_SOURCE = 8
const NEIGHBOUR_ADVERTISEMENT = 136
const ADVERTISED_TARGET = 8
const ADDRESS_SIZE = 16

/** What the guard would call it. */
export type ClaimReason = 'mac-spoofed' | 'arp-spoofed' | 'address-spoofed'

export class GatewayClaims {
  readonly #macs: ReadonlySet<string>
  readonly #addresses: ReadonlySet<string>

  constructor({ driver, options, ipam }: Pick<NetworkRecord, 'driver' | 'options' | 'ipam'>) {
    const isGuarded = isRouted(driver) && bridgeOptions(options).spoofGuard
    const gateways = isGuarded ? [] : ipam.pools.flatMap(({ gateway = '' }) => parseIpAddress(gateway) ?? [])
    this.#addresses = new Set(gateways.map(formatIpAddress))
    this.#macs = new Set(gateways.map((gateway) => normalMac(macOfAddress(gateway))))
  }

  /** Undefined: it does not; or the guard is on. */
  of(frame: Uint8Array): ClaimReason | undefined {
    const length = frame.byteLength
    if (this.#addresses.size === 0 || length < ethernet.HEADER_SIZE) return undefined
    const view = new DataView(frame.buffer, frame.byteOffset, length)
    if (this.#macs.has(formatMac(ethernet.sourceHigh(view, 0), ethernet.sourceLow(view, 0))))
      return 'mac-spoofed'
    const tags = vlan.tagsSize(view, 0, length)
    return this.#ofPacket(view, ethernet.etherType(view, tags), ethernet.HEADER_SIZE + tags)
  }

  #ofPacket(view: DataView, type: number, at: number): ClaimReason | undefined {
    const size = view.byteLength - at
    if (type === ethernet.TYPE_ARP) {
      const claims = arp.check(view, at, view.byteLength) && this.#has(arp.parse(view, at, view.byteLength))
      return claims ? 'arp-spoofed' : undefined
    }
    if (type === ethernet.TYPE_IPV4 && size >= IPV4_SOURCE + 4)
      return this.#addresses.has(ipv4At(view, at + IPV4_SOURCE)) ? 'address-spoofed' : undefined
    if (type !== ethernet.TYPE_IPV6 || !ipv6.check(view, at, view.byteLength)) return undefined
    if (this.#addresses.has(ipv6At(view, at + IPV6_SOURCE))) return 'address-spoofed'
    return this.#isAdvertised(view, at) ? 'arp-spoofed' : undefined
  }

  #has(packet: arp.Arp | undefined): boolean {
    return packet !== undefined && this.#addresses.has(packet.senderProtocol)
  }

  /** RFC 4861, 4.4. */
  #isAdvertised(view: DataView, at: number): boolean {
    const walk = ipv6.upperLayer(view, at)
    if (walk === ipv6.NO_UPPER_LAYER || ipv6.upperProtocol(walk) !== ipProtocol.ICMPV6) return false
    const message = at + ipv6.upperOffset(walk)
    const target = message + ADVERTISED_TARGET
    return (
      target + ADDRESS_SIZE <= view.byteLength &&
      view.getUint8(message) === NEIGHBOUR_ADVERTISEMENT &&
      this.#addresses.has(ipv6At(view, target))
    )
  }
}

function normalMac(text: string): string {
  const { high, low } = parseMac(text)!
  return formatMac(high, low)
}
