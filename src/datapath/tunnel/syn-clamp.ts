/** A SYN out of a tunnel says what the way back takes, whatever interface its sender has (RFC 9293, 3.7.1). */

import * as ethernet from '../../wire/ethernet.ts'
import * as ipProtocol from '../../wire/ip-protocol.ts'
import * as ipv4 from '../../wire/ipv4.ts'
import * as ipv6 from '../../wire/ipv6.ts'
import * as tcp from '../../wire/tcp.ts'
import { clampMssOf } from '../rewrite.ts'
import { isLeftOpen } from './unfinished.ts'

// Constants of this module, whose values V8 compiles in; an imported one it would load and check at each use.
const { etherType, TYPE_IPV4, TYPE_IPV6 } = ethernet
const { TCP } = ipProtocol
const { SYN } = tcp
const ETHERNET_HEADER_SIZE = ethernet.HEADER_SIZE
const IPV4_HEADER_SIZE = ipv4.MIN_HEADER_SIZE
const IPV6_HEADER_SIZE = ipv6.HEADER_SIZE
const TCP_HEADER_SIZE = tcp.MIN_HEADER_SIZE
const TCP_CONTROL_BITS = 13
const FRAGMENT_OFFSET = 0x1fff

/** Lowers the MSS of the frame at `offset` to what `mtu` bytes of packet leave, if it is a SYN. Its virtio-net header is not looked at. */
export function clampSyn(view: DataView, offset: number, length: number, mtu: number): void {
  const type = etherType(view, offset)
  const network = offset + ETHERNET_HEADER_SIZE
  const end = offset + length
  if (type === TYPE_IPV4) {
    if (end - network < IPV4_HEADER_SIZE || view.getUint8(network + 9) !== TCP) return
    if ((view.getUint16(network + 6) & FRAGMENT_OFFSET) !== 0) return
    const transport = network + ((view.getUint8(network) & 0x0f) << 2)
    clamp(view, network, transport, end, mtu - IPV4_HEADER_SIZE - TCP_HEADER_SIZE)
  } else if (type === TYPE_IPV6) {
    if (end - network < IPV6_HEADER_SIZE || view.getUint8(network + 6) !== TCP) return
    clamp(view, network, network + IPV6_HEADER_SIZE, end, mtu - IPV6_HEADER_SIZE - TCP_HEADER_SIZE)
  }
}

function clamp(view: DataView, network: number, transport: number, end: number, mss: number): void {
  if (end - transport < TCP_HEADER_SIZE) return
  if ((view.getUint8(transport + TCP_CONTROL_BITS) & SYN) === 0) return
  clampMssOf(view, transport, end, mss, isLeftOpen(view, network, transport))
}
