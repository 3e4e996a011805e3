/**
 * What the router knows of the packets of a burst: a row of sixteen words each, filled once by `inspect`, which promises the
 * rest of the way that the headers hold.
 *
 *     | port offset length domain | network transport end protocol | source destination ports hash | traits tcp - - |
 *
 * All packets of a burst are inspected before the first is decided on, so that the cache misses of their connections overlap.
 */

import { BURST_MAX } from '../limits.ts'
import * as addresses from '../wire/address.ts'
import * as ethernet from '../wire/ethernet.ts'
import * as icmp from '../wire/icmp.ts'
import * as ipProtocol from '../wire/ip-protocol.ts'
import * as ipv4 from '../wire/ipv4.ts'
import * as tcp from '../wire/tcp.ts'
import * as udp from '../wire/udp.ts'
import { DropReason } from './drop-reason.ts'
import { isErrorAboutPacket } from './icmp-error.ts'
import { checksumRequestFits, checksumRequestIsInside } from './rewrite.ts'

// Constants of this module, whose values V8 compiles in; an imported one it would load and check at each use.
const { isIpv4Host } = addresses
const { ICMP, TCP, UDP } = ipProtocol
const { none: ACCEPTED } = DropReason
const ETHERNET_HEADER_SIZE = ethernet.HEADER_SIZE
const { checksumValid, MIN_HEADER_SIZE, wordsChecksumValid } = ipv4
const { controlBits } = tcp
const isTcpHeader = tcp.check
const tcpHeaderSize = tcp.headerSize
const UDP_HEADER_SIZE = udp.HEADER_SIZE
const ICMP_HEADER_SIZE = icmp.HEADER_SIZE
const { TYPE_ECHO, TYPE_ECHO_REPLY } = icmp
const isChecksumRequestRight = checksumRequestFits

export const ROW_SHIFT = 4
const ROW_WORDS = 1 << ROW_SHIFT

/** The switch's port that it came by, where the frame is in the memory, its bytes, and the domain that it came from. */
export const PORT = 0
export const OFFSET = 1
export const LENGTH = 2
export const DOMAIN = 3
/** Where the IPv4 header and the one behind it begin, and where the packet ends, in the memory. */
export const NETWORK = 4
export const TRANSPORT = 5
export const END = 6
export const PROTOCOL = 7
export const SOURCE = 8
export const DESTINATION = 9
/** Source << 16 | destination; ICMP echo's identifier in both; 0 where the protocol has none. */
export const PORTS = 10
/** Of the four words before, by the connection table. */
export const HASH = 11
export const TRAITS = 12
/** TCP's control bits. */
export const CONTROL = 13

/** Traits. The upper header is here, and has ports or an identifier. */
export const HAS_PORTS = 1
/** It is a fragment, and not the first: its ports are in another packet. */
export const LATER_FRAGMENT = 2
export const FIRST_FRAGMENT = 4
/** An ICMP error: it is about a packet of another connection. */
export const ICMP_ERROR = 8
/** It can begin a connection. */
export const CAN_BEGIN = 16
/** Its time to live is over: it goes no further than here. */
export const EXPIRED = 32

/** RFC 791, 3.1: the largest datagram. */
const DATAGRAM_MAX = 65_535
/** The upper header's bytes that a first fragment must have (RFC 1858, 4: all that a filter looks at). */
const FIRST_FRAGMENT_TCP_MIN = 16

const IPV4_VERSION = 4
/** MORE_FRAGMENTS and the fragment offset. */
const FRAGMENT_MASK = 0x3fff

const MALFORMED = -1

const OPTION_END = 0
const OPTION_NO_OPERATION = 1
const OPTION_LOOSE_SOURCE_ROUTE = 131
const OPTION_STRICT_SOURCE_ROUTE = 137

/** The row behind those of a burst: for a packet that has waited, or that is only asked about. */
export const EXTRA_ROW = BURST_MAX << ROW_SHIFT

export class Packets {
  readonly rows = new Int32Array(EXTRA_ROW + ROW_WORDS)
  count = 0

