/** IPv4 (RFC 791). */

import { ipv4At } from '../../wire/address.ts'
import { finish, sum } from '../../wire/checksum.ts'
import {
  checksumValid,
  fragmentOffset,
  headerChecksum,
  headerSize,
  isFragment,
  MIN_HEADER_SIZE,
  protocol,
  totalLength,
  version,
} from '../../wire/ipv4.ts'
import { showTrailer } from './ethernet.ts'
import { type Fields, hex, named } from './fields.ts'
import { DSCP_NAMES, ECN_NAMES, IP_PROTOCOLS, upperLayer } from './ip-names.ts'
import { showOptions } from './ipv4-options.ts'
import { cutShort, type Extent, type Layer, type Next, type Packet } from './packet.ts'

export function dissectIpv4(packet: Packet, extent: Extent): Next | undefined {
  const { offset, end } = extent
  const { view } = packet
  const layer = packet.layer('ip', 'Internet Protocol Version 4', extent, MIN_HEADER_SIZE)
  const fields = packet.fields(layer, extent)
  const header = showHeader(fields, offset)
  if (layer.problem !== undefined) return undefined
  layer.title = `Internet Protocol Version 4, ${ipv4At(view, offset + 12)} → ${ipv4At(view, offset + 16)}`
  const size = headerSize(view, offset)
  if (version(view, offset) !== 4) {
    header.version.problem = 'should be 4'
    layer.problem = `its version is ${version(view, offset)}`
    return data(extent, MIN_HEADER_SIZE)
  }
  if (size < MIN_HEADER_SIZE) {
    header.size.problem = `less than the ${MIN_HEADER_SIZE} bytes of the shortest header`
    layer.problem = 'its header length is too small'
    return data(extent, MIN_HEADER_SIZE)
  }
  layer.length = Math.min(size, end - offset)
  if (size > end - offset) layer.problem = cutShort(end - offset, size)
  else judgeHeaderChecksum(view, offset, header.checksum)
  showOptions(packet, layer, offset + MIN_HEADER_SIZE, offset + layer.length)
  if (layer.problem !== undefined) return undefined
  return payload(packet, layer, extent, header.length)
}

interface Header {
  readonly version: ReturnType<Fields['number']>
  readonly size: ReturnType<Fields['number']>
  readonly length: ReturnType<Fields['number']>
  readonly checksum: ReturnType<Fields['number']>
}

function showHeader(fields: Fields, offset: number): Header {
  const versionField = fields.bits('ip.version', 'Version', offset, 1, 0xf0)
  const size = fields.bits('ip.hdr_len', 'Header length', offset, 1, 0x0f)
  size.value = (size.value as number) * 4
  size.text = `${size.value} bytes`
  showTrafficClass(fields, offset)
  const length = fields.number('ip.len', 'Total length', offset + 2, 2)
  fields.hex('ip.id', 'Identification', offset + 4, 2, String)
  const flags = fields.bits('ip.flags', 'Flags', offset + 6, 1, 0xe0)
  const bits = fields.under(flags)
  bits.flag('ip.flags.rb', 'Reserved', offset + 6, 1, 0x80)
  const whole = bits.flag('ip.flags.df', "Don't fragment", offset + 6, 1, 0x40)
  const more = bits.flag('ip.flags.mf', 'More fragments', offset + 6, 1, 0x20)
  flags.text = `${hex(flags.value as number, 1)}${whole.value === true ? " (don't fragment)" : ''}${more.value === true ? ' (more fragments)' : ''}`
  const fragment = fields.bits('ip.frag_offset', 'Fragment offset', offset + 6, 2, 0x1fff)
  fragment.text += ` (${(fragment.value as number) * 8} bytes)`
  fields.number('ip.ttl', 'Time to live', offset + 8, 1)
  fields.number('ip.proto', 'Protocol', offset + 9, 1, named(IP_PROTOCOLS))
  const checksum = fields.hex('ip.checksum', 'Header checksum', offset + 10, 2)
  fields.ipv4('ip.src', 'Source', offset + 12)
  fields.ipv4('ip.dst', 'Destination', offset + 16)
  return { version: versionField, size, length, checksum }
}

/** RFC 2474, 3, and RFC 3168, 5. */
function showTrafficClass(fields: Fields, offset: number): void {
  const bits = fields.under(fields.hex('ip.dsfield', 'Differentiated services', offset + 1, 1))
  bits.bits('ip.dsfield.dscp', 'Code point', offset + 1, 1, 0xfc, named(DSCP_NAMES))
  bits.bits('ip.dsfield.ecn', 'Explicit congestion notification', offset + 1, 1, 0x03, named(ECN_NAMES))
}

function judgeHeaderChecksum(view: DataView, offset: number, field: Header['checksum']): void {
  if (checksumValid(view, offset)) {
    field.text += ' (right)'
    return
  }
  const rest = headerSize(view, offset) - 12
  const right = finish(sum(view, offset + 12, rest, sum(view, offset, 10)))
  field.problem = `wrong, it should be ${hex(right, 4)}`
  if (headerChecksum(view, offset) === 0) field.text += ' (not filled in)'
}

/** Super-frames of some drivers have 0 here, as the device makes packets with lengths of their own of them. */
function leftToDevice({ offset, wireEnd }: Extent, field: Header['length']): number {
  field.value = wireEnd - offset
  field.text = `0 (left to the device; ${field.value} bytes are here)`
  return field.value
}

function payload(
  packet: Packet,
  layer: Layer,
  extent: Extent,
  lengthField: Header['length'],
): Next | undefined {
  const { offset, end } = extent
  const { view } = packet
  const total = totalLength(view, offset) || leftToDevice(extent, lengthField)
  const size = headerSize(view, offset)
  let wireEnd = offset + total
  if (total < size) {
    lengthField.problem = `less than the header's ${size} bytes`
    layer.problem = 'its total length is too small'
    wireEnd = extent.wireEnd
  } else if (wireEnd > extent.wireEnd && !packet.quoted) {
    // What an error message quotes is seldom whole: it says so where its bytes end, and not here.
    lengthField.problem = `more than there is: ${extent.wireEnd - offset} bytes`
  }
  const bytesEnd = Math.min(end, wireEnd)
  const whole = bytesEnd === wireEnd
  if (!packet.quoted) wireEnd = Math.min(wireEnd, extent.wireEnd)
  showTrailer(packet, wireEnd, end)
  const number = protocol(view, offset)
  packet.carrier = { version: 4, header: offset, partial: isFragment(view, offset) || !whole }
  const inner = { offset: offset + size, end: bytesEnd, wireEnd }
  if (total < size || fragmentOffset(view, offset) > 0) return { ...inner, protocol: 'data' }
  return { ...inner, protocol: upperLayer(number, 4) }
}

const data = ({ offset, end, wireEnd }: Extent, size: number): Next => ({
  protocol: 'data',
  offset: offset + size,
  end,
  wireEnd,
})
