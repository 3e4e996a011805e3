/** What nobody here takes apart. */

import type { Extent, Packet } from './packet.ts'

export function dissectData(packet: Packet, extent: Extent): undefined {
  const { offset, end } = extent
  if (offset >= end) return
  const size = end - offset
  const layer = packet.layer('data', `Data, ${size === 1 ? '1 byte' : `${size} bytes`}`, extent, size)
  packet.fields(layer, extent).bytes('data.data', 'Data', offset, size)
}
