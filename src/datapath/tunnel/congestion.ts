/**
 * What the outer header says of congestion, carried over to the inner one when the tunnel is left (RFC 6040, 4.2):
 *
 *     inner \ outer   Not-ECT    ECT(0)     ECT(1)     CE
 *     Not-ECT         Not-ECT    Not-ECT    Not-ECT    drop
 *     ECT(0)          ECT(0)     ECT(0)     ECT(1)     CE
 *     ECT(1)          ECT(1)     ECT(1)     ECT(1)     CE
 *     CE              CE         CE         CE         CE
 */

import { update16 } from '../../wire/checksum.ts'
import * as ethernet from '../../wire/ethernet.ts'
import * as ipv4 from '../../wire/ipv4.ts'
import * as ipv6 from '../../wire/ipv6.ts'
import * as vlan from '../../wire/vlan.ts'

const NOT_ECT = 0
const ECT_1 = 1
const ECT_0 = 2
const CE = 3
/** Instead of one of the four. */
const DROP = -1

const UNCHANGED = 0
const CHANGED = 1
export const ECN_DROPPED = 2

/** Of an IPv6 header, the low bits of the traffic class: in the second byte. */
const IPV6_ECN_SHIFT = 4

/** 0 where the frame at `offset` stays as it is, 1 where its ECN field has changed, ECN_DROPPED where it is to go no further. */
export function carryCongestion(view: DataView, offset: number, length: number, outer: number): number {
  if (outer !== CE && outer !== ECT_1) return UNCHANGED
  const end = offset + length
  const tags = vlan.tagsSize(view, offset, end)
  const type = ethernet.etherType(view, offset + tags)
  const network = offset + ethernet.HEADER_SIZE + tags
  if (type === ethernet.TYPE_IPV4) {
    if (end - network < ipv4.MIN_HEADER_SIZE || ipv4.version(view, network) !== 4) return UNCHANGED
    return carryIpv4(view, network, outer)
  }
  if (type !== ethernet.TYPE_IPV6 || end - network < ipv6.HEADER_SIZE || ipv6.version(view, network) !== 6) {
    return UNCHANGED
  }
  return carryIpv6(view, network, outer)
}

function carryIpv4(view: DataView, network: number, outer: number): number {
  const inner = ipv4.ecn(view, network)
  const result = combined(inner, outer)
  if (result === inner) return UNCHANGED
  if (result === DROP) return ECN_DROPPED
  const before = view.getUint16(network)
  const after = before - inner + result
  ipv4.setHeaderChecksum(view, network, update16(ipv4.headerChecksum(view, network), before, after))
  view.setUint16(network, after)
  return CHANGED
}

function carryIpv6(view: DataView, network: number, outer: number): number {
  const word = view.getUint16(network)
  const inner = (word >>> IPV6_ECN_SHIFT) & CE
  const result = combined(inner, outer)
  if (result === inner) return UNCHANGED
  if (result === DROP) return ECN_DROPPED
  view.setUint16(network, word + ((result - inner) << IPV6_ECN_SHIFT))
  return CHANGED
}

/** The inner field from here on, or DROP. */
function combined(inner: number, outer: number): number {
  if (inner === NOT_ECT) return outer === CE ? DROP : NOT_ECT
  if (outer === CE) return CE
  return inner === ECT_0 ? ECT_1 : inner
}
