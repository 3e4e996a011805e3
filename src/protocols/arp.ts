/**
 * ARP as frames (RFC 826; RFC 5227 for probes and announcements): classifying those that arrive, composing our own.
 *
 * Composers write the Ethernet frame at `at` and the virtio-net header of a finished frame in the ten bytes before; they
 * return its length. A MAC address is two integers, high = bytes 0-1 as uint16, low = bytes 2-5 as int32. Sender and target
 * of a frame that `classifyArp` accepted are read with the accessors of wire/arp.ts at `arpPacket(offset)`.
 */

import { isIpv4Host } from '../wire/address.ts'
import * as arp from '../wire/arp.ts'
import * as ethernet from '../wire/ethernet.ts'
import * as virtioNet from '../wire/virtio-net.ts'

/** What an ARP frame wants. */
export const ArpKind = {
  /** Nothing to act upon: malformed, of another protocol, or from an address that is nobody's. */
  invalid: 0,
  /** Who has the target address? */
  request: 1,
  /** The sender's address, told to one who asked. */
  reply: 2,
  /** Does somebody use the target address? From one that has no address yet (RFC 5227, 2.1.1): nothing to learn. */
  probe: 3,
  /** This is my address, told to everyone: a request or a reply whose sender and target address are the same. */
  announcement: 4,
} as const

export type ArpKind = (typeof ArpKind)[keyof typeof ArpKind]

/** Bytes of an ARP frame without padding. */
export const ARP_FRAME_SIZE = ethernet.HEADER_SIZE + arp.PACKET_SIZE

const BROADCAST_HIGH = 0xffff
const BROADCAST_LOW = -1

/** Where the ARP packet is in the untagged frame at `offset`. */
export const arpPacket = (offset: number): number => offset + ethernet.HEADER_SIZE

/** What the untagged frame at `offset` is; other than `invalid` promises that it is a whole ARP packet. */
export function classifyArp(view: DataView, offset: number, length: number): ArpKind {
  const packet = arpPacket(offset)
  if (length < ARP_FRAME_SIZE || ethernet.etherType(view, offset) !== ethernet.TYPE_ARP)
    return ArpKind.invalid
  if (!arp.check(view, packet, offset + length)) return ArpKind.invalid
  if (!isStation(arp.senderHardwareHigh(view, packet), arp.senderHardwareLow(view, packet)))
    return ArpKind.invalid
  const sender = arp.senderProtocol(view, packet)
  const target = arp.targetProtocol(view, packet)
  const isRequest = arp.operation(view, packet) === arp.OPERATION_REQUEST
  if (!isRequest && arp.operation(view, packet) !== arp.OPERATION_REPLY) return ArpKind.invalid
  if (sender === 0 && isRequest) return isIpv4Host(target) ? ArpKind.probe : ArpKind.invalid
  if (!isIpv4Host(sender)) return ArpKind.invalid
  if (sender === target) return ArpKind.announcement
  return isRequest ? ArpKind.request : ArpKind.reply
}

/** Asks everyone who has `target`. */
export function composeRequest(
  view: DataView,
  at: number,
  senderHigh: number,
  senderLow: number,
  sender: number,
  target: number,
): number {
  return composePoll(view, at, senderHigh, senderLow, sender, BROADCAST_HIGH, BROADCAST_LOW, target)
}

/** Asks one station whether it still has `target` (RFC 1122, 2.3.2.1: unicast poll). */
export function composePoll(
  view: DataView,
  at: number,
  senderHigh: number,
  senderLow: number,
  sender: number,
  stationHigh: number,
  stationLow: number,
  target: number,
): number {
  composeHeader(view, at, stationHigh, stationLow, senderHigh, senderLow)
  const packet = arpPacket(at)
  arp.setOperation(view, packet, arp.OPERATION_REQUEST)
  arp.setSender(view, packet, senderHigh, senderLow, sender)
  arp.setTarget(view, packet, 0, 0, target)
  return ARP_FRAME_SIZE
}

/** Tells one station that `sender` is at the sender's MAC address. */
export function composeReply(
  view: DataView,
  at: number,
  senderHigh: number,
  senderLow: number,
  sender: number,
  targetHigh: number,
  targetLow: number,
  target: number,
): number {
  composeHeader(view, at, targetHigh, targetLow, senderHigh, senderLow)
  const packet = arpPacket(at)
  arp.setOperation(view, packet, arp.OPERATION_REPLY)
  arp.setSender(view, packet, senderHigh, senderLow, sender)
  arp.setTarget(view, packet, targetHigh, targetLow, target)
  return ARP_FRAME_SIZE
}

/** Tells everyone that `address` is at this MAC address (RFC 5227, 2.3: as a request, which all stacks take notice of). */
export const composeAnnouncement = (
  view: DataView,
  at: number,
  high: number,
  low: number,
  address: number,
): number => composeRequest(view, at, high, low, address, address)

function composeHeader(
  view: DataView,
  at: number,
  targetHigh: number,
  targetLow: number,
  sourceHigh: number,
  sourceLow: number,
): void {
  virtioNet.clear(view, at - virtioNet.HEADER_SIZE)
  ethernet.setTarget(view, at, targetHigh, targetLow)
  ethernet.setSource(view, at, sourceHigh, sourceLow)
  ethernet.setEtherType(view, at, ethernet.TYPE_ARP)
  arp.setFormat(view, arpPacket(at))
}

const isStation = (high: number, low: number): boolean =>
  !ethernet.isMulticast(high) && (high !== 0 || low !== 0)
