/**
 * What a station says unasked when it comes to a network, so that neighbours which remember another one at its address
 * learn better at once: gratuitous ARP (RFC 5227, 3) and an unsolicited Neighbor Advertisement (RFC 4861, 7.2.6).
 */

import { putIpv6, putMac } from '../../wire/address.ts'
import * as arp from '../../wire/arp.ts'
import { pseudoHeaderIpv6 } from '../../wire/checksum.ts'
import * as ethernet from '../../wire/ethernet.ts'
import * as icmpv6 from '../../wire/icmpv6.ts'
import { ICMPV6 } from '../../wire/ip-protocol.ts'
import * as ipv6 from '../../wire/ipv6.ts'

const BROADCAST = 'ff:ff:ff:ff:ff:ff'
const ALL_NODES = 'ff02::1'
/** RFC 2464, 7: 33:33 and the last four bytes of the group. */
const ALL_NODES_MAC = '33:33:00:00:00:01'

/** A request for one's own address, as Linux sends it: all learn from its sender fields, nobody answers. */
export function gratuitousArp(mac: string, address: string): Uint8Array {
  const frame = new Uint8Array(ethernet.HEADER_SIZE + arp.PACKET_SIZE)
  const view = new DataView(frame.buffer)
  const at = ethernet.emit({ target: BROADCAST, source: mac, etherType: ethernet.TYPE_ARP }, view, 0)
  const packet: arp.Arp = {
    operation: arp.OPERATION_REQUEST,
    senderHardware: mac,
    senderProtocol: address,
    targetHardware: BROADCAST,
    targetProtocol: address,
  }
  arp.emit(packet, view, at)
  return frame
}

/** Type, code, checksum, flags; then the target address, and one option: type, length in units of 8 bytes, MAC. */
const ADVERTISEMENT_SIZE = icmpv6.HEADER_SIZE + 16 + 8
const OPTION_TARGET_LINK_LAYER_ADDRESS = 2
/** The O bit (RFC 4861, 4.4): neighbours replace what they remember. */
const FLAG_OVERRIDE = 0x2000_0000
/** RFC 4861, 7.1.2: whoever gets it with another hop limit knows that a router forwarded it, and drops it. */
const HOP_LIMIT = 255

export function unsolicitedAdvertisement(mac: string, address: string): Uint8Array {
  const frame = new Uint8Array(ethernet.HEADER_SIZE + ipv6.HEADER_SIZE + ADVERTISEMENT_SIZE)
  const view = new DataView(frame.buffer)
  const link = { target: ALL_NODES_MAC, source: mac, etherType: ethernet.TYPE_IPV6 }
  const header: ipv6.Ipv6 = {
    trafficClass: 0,
    flowLabel: 0,
    payloadLength: ADVERTISEMENT_SIZE,
    nextHeader: ICMPV6,
    hopLimit: HOP_LIMIT,
    source: address,
    destination: ALL_NODES,
  }
  const advertisement: icmpv6.IcmpHeader = {
    type: icmpv6.TYPE_NEIGHBOR_ADVERTISEMENT,
    code: 0,
    checksum: 0,
    rest: FLAG_OVERRIDE,
  }
  const packet = ethernet.emit(link, view, 0)
  const message = packet + ipv6.emit(header, view, packet)
  const target = message + icmpv6.emit(advertisement, view, message)
  putIpv6(view, target, address)
  view.setUint8(target + 16, OPTION_TARGET_LINK_LAYER_ADDRESS)
  view.setUint8(target + 17, 1)
  putMac(view, target + 18, mac)
  icmpv6.fillChecksum(view, message, frame.length, pseudoHeaderIpv6(view, packet, ICMPV6, ADVERTISEMENT_SIZE))
  return frame
}
