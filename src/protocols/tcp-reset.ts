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

  ipv4.setHeaderSize(view, header, ipv4.MIN_HEADER_SIZE)
  ipv4.setTypeOfService(view, header, 0)
  ipv4.setTotalLength(view, header, end - header)
  ipv4.setIdentification(view, header, 0)
  ipv4.setFragment(view, header, ipv4.DONT_FRAGMENT, 0)
  ipv4.setTimeToLive(view, header, TIME_TO_LIVE)
  ipv4.setProtocol(view, header, ipProtocol.TCP)
  ipv4.setSourceAddress(view, header, ipv4.destinationAddress(view, network))
  ipv4.setDestinationAddress(view, header, ipv4.sourceAddress(view, network))
  ipv4.fillChecksum(view, header)

  tcp.setSourcePort(view, reset, tcp.destinationPort(view, segment))
  tcp.setDestinationPort(view, reset, tcp.sourcePort(view, segment))
  setNumbers(view, reset, segment, segmentEnd)
  tcp.setHeaderSize(view, reset, tcp.MIN_HEADER_SIZE)
  tcp.setWindow(view, reset, 0)
  tcp.setUrgentPointer(view, reset, 0)
  tcp.fillChecksum(view, reset, end, pseudoHeaderIpv4(view, header, ipProtocol.TCP, end - reset))
  return end - at
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
