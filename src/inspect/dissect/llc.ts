/** Logical link control (IEEE 802.2) of frames with a length: its addresses, and with SNAP the type that they stand for. */

import { ETHER_TYPES, payloadProtocol } from './ethernet.ts'
import { nameIn } from './fields.ts'
import type { Extent, Next, Packet } from './packet.ts'

const SIZE = 3
const SNAP_SIZE = 8
const SNAP = 0xaa
const UNNUMBERED = 0x03
/** The two lowest bits of unnumbered frames; the others have a control field of two bytes. */
const UNNUMBERED_MASK = 0x03

const ACCESS_POINTS: Readonly<Record<number, string>> = {
  0x00: 'null',
  0x42: 'spanning tree',
  [SNAP]: 'SNAP',
}

export function dissectLlc(packet: Packet, extent: Extent): Next | undefined {
  const { offset, end, wireEnd } = extent
  if (offset >= end) return undefined
  const { view } = packet
  const layer = packet.layer('llc', 'Logical Link Control', extent, SIZE)
  const fields = packet.fields(layer, extent)
  fields.hex('llc.dsap', 'Destination service access point', offset, 1, nameIn(ACCESS_POINTS))
  fields.hex('llc.ssap', 'Source service access point', offset + 1, 1, nameIn(ACCESS_POINTS))
  if (layer.problem !== undefined) return undefined
  const unnumbered = (view.getUint8(offset + 2) & UNNUMBERED_MASK) === UNNUMBERED
  fields.hex('llc.control', 'Control', offset + 2, unnumbered ? 1 : 2)
  const size = unnumbered ? SIZE : SIZE + 1
  layer.length = Math.min(size, end - offset)
  const snap = view.getUint8(offset) === SNAP && view.getUint8(offset + 1) === SNAP && unnumbered
  if (!snap || end - offset < SNAP_SIZE)
    return { protocol: 'data', offset: offset + layer.length, end, wireEnd }
  layer.length = SNAP_SIZE
  const organization = fields.hex('llc.oui', 'Organization', offset + 3, 3)
  const type = view.getUint16(offset + 6)
  fields.hex('llc.type', 'Type', offset + 6, 2, ETHER_TYPES[type] ?? '')
  // RFC 1042: of organization 0 the types are Ethernet's.
  const protocol = organization.value === 0 ? payloadProtocol(type) : 'data'
  return { protocol, offset: offset + SNAP_SIZE, end, wireEnd }
}