  /** Room for one more packet; where its row begins. */
  add(port: number, offset: number, length: number, domain: number): number {
    const row = this.count++ << ROW_SHIFT
    const rows = this.rows
    rows[row + PORT] = port
    rows[row + OFFSET] = offset
    rows[row + LENGTH] = length
    rows[row + DOMAIN] = domain
    return row
  }
}

/**
 * 0, or the DropReason, of an untagged frame whose EtherType is IPv4. 0 promises: header and total length fit the frame, the header
 * checksum is right, addresses may be routed, no source route; unless it is a later fragment, the header of TCP, UDP or ICMP is
 * complete and its ports are not 0; NEEDS_CSUM means a field that rewriting leaves where it is. Fills all words but the hash.
 *
 * The IPv4 header is read a word at a time, and once: a view's access costs more than what is made of it. What it must be is what
 * `check` and `checksumValid` of wire/ipv4.ts say.
 *
 *     | version, IHL, -, total length | identification, fragment | TTL, protocol, checksum | source | destination |
 */
export function inspect(view: DataView, rows: Int32Array, row: number): number {
  const offset = rows[row + OFFSET]!
  const network = offset + ETHERNET_HEADER_SIZE
  const room = rows[row + LENGTH]! - ETHERNET_HEADER_SIZE
  if (room < MIN_HEADER_SIZE) return DropReason.ipMalformed
  const first = view.getInt32(network)
  const total = first & 0xffff
  const size = (first >>> 22) & 0x3c
  if (first >>> 28 !== IPV4_VERSION || size < MIN_HEADER_SIZE || size > total || total > room)
    return DropReason.ipMalformed
  const second = view.getInt32(network + 4)
  const third = view.getInt32(network + 8)
  const source = view.getInt32(network + 12)
  const destination = view.getInt32(network + 16)
  if (size > MIN_HEADER_SIZE) {
    if (!checksumValid(view, network)) return DropReason.ipChecksum
    if (hasSourceRoute(view, network, size)) return DropReason.ipSourceRoute
  } else if (!wordsChecksumValid(first, second, third, source, destination)) return DropReason.ipChecksum
  if (!isIpv4Host(source) || !isIpv4Host(destination) || source === destination)
    return DropReason.martianAddress
  rows[row + NETWORK] = network
  rows[row + TRANSPORT] = network + size
  rows[row + END] = network + total
  rows[row + PROTOCOL] = (third >>> 16) & 0xff
  rows[row + SOURCE] = source
  rows[row + DESTINATION] = destination
  rows[row + PORTS] = 0
  rows[row + TRAITS] = third >>> 24 <= 1 ? EXPIRED : 0
  rows[row + CONTROL] = 0
  if (!checksumRequestIsInside(view, offset, rows[row + TRANSPORT]!, rows[row + END]!)) {
    return DropReason.offloadInvalid
  }
  if ((second & FRAGMENT_MASK) !== 0) {
    const reason = inspectFragment(view, rows, row)
    if (reason !== ACCEPTED || (rows[row + TRAITS]! & LATER_FRAGMENT) !== 0) return reason
  }
  return inspectTransport(view, rows, row)
}

/** Walks the options (RFC 791, 3.1); a malformed one ends the walk, and is for the destination to judge. */
function hasSourceRoute(view: DataView, network: number, headerSize: number): boolean {
  const end = network + headerSize
  let at = network + MIN_HEADER_SIZE
  while (at < end) {
    const kind = view.getUint8(at)
    if (kind === OPTION_END) return false
    if (kind === OPTION_LOOSE_SOURCE_ROUTE || kind === OPTION_STRICT_SOURCE_ROUTE) return true
    const size = kind === OPTION_NO_OPERATION ? 1 : at + 1 < end ? view.getUint8(at + 1) : 0
    if (size === 0 || (size === 1 && kind !== OPTION_NO_OPERATION)) return false
    at += size
  }
  return false
}

