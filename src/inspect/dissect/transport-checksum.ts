/** Whether the checksum of a transport header is right, in words. */

import { finish, fold, pseudoHeaderIpv4, pseudoHeaderIpv6, sum } from '../../wire/checksum.ts'
import * as ipProtocol from '../../wire/ip-protocol.ts'
import type { Field } from './fields.ts'
import { hex } from './fields.ts'
import type { Extent, Packet } from './packet.ts'

/**
 * Puts what is to be said of it on the field, which stands `at` bytes into the message; `protocol` of undefined: without a pseudo-header.
 * Nothing is said where not all of the message is here.
 */
export function judgeChecksum(
  packet: Packet,
  { offset, end, wireEnd }: Extent,
  protocol: number | undefined,
  at: number,
  field: Field,
): void {
  const { carrier, view } = packet
  if (packet.options.partialChecksum === true && packet.depth === 0 && protocol !== undefined) {
    field.text += ' (to be completed by the device)'
    return
  }
  if (end < wireEnd || end - offset < at + 2 || carrier === undefined || carrier.partial) {
    field.text += ' (not verified: not all that it covers is here)'
    return
  }
  const length = end - offset
  const initial = protocol === undefined ? 0 : pseudoHeader(view, carrier, protocol, length)
  if (sum(view, offset, length, initial) === 0xffff) {
    field.text += ' (right)'
    return
  }
  // What a capture on the sending host has, where the device is to do the rest: no mistake of anybody's.
  if (protocol !== undefined && view.getUint16(offset + at) === fold(initial)) {
    field.text += " (the pseudo-header's sum: to be completed by the device)"
    return
  }
  const before = sum(view, offset, at, initial)
  const right = finish(sum(view, offset + at + 2, length - at - 2, before))
  field.problem = `wrong, it should be ${hex(right === 0 && protocol === ipProtocol.UDP ? 0xffff : right, 4)}`
}

const pseudoHeader = (
  view: DataView,
  carrier: { readonly version: 4 | 6; readonly header: number },
  protocol: number,
  length: number,
): number =>
  carrier.version === 4
    ? pseudoHeaderIpv4(view, carrier.header, protocol, length)
    : pseudoHeaderIpv6(view, carrier.header, protocol, length)
