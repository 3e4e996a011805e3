/**
 * Nobody speaks for another: what a port's frames may have for their source. A sandbox was given a MAC address and IP addresses; a
 * frame, an ARP message or a neighbour advertisement that claims any other is dropped before anything is learned from it.
 */

import { PORTS_MAX } from '../limits.ts'
import * as arp from '../wire/arp.ts'
import * as ethernet from '../wire/ethernet.ts'
import * as ipProtocol from '../wire/ip-protocol.ts'
import * as ipv4 from '../wire/ipv4.ts'
import * as ipv6 from '../wire/ipv6.ts'
import * as vlan from '../wire/vlan.ts'
import { DropReason } from './drop-reason.ts'
import type { GuardSettings } from './router-settings.ts'

// Constants of this module, whose values V8 compiles in; an imported one it would load and check at each use.
const { etherType, sourceHigh, sourceLow, TYPE_ARP, TYPE_IPV4, TYPE_IPV6 } = ethernet
const ETHERNET_HEADER_SIZE = ethernet.HEADER_SIZE

const IPV6_SOURCE = 8
const LINK_LOCAL_HIGH = 0xfe800000 | 0
/** RFC 4861, 4.2, 4.4 and 4.5: what routers say, and what stations say of their addresses; where the target address is. */
const ROUTER_ADVERTISEMENT = 134
const NEIGHBOUR_ADVERTISEMENT = 136
const REDIRECT = 137
const ADVERTISED_TARGET = 8
const ADVERTISEMENT_SIZE = 24
/** The bit of a MAC address that an interface identifier has the other way round (RFC 4291, appendix A). */
const UNIVERSAL = 0x0200

export class Guard {
  /** By port: 1 where it is guarded. */
  readonly guarded = new Uint8Array(PORTS_MAX)
  private readonly macHigh = new Int32Array(PORTS_MAX)
  private readonly macLow = new Int32Array(PORTS_MAX)
  /** The first IPv4 address; most ports have one. 0 where there is none. */
  private readonly ipv4 = new Int32Array(PORTS_MAX)
  private readonly others = Array<GuardSettings | undefined>(PORTS_MAX).fill(undefined)

  set(port: number, settings: GuardSettings | undefined): void {
    this.guarded[port] = settings === undefined ? 0 : 1
    this.others[port] = settings
    if (settings === undefined) return
    this.macHigh[port] = settings.macHigh
    this.macLow[port] = settings.macLow
    this.ipv4[port] = settings.ipv4[0] ?? 0
  }

  /** 0, or the DropReason, of a frame from a guarded port that `classify` has accepted. */
  check(view: DataView, offset: number, length: number, port: number): number {
    if (sourceLow(view, offset) !== this.macLow[port] || sourceHigh(view, offset) !== this.macHigh[port]) {
      return DropReason.macSpoofed
    }
    const type = etherType(view, offset)
    if (type === TYPE_IPV4) return this.checkIpv4(view, offset + ETHERNET_HEADER_SIZE, offset + length, port)
    return type === TYPE_ARP || type === TYPE_IPV6 || vlan.isTagType(type)
      ? this.checkRare(view, offset, length, port)
      : DropReason.none
  }

  private checkIpv4(view: DataView, network: number, end: number, port: number): number {
    if (end - network < ipv4.MIN_HEADER_SIZE) return DropReason.ipMalformed
    const source = ipv4.sourceAddress(view, network)
    return source === this.ipv4[port] || this.hasIpv4(port, source)
      ? DropReason.none
      : DropReason.addressSpoofed
  }

  /** What comes behind VLAN tags is judged as though they were not there. */
  private checkRare(view: DataView, offset: number, length: number, port: number): number {
    const end = offset + length
    const tags = vlan.tagsSize(view, offset, end)
    const network = offset + ETHERNET_HEADER_SIZE + tags
    const type = etherType(view, offset + tags)
    if (type === TYPE_IPV4) return this.checkIpv4(view, network, end, port)
    if (type === TYPE_ARP) return this.checkArp(view, network, end, port)
    return type === TYPE_IPV6 ? this.checkIpv6(view, network, end, port) : DropReason.none
  }

  private checkArp(view: DataView, network: number, end: number, port: number): number {
    if (!arp.check(view, network, end)) return DropReason.arpSpoofed
    const isOwnMac =
      arp.senderHardwareLow(view, network) === this.macLow[port] &&
      arp.senderHardwareHigh(view, network) === this.macHigh[port]
    return isOwnMac && this.hasIpv4(port, arp.senderProtocol(view, network))
      ? DropReason.none
      : DropReason.arpSpoofed
  }

  /** 0.0.0.0 is the source of who has no address yet (RFC 5227, 1.1). */
  private hasIpv4(port: number, address: number): boolean {
    if (address === 0) return true
    const addresses = this.others[port]!.ipv4
    for (let i = 0; i < addresses.length; i++) if (addresses[i] === address) return true
    return false
  }

  private checkIpv6(view: DataView, network: number, end: number, port: number): number {
    if (!ipv6.check(view, network, end)) return DropReason.ipMalformed
    if (!this.hasIpv6(view, network + IPV6_SOURCE, port)) return DropReason.addressSpoofed
    const walk = ipv6.upperLayer(view, network)
    // A receiver may walk further than we do (RFC 7112: what is not whole in the first fragment may be dropped).
    if (walk === ipv6.NO_UPPER_LAYER) return DropReason.ipMalformed
    if (ipv6.upperProtocol(walk) !== ipProtocol.ICMPV6) return DropReason.none
    return this.checkDiscovery(view, network + ipv6.upperOffset(walk), end, port)
  }

  /** Sandboxes are no routers: what they would say as such takes others' traffic (RFC 6105). */
  private checkDiscovery(view: DataView, message: number, end: number, port: number): number {
    if (message >= end) return DropReason.ipMalformed
    const type = view.getUint8(message)
    if (type === ROUTER_ADVERTISEMENT || type === REDIRECT) return DropReason.arpSpoofed
    if (type !== NEIGHBOUR_ADVERTISEMENT || end - message < ADVERTISEMENT_SIZE) return DropReason.none
    return this.hasIpv6(view, message + ADVERTISED_TARGET, port) ? DropReason.none : DropReason.arpSpoofed
  }

  /** The unspecified address is always allowed, and the link-local one that the interface makes of its MAC address. */
  private hasIpv6(view: DataView, at: number, port: number): boolean {
    const first = view.getInt32(at)
    const second = view.getInt32(at + 4)
    const third = view.getInt32(at + 8)
    const fourth = view.getInt32(at + 12)
    if (first === LINK_LOCAL_HIGH && second === 0 && this.isMadeOfMac(third, fourth, port)) return true
    if ((first | second | third | fourth) === 0) return true
    const addresses = this.others[port]!.ipv6
    for (let i = 0; i < addresses.length; i++) {
      const [a, b, c, d] = addresses[i]!
      if (a === first && b === second && c === third && d === fourth) return true
    }
    return false
  }

  /** RFC 4291, appendix A: 0xfffe between the halves of the MAC address. */
  private isMadeOfMac(third: number, fourth: number, port: number): boolean {
    const low = this.macLow[port]!
    return (
      third === (((this.macHigh[port]! ^ UNIVERSAL) << 16) | ((low >>> 24) << 8) | 0xff) &&
      fourth === (0xfe000000 | (low & 0xffffff))
    )
  }
}
