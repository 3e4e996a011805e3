/** Whether what leaves is what came, perhaps rewritten, or something that the router made because of it. */

import * as ethernet from '../../wire/ethernet.ts'
import * as ipProtocol from '../../wire/ip-protocol.ts'
import * as ipv4 from '../../wire/ipv4.ts'

/**
 * A frame that is switched keeps its bytes. One that is routed keeps protocol and identification, and one of ICMP its type: what the
 * router makes because of it differs in one of them. Segments of a super-frame count theirs up.
 */
export function isSamePacket(came: Uint8Array, left: Uint8Array, isSuperFrame: boolean): boolean {
  const before = viewOf(came)
  const after = viewOf(left)
  if (!isIpv4(before) || !isIpv4(after)) return Buffer.compare(came, left) === 0
  const ip = ethernet.HEADER_SIZE
  const protocol = ipv4.protocol(before, ip)
  if (protocol !== ipv4.protocol(after, ip)) return false
  if (!isSuperFrame && ipv4.identification(before, ip) !== ipv4.identification(after, ip)) return false
  return protocol !== ipProtocol.ICMP || mayBeEqual(icmpType(before), icmpType(after))
}

const mayBeEqual = (one: number, other: number): boolean => one === other || one < 0 || other < 0

/** -1 of what has none: later fragments, and what was cut off. */
function icmpType(view: DataView): number {
  const ip = ethernet.HEADER_SIZE
  const at = ip + ipv4.headerSize(view, ip)
  const isLater = ipv4.fragmentOffset(view, ip) !== 0
  return isLater || at >= view.byteLength ? -1 : view.getUint8(at)
}

const isIpv4 = (view: DataView): boolean =>
  view.byteLength >= ethernet.HEADER_SIZE + ipv4.MIN_HEADER_SIZE &&
  ethernet.etherType(view, 0) === ethernet.TYPE_IPV4

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, byteLength)
