/**
 * The TCP reset with which a router refuses a connection in a host's place (RFC 9293, 3.5.2 and 3.10.7.1: what CLOSED
 * answers). Memory and offsets as in icmp.ts.
 */

import { pseudoHeaderIpv4 } from '../wire/checksum.ts'
import * as ethernet from '../wire/ethernet.ts'
import * as ipProtocol from '../wire/ip-protocol.ts'
import * as ipv4 from '../wire/ipv4.ts'
import * as tcp from '../wire/tcp.ts'
import * as virtioNet from '../wire/virtio-net.ts'

const TIME_TO_LIVE = 64

/** Nothing has been written. */
export const NO_RESET = 0

/**
 * Writes the reset that answers the segment in the frame at `offset` as a frame to its sender, with all checksums, and
 * returns its length. All addresses and ports change sides. The frame must have passed `ipv4.check` and have one station as
 * its target; who may be answered, `mayAnswer` of icmp.ts knows.
 *
 * NO_RESET where there is nothing to answer: the segment is a reset itself, is not complete, or is in fragments, so
 * that its length is unknown.
 */
export function composeReset(
  view: DataView,
  bytes: Uint8Array,
  at: number,
  offset: number,
  network: number,
): number {
  const segment = network + ipv4.headerSize(view, network)
  const segmentEnd = network + ipv4.totalLength(view, network)
  if (ipv4.protocol(view, network) !== ipProtocol.TCP || ipv4.isFragment(view, network)) return NO_RESET
  if (!tcp.check(view, segment, segmentEnd)) return NO_RESET
  if ((tcp.controlBits(view, segment) & tcp.RST) !== 0) return NO_RESET
  const header = at + network - offset
  const reset = header + ipv4.MIN_HEADER_SIZE
  const end = reset + tcp.MIN_HEADER_SIZE

  virtioNet.clear(view, at - virtioNet.HEADER_SIZE)
  bytes.copyWithin(at, offset, network)
  ethernet.setTarget(view, at, ethernet.sourceHigh(view, offset), ethernet.sourceLow(view, offset))
  ethernet.setSource(view, at, ethernet.targetHigh(view, offset), ethernet.targetLow(view, offset))
  const source = ipv4.destinationAddress(view, network)
  const destination = ipv4.sourceAddress(view, network)
  const ports = (tcp.destinationPort(view, segment) << 16) | tcp.sourcePort(view, segment)
  writePacket(view, header, source, destination, ports)
  setNumbers(view, reset, segment, segmentEnd)
  fill(view, header)
  return end - at
}

/** Bytes of the frame that `composeResetOf` writes. */
export const RESET_FRAME_SIZE = ethernet.HEADER_SIZE + ipv4.MIN_HEADER_SIZE + tcp.MIN_HEADER_SIZE

/** A reset that no segment has asked for. */
export interface Reset {
  readonly targetHigh: number
  readonly targetLow: number
  readonly sourceHigh: number
  readonly sourceLow: number
  readonly source: number
  readonly destination: number
  /** Source << 16 | destination. */
  readonly ports: number
  /** What the receiver expects next: with any other it asks back before it believes (RFC 5961, 3.2). */
  readonly sequence: number
}

/** Writes it as an untagged frame of RESET_FRAME_SIZE bytes, with all checksums. */
export function composeResetOf(view: DataView, at: number, reset: Reset): void {
  const header = at + ethernet.HEADER_SIZE
  const segment = header + ipv4.MIN_HEADER_SIZE
  virtioNet.clear(view, at - virtioNet.HEADER_SIZE)
  ethernet.setTarget(view, at, reset.targetHigh, reset.targetLow)
  ethernet.setSource(view, at, reset.sourceHigh, reset.sourceLow)
  ethernet.setEtherType(view, at, ethernet.TYPE_IPV4)
  writePacket(view, header, reset.source, reset.destination, reset.ports)
  tcp.setSequenceNumber(view, segment, reset.sequence)
  tcp.setAcknowledgmentNumber(view, segment, 0)
  tcp.setControlBits(view, segment, tcp.RST)
  fill(view, header)
}

/** All of both headers but for the numbers, the control bits and the segment's checksum. */
function writePacket(
  view: DataView,
  header: number,
  source: number,
  destination: number,
  ports: number,
): void {
  const segment = header + ipv4.MIN_HEADER_SIZE
  ipv4.setHeaderSize(view, header, ipv4.MIN_HEADER_SIZE)
  ipv4.setTypeOfService(view, header, 0)
  ipv4.setTotalLength(view, header, ipv4.MIN_HEADER_SIZE + tcp.MIN_HEADER_SIZE)
  ipv4.setIdentification(view, header, 0)
  ipv4.setFragment(view, header, ipv4.DONT_FRAGMENT, 0)
  ipv4.setTimeToLive(view, header, TIME_TO_LIVE)
  ipv4.setProtocol(view, header, ipProtocol.TCP)
  ipv4.setSourceAddress(view, header, source)
  ipv4.setDestinationAddress(view, header, destination)
  ipv4.fillChecksum(view, header)

  tcp.setSourcePort(view, segment, ports >>> 16)
  tcp.setDestinationPort(view, segment, ports & 0xffff)
  tcp.setHeaderSize(view, segment, tcp.MIN_HEADER_SIZE)
  tcp.setWindow(view, segment, 0)
  tcp.setUrgentPointer(view, segment, 0)
}

function fill(view: DataView, header: number): void {
  const segment = header + ipv4.MIN_HEADER_SIZE
  const end = segment + tcp.MIN_HEADER_SIZE
  tcp.fillChecksum(view, segment, end, pseudoHeaderIpv4(view, header, ipProtocol.TCP, end - segment))
}

/** A peer takes a reset only where it continues what it knows: what it acknowledged, or else what it sent. */
function setNumbers(view: DataView, reset: number, segment: number, segmentEnd: number): void {
  const controlBits = tcp.controlBits(view, segment)
  if ((controlBits & tcp.ACK) !== 0) {
    tcp.setSequenceNumber(view, reset, tcp.acknowledgmentNumber(view, segment))
    tcp.setAcknowledgmentNumber(view, reset, 0)
    tcp.setControlBits(view, reset, tcp.RST)
    return
  }
  // RFC 9293, 3.4: SYN and FIN take a number each.
  const syn = (controlBits & tcp.SYN) === 0 ? 0 : 1
  const fin = (controlBits & tcp.FIN) === 0 ? 0 : 1
  const length = segmentEnd - segment - tcp.headerSize(view, segment) + syn + fin
  tcp.setSequenceNumber(view, reset, 0)
  tcp.setAcknowledgmentNumber(view, reset, tcp.sequenceNumber(view, segment) + length)
  tcp.setControlBits(view, reset, tcp.RST | tcp.ACK)
}
