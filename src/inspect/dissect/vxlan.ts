/** VXLAN (RFC 7348, 5). The frame that it carries is shown as layers of its own, one deeper. */

import { check, HEADER_SIZE, networkIdentifier } from '../../wire/vxlan.ts'
import { hex } from './fields.ts'
import type { Extent, Next, Packet } from './packet.ts'

export function dissectVxlan(packet: Packet, extent: Extent): Next | undefined {
  const { offset, end, wireEnd } = extent
  const layer = packet.layer('vxlan', 'Virtual Extensible LAN', extent, HEADER_SIZE)
  const fields = packet.fields(layer, extent)
  const flags = fields.hex('vxlan.flags', 'Flags', offset, 2)
  fields.under(flags).flag('vxlan.flag_i', 'Network identifier is valid', offset, 2, 0x0800)
  const identifier = fields.number('vxlan.vni', 'Network identifier (VNI)', offset + 4, 3)
  if (layer.problem !== undefined) return undefined
  layer.title = `Virtual Extensible LAN, network ${networkIdentifier(packet.view, offset)}`
  if (!check(packet.view, offset, end))
    identifier.problem = `not valid: the flag ${hex(0x0800, 4)} is missing`
  packet.depth++
  packet.carrier = undefined
  return { protocol: 'eth', offset: offset + HEADER_SIZE, end, wireEnd }
}
