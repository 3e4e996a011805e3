/**
 * ICMP errors about a flow, and their translation (RFC 5508, 4): an error quotes the packet that it is about, and host and
 * application behind a NAT recognise the quotation only if it reads as what they sent.
 *
 *     | outer IPv4 | ICMP 8 | embedded IPv4 | 8 bytes or more of TCP, UDP, ICMP echo | padding, extensions (RFC 4884) |
 *     ^ network    ^ icmp   ^ embedded                                                                                ^ end
 *
 * The embedded header is read with the accessors of wire/ipv4.ts. Nothing is inserted or removed, so the length and the
 * extensions of RFC 4884 hold after it as before.
 */

import * as checksum from '../wire/checksum.ts'
import * as icmp from '../wire/icmp.ts'
import * as ipProtocol from '../wire/ip-protocol.ts'
import * as ipv4 from '../wire/ipv4.ts'
import * as tcp from '../wire/tcp.ts'
import * as udp from '../wire/udp.ts'
import { isPartial } from './rewrite.ts'

const NO_EMBEDDED = 0

/** RFC 792: what of the upper header every error quotes. */
const UPPER_MIN = 8

/** RFC 4884, 4: where the length of the quotation is in an ICMP header, in units of 4 bytes; 0 in older messages. */
const QUOTATION_LENGTH = 5

/** Whether an ICMP type is one of the errors about a packet. Redirect is not: a router takes and forwards none. */
export const isErrorAboutPacket = (type: number): boolean =>
  type === icmp.TYPE_DESTINATION_UNREACHABLE ||
  type === icmp.TYPE_TIME_EXCEEDED ||
  type === icmp.TYPE_PARAMETER_PROBLEM ||
  type === icmp.TYPE_SOURCE_QUENCH

/**
 * Where the embedded IPv4 header begins in the ICMP message from `message` to `end`, or 0 where there is none that names
 * a flow: the message is no error, the quotation is cut short or from the middle of a datagram, or its protocol is not
 * TCP, UDP, or ICMP echo. Other than 0 promises the header, options included, and the first 8 bytes of the upper one.
 *
 * The embedded header checksum is not looked at: routers on the way have decremented the TTL, and not all of them kept it.
 */
export function embeddedCheck(view: DataView, message: number, end: number): number {
  const embedded = message + icmp.HEADER_SIZE
  if (end - embedded < ipv4.MIN_HEADER_SIZE || !isErrorAboutPacket(icmp.type(view, message)))
    return NO_EMBEDDED
  const size = ipv4.headerSize(view, embedded)
  if (ipv4.version(view, embedded) !== 4 || size < ipv4.MIN_HEADER_SIZE) return NO_EMBEDDED
  if (embedded + size + UPPER_MIN > quotationEnd(view, message, end)) return NO_EMBEDDED
  if (ipv4.fragmentOffset(view, embedded) > 0) return NO_EMBEDDED
  switch (ipv4.protocol(view, embedded)) {
    case ipProtocol.TCP:
    case ipProtocol.UDP:
      return embedded
    case ipProtocol.ICMP:
      return isEcho(icmp.type(view, embedded + size)) ? embedded : NO_EMBEDDED
    default:
      return NO_EMBEDDED
  }
}

/** Ports of the embedded packet, source << 16 | destination as int32; of ICMP echo, the identifier in both halves. */
export function embeddedPorts(view: DataView, embedded: number): number {
  const upper = embedded + ipv4.headerSize(view, embedded)
  if (ipv4.protocol(view, embedded) !== ipProtocol.ICMP) return view.getInt32(upper)
  const identifier = icmp.identifier(view, upper)
  return (identifier << 16) | identifier
}

/**
 * Translates the error in the frame at `offset`: the embedded addresses and ports (of ICMP echo the identifier, the high
 * half), the outer addresses, and all checksums by what has changed. `embeddedCheck` must have found a packet.
 *
 * The embedded upper checksum follows where it is quoted. What nobody can know is whether it was ever finished: a
 * kernel quotes a packet as its TAP delivered it. It does not matter, since nobody can verify it from a quotation either.
 */
