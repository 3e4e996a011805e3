/** VLAN tags (IEEE 802.1Q, 9.3), shown from the TCI on: the type in front of it belongs to the layer before. */

import { id, nextType, priority } from '../../wire/vlan.ts'
import { ETHER_TYPES, payloadProtocol } from './ethernet.ts'
import type { Extent, Next, Packet } from './packet.ts'

const SIZE = 4
/** A length stands in place of the type up to here. */
const LENGTH_MAX = 1500

/** A customer's tag, 0x8100. */
export function dissectVlan(packet: Packet, extent: Extent): Next | undefined {
  const { offset, end, wireEnd } = extent
  const layer = packet.layer('vlan', '802.1Q VLAN tag', extent, SIZE)
  const fields = packet.fields(layer, extent)
  fields.bits('vlan.priority', 'Priority', offset, 2, 0xe000)
  fields.flag('vlan.dei', 'Drop eligible', offset, 2, 0x1000)
  fields.bits('vlan.id', 'VLAN', offset, 2, 0x0fff)
  if (layer.problem !== undefined) return undefined
  // The accessors of a tag count from the type in front of the TCI.
  const tag = offset - 2
  layer.title = `802.1Q VLAN tag, VLAN ${id(packet.view, tag)}, priority ${priority(packet.view, tag)}`
  const type = nextType(packet.view, tag)
  if (type <= LENGTH_MAX) {
    fields.number('vlan.len', 'Length', offset + 2, 2)
    return { protocol: 'llc', offset: offset + SIZE, end, wireEnd }
  }
  fields.hex('vlan.etype', 'Type', offset + 2, 2, ETHER_TYPES[type] ?? '')
  return { protocol: payloadProtocol(type), offset: offset + SIZE, end, wireEnd }
}

/** A provider's tag, 0x88a8. */
export function dissectServiceVlan(packet: Packet, extent: Extent): Next | undefined {
  const { offset, end, wireEnd } = extent
  const layer = packet.layer('ieee8021ad', '802.1ad service VLAN tag', extent, SIZE)
  const fields = packet.fields(layer, extent)
  fields.bits('ieee8021ad.priority', 'Priority', offset, 1, 0xe0)
  fields.flag('ieee8021ad.dei', 'Drop eligible', offset, 1, 0x10)
  fields.bits('ieee8021ad.id', 'VLAN', offset, 2, 0x0fff)
  if (layer.problem !== undefined) return undefined
  const tag = offset - 2
  layer.title = `802.1ad service VLAN tag, VLAN ${id(packet.view, tag)}, priority ${priority(packet.view, tag)}`
  const type = nextType(packet.view, tag)
  fields.hex('ieee8021ah.etype', 'Type', offset + 2, 2, ETHER_TYPES[type] ?? '')
  return { protocol: payloadProtocol(type), offset: offset + SIZE, end, wireEnd }
}
