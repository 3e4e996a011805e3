/**
 * What another tunnel endpoint on this machine has left to "hardware". Between two network namespaces a packet never leaves the kernel, and where
 * the devices on the way promise to finish checksums and to cut super-frames up, nobody does: what a socket is given is then an inner
 * frame whose checksum field holds the sum of the pseudo-header alone, or one that is longer than any datagram that was sent.
 *
 *     one datagram     | VXLAN | inner super-frame                          |       segment size 0
 *     with a size      | VXLAN | inner super-frame of UDP                   |       the size is that of the inner segments
 *     otherwise        | VXLAN | frame | VXLAN | frame | VXLAN | frame |            the size is that of the datagrams
 *
 * Such a frame gets the virtio-net header that it would have on a TAP. To finish a checksum that is right changes nothing: ~(-P) is P again,
 * where P is the sum of the pseudo-header, so that one that looks unfinished by chance is none the worse for it.
 */

import * as checksum from '../../wire/checksum.ts'
import * as ethernet from '../../wire/ethernet.ts'
import * as ipProtocol from '../../wire/ip-protocol.ts'
import * as ipv4 from '../../wire/ipv4.ts'
import * as ipv6 from '../../wire/ipv6.ts'
import * as tcp from '../../wire/tcp.ts'
import * as udp from '../../wire/udp.ts'
import * as virtioNet from '../../wire/virtio-net.ts'

// Constants of this module, whose values V8 compiles in; an imported one it would load and check at each use.
const { etherType, TYPE_IPV4, TYPE_IPV6 } = ethernet
const { pseudoHeaderIpv4, pseudoHeaderIpv6 } = checksum
const ETHERNET_HEADER_SIZE = ethernet.HEADER_SIZE
const VIRTIO_NET_HEADER_SIZE = virtioNet.HEADER_SIZE
const IPV4_HEADER_SIZE = ipv4.MIN_HEADER_SIZE
const IPV6_HEADER_SIZE = ipv6.HEADER_SIZE
const { TCP, UDP } = ipProtocol
const TCP_HEADER_SIZE = tcp.MIN_HEADER_SIZE
const UDP_HEADER_SIZE = udp.HEADER_SIZE
const TCP_CHECKSUM = tcp.CHECKSUM_OFFSET
const UDP_CHECKSUM = udp.CHECKSUM_OFFSET
const { FLAG_NEEDS_CSUM, GSO_TCPV4, GSO_TCPV6, GSO_UDP_L4 } = virtioNet

/** Bytes of the frame at `offset` by what its IP header says; 0 where it has none, or not all of it is before `end`. */
export function saidLength(view: DataView, offset: number, end: number): number {
  const network = offset + ETHERNET_HEADER_SIZE
  if (end - network < IPV4_HEADER_SIZE) return 0
  const type = etherType(view, offset)
  if (type === TYPE_IPV4) return ETHERNET_HEADER_SIZE + view.getUint16(network + 2)
  if (type !== TYPE_IPV6) return 0
  return ETHERNET_HEADER_SIZE + IPV6_HEADER_SIZE + view.getUint16(network + 4)
}

/** Whether the TCP header at `transport`, which is complete, has the sum of the pseudo-header alone for its checksum. */
export function isLeftOpen(view: DataView, network: number, transport: number): boolean {
  const isVersion4 = view.getUint8(network) >>> 4 === 4
  const end = isVersion4
    ? network + view.getUint16(network + 2)
    : network + IPV6_HEADER_SIZE + view.getUint16(network + 4)
  const size = end - transport
  if (size < TCP_HEADER_SIZE) return false
  const pseudoHeader = isVersion4
    ? pseudoHeaderIpv4(view, network, TCP, size)
    : pseudoHeaderIpv6(view, network, TCP, size)
  return view.getUint16(transport + TCP_CHECKSUM) === pseudoHeader
}

/**
 * Lets the virtio-net header of the frame, which is all zeroes, say what is left to be done. `mtu`: what the way to the peer takes, which
 * segments have been made for; `segmentSize`: theirs, where it is known, else 0.
 */
export function noteUnfinished(
  view: DataView,
  offset: number,
  length: number,
  mtu: number,
  segmentSize: number,
): void {
  const network = offset + ETHERNET_HEADER_SIZE
  const end = offset + length
  if (end - network < IPV4_HEADER_SIZE + UDP_HEADER_SIZE) return
  const type = etherType(view, offset)
  let transport: number
  let protocol: number
  let size: number
  let pseudoHeader: number
  if (type === TYPE_IPV4) {
    protocol = view.getUint8(network + 9)
    // Neither a fragment nor anything that has no checksum over a pseudo-header.
    if ((protocol !== TCP && protocol !== UDP) || (view.getUint16(network + 6) & 0x3fff) !== 0) return
    transport = network + ((view.getUint8(network) & 0x0f) << 2)
    size = network + view.getUint16(network + 2) - transport
    pseudoHeader = pseudoHeaderIpv4(view, network, protocol, size)
  } else if (type === TYPE_IPV6) {
    protocol = view.getUint8(network + 6)
    if ((protocol !== TCP && protocol !== UDP) || end - network < IPV6_HEADER_SIZE + UDP_HEADER_SIZE) return
    transport = network + IPV6_HEADER_SIZE
    size = view.getUint16(network + 4)
    pseudoHeader = pseudoHeaderIpv6(view, network, protocol, size)
  } else return
  if (transport + size > end || size < (protocol === TCP ? TCP_HEADER_SIZE : UDP_HEADER_SIZE)) return
  const field = protocol === TCP ? TCP_CHECKSUM : UDP_CHECKSUM
  if (view.getUint16(transport + field) !== pseudoHeader) return

  const header = offset - VIRTIO_NET_HEADER_SIZE
  virtioNet.setFlags(view, header, FLAG_NEEDS_CSUM)
  virtioNet.setChecksumStart(view, header, transport - offset)
  virtioNet.setChecksumOffset(view, header, field)
  if (transport + size - network <= mtu) return
  if (protocol === TCP) {
    const headers = transport + ((view.getUint8(transport + 12) >>> 4) << 2) - network
    if (headers >= mtu) return
    virtioNet.setGsoType(view, header, type === TYPE_IPV4 ? GSO_TCPV4 : GSO_TCPV6)
    virtioNet.setHeaderLength(view, header, headers + ETHERNET_HEADER_SIZE)
    virtioNet.setGsoSize(view, header, segmentSize === 0 ? mtu - headers : segmentSize)
  } else if (segmentSize > 0) {
    virtioNet.setGsoType(view, header, GSO_UDP_L4)
    virtioNet.setHeaderLength(view, header, transport + UDP_HEADER_SIZE - offset)
    virtioNet.setGsoSize(view, header, segmentSize)
  }
}
