/**
 * The frame around an answer: Ethernet, IPv4 and UDP in front of a message that stands there already.
 *
 *     | Ethernet 14 | IPv4 20 | UDP 8 | message |
 *     ^ at                            ^ at + HEADERS_SIZE
 */

import * as checksum from '../../wire/checksum.ts'
import * as ethernet from '../../wire/ethernet.ts'
import * as ipProtocol from '../../wire/ip-protocol.ts'
import * as ipv4 from '../../wire/ipv4.ts'
import * as udp from '../../wire/udp.ts'

/** What an answer has in front of its message; of this, IPv4 and UDP count towards an MTU. */
export const PACKET_HEADERS_SIZE = ipv4.MIN_HEADER_SIZE + udp.HEADER_SIZE
export const HEADERS_SIZE = ethernet.HEADER_SIZE + PACKET_HEADERS_SIZE

/** IANA "IP Option Numbers": Default TTL, as RFC 1700 and Linux have it. */
const TIME_TO_LIVE = 64
const VERSION_4_SIZE_20 = 0x45

// Constants and functions of this module, which V8 compiles in; an imported one it would load and check at each use.
const { UDP } = ipProtocol
const HEADERS = HEADERS_SIZE
const NETWORK = ethernet.HEADER_SIZE
const TRANSPORT = ethernet.HEADER_SIZE + ipv4.MIN_HEADER_SIZE
const { setSource, setTarget, TYPE_IPV4 } = ethernet
const fillHeaderChecksum = ipv4.fillChecksum
const { fillChecksum } = udp
const { pseudoHeaderIpv4 } = checksum
const IPV4_HEADER = ipv4.MIN_HEADER_SIZE
const UDP_HEADER = udp.HEADER_SIZE

/**
 * Writes the headers of a message of `size` bytes, with their checksums, and returns the frame's length. `ports`: the source's << 16 | the
 * destination's. It fits the link, and so needs no identification: it has no other
 * fragments.
 */
export function writeHeaders(
  view: DataView,
  at: number,
  targetHigh: number,
  targetLow: number,
  sourceHigh: number,
  sourceLow: number,
  source: number,
  destination: number,
  ports: number,
  size: number,
): number {
  setTarget(view, at, targetHigh, targetLow)
  setSource(view, at, sourceHigh, sourceLow)
  view.setUint16(at + NETWORK - 2, TYPE_IPV4)
  const network = at + NETWORK
  const transport = at + TRANSPORT
  const length = UDP_HEADER + size
  view.setInt32(network, (VERSION_4_SIZE_20 << 24) | (IPV4_HEADER + length))
  view.setInt32(network + 4, 0)
  view.setInt32(network + 8, (TIME_TO_LIVE << 24) | (UDP << 16))
  view.setInt32(network + 12, source)
  view.setInt32(network + 16, destination)
  fillHeaderChecksum(view, network)
  view.setInt32(transport, ports)
  view.setInt32(transport + 4, length << 16)
  fillChecksum(view, transport, pseudoHeaderIpv4(view, network, UDP, length))
  return HEADERS + size
}