function inspectFragment(view: DataView, rows: Int32Array, row: number): number {
  const network = rows[row + NETWORK]!
  const start = ipv4.fragmentOffset(view, network)
  const payload = rows[row + END]! - rows[row + TRANSPORT]!
  if (start + payload > DATAGRAM_MAX - MIN_HEADER_SIZE) return DropReason.fragmentInvalid
  // All but the last carry a multiple of eight bytes, and none carries nothing.
  if (payload === 0 || (ipv4.moreFragments(view, network) && (payload & 7) !== 0))
    return DropReason.fragmentInvalid
  const isTcp = rows[row + PROTOCOL] === TCP
  if (start > 0) {
    rows[row + TRAITS]! |= LATER_FRAGMENT
    // RFC 3128: a fragment at 8 would replace the control bits that were judged.
    return isTcp && start < FIRST_FRAGMENT_TCP_MIN ? DropReason.fragmentInvalid : DropReason.none
  }
  rows[row + TRAITS]! |= FIRST_FRAGMENT
  return isTcp && payload < FIRST_FRAGMENT_TCP_MIN ? DropReason.fragmentInvalid : DropReason.none
}

function inspectTransport(view: DataView, rows: Int32Array, row: number): number {
  const transport = rows[row + TRANSPORT]!
  const protocol = rows[row + PROTOCOL]!
  const size = upperHeaderSize(view, rows, row)
  if (size === MALFORMED) return DropReason.transportMalformed
  if (!isChecksumRequestRight(view, rows[row + OFFSET]!, transport, transport + size, protocol))
    return DropReason.offloadInvalid
  if (protocol === ICMP) return inspectIcmp(view, rows, row)
  if (protocol !== TCP && protocol !== UDP) {
    rows[row + TRAITS]! |= CAN_BEGIN
    return ACCEPTED
  }
  const ports = view.getInt32(transport)
  if (ports >>> 16 === 0 || (ports & 0xffff) === 0) return DropReason.portZero
  rows[row + PORTS] = ports
  rows[row + TRAITS]! |= HAS_PORTS | CAN_BEGIN
  return ACCEPTED
}

/** Bytes of the header behind that of IPv4, 0 where the router does not know its protocol; or MALFORMED. Notes TCP's control bits. */
function upperHeaderSize(view: DataView, rows: Int32Array, row: number): number {
  const transport = rows[row + TRANSPORT]!
  const end = rows[row + END]!
  const protocol = rows[row + PROTOCOL]!
  if (protocol === TCP) {
    if (!isTcpHeader(view, transport, end)) return MALFORMED
    rows[row + CONTROL] = controlBits(view, transport)
    return tcpHeaderSize(view, transport)
  }
  if (protocol === UDP)
    return isUdpHeader(view, transport, end, rows[row + TRAITS]!) ? UDP_HEADER_SIZE : MALFORMED
  if (protocol === ICMP) return icmp.check(view, transport, end) ? ICMP_HEADER_SIZE : MALFORMED
  return 0
}

/** Of a datagram's first fragment the length is that of the whole, which is not here. */
function isUdpHeader(view: DataView, transport: number, end: number, traits: number): boolean {
  if ((traits & FIRST_FRAGMENT) === 0) return udp.check(view, transport, end)
  return end - transport >= udp.HEADER_SIZE && udp.length(view, transport) >= end - transport
}

function inspectIcmp(view: DataView, rows: Int32Array, row: number): number {
  const transport = rows[row + TRANSPORT]!
  const type = icmp.type(view, transport)
  if (type === TYPE_ECHO || type === TYPE_ECHO_REPLY) {
    const identifier = icmp.identifier(view, transport)
    rows[row + PORTS] = (identifier << 16) | identifier
    rows[row + TRAITS]! |= type === TYPE_ECHO ? HAS_PORTS | CAN_BEGIN : HAS_PORTS
    return DropReason.none
  }
  if (!isErrorAboutPacket(type)) return DropReason.icmpUnsupported
  if ((rows[row + TRAITS]! & FIRST_FRAGMENT) !== 0) return DropReason.fragmentInvalid
  rows[row + TRAITS]! |= ICMP_ERROR
  return DropReason.none
}