export function rewriteEmbedded(
  view: DataView,
  offset: number,
  network: number,
  message: number,
  end: number,
  newEmbeddedSource: number,
  newEmbeddedDestination: number,
  newEmbeddedPorts: number,
  newOuterSource: number,
  newOuterDestination: number,
): void {
  const embedded = message + icmp.HEADER_SIZE
  const upper = embedded + ipv4.headerSize(view, embedded)
  const protocol = ipv4.protocol(view, embedded)

  const addresses = replaceAddresses(view, embedded, newEmbeddedSource, newEmbeddedDestination)
  const ports = replacePorts(view, upper, protocol, newEmbeddedPorts)
  const upperChange = protocol === ipProtocol.ICMP ? ports : addresses + ports
  // Fields of the quotation lie at even distances, so that their changes are all there is to the outer checksum.
  let change = addresses + ports
  change += replaceUpperChecksum(view, upper, quotationEnd(view, message, end), protocol, upperChange)
  change += replaceChecksum(view, embedded + ipv4.CHECKSUM_OFFSET, addresses)
  if (!isPartial(view, offset, message)) replaceChecksum(view, message + icmp.CHECKSUM_OFFSET, change)

  const outer = replaceAddresses(view, network, newOuterSource, newOuterDestination)
  replaceChecksum(view, network + ipv4.CHECKSUM_OFFSET, outer)
}

/** Where the quoted packet ends at the latest. A length beyond the message is that of a sender before RFC 4884. */
function quotationEnd(view: DataView, message: number, end: number): number {
  const length = view.getUint8(message + QUOTATION_LENGTH) << 2
  return length === 0 ? end : Math.min(end, message + icmp.HEADER_SIZE + length)
}

const isEcho = (type: number): boolean => type === icmp.TYPE_ECHO || type === icmp.TYPE_ECHO_REPLY

/*
 * Each function below replaces fields and returns the change of the sum, ~m + m' of RFC 1624 eqn. 3, not folded.
 */

function replaceAddresses(view: DataView, header: number, source: number, destination: number): number {
  const change =
    change32(ipv4.sourceAddress(view, header), source) +
    change32(ipv4.destinationAddress(view, header), destination)
  ipv4.setSourceAddress(view, header, source)
  ipv4.setDestinationAddress(view, header, destination)
  return change
}

function replacePorts(view: DataView, upper: number, protocol: number, ports: number): number {
  if (protocol === ipProtocol.ICMP) {
    const identifier = ports >>> 16
    const change = change16(icmp.identifier(view, upper), identifier)
    icmp.setIdentifier(view, upper, identifier)
    return change
  }
  const change = change32(view.getInt32(upper), ports)
  view.setInt32(upper, ports)
  return change
}

function replaceUpperChecksum(
  view: DataView,
  upper: number,
  quotedEnd: number,
  protocol: number,
  change: number,
): number {
  if (protocol === ipProtocol.ICMP) return replaceChecksum(view, upper + icmp.CHECKSUM_OFFSET, change)
  if (protocol === ipProtocol.TCP) {
    const field = upper + tcp.CHECKSUM_OFFSET
    return field + 2 <= quotedEnd ? replaceChecksum(view, field, change) : 0
  }
  const before = udp.checksum(view, upper)
  if (before === 0) return 0
  const after = checksum.udpChecksum(checksum.finish((~before & 0xffff) + change))
  udp.setChecksum(view, upper, after)
  return change16(before, after)
}

function replaceChecksum(view: DataView, field: number, change: number): number {
  const before = view.getUint16(field)
  const after = checksum.finish((~before & 0xffff) + change)
  view.setUint16(field, after)
  return change16(before, after)
}

const change16 = (before: number, after: number): number => (~before & 0xffff) + after
const change32 = (before: number, after: number): number =>
  (~before & 0xffff) + (~before >>> 16) + (after & 0xffff) + (after >>> 16)
