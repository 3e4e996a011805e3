/** DNS messages (RFC 1035, 4), by UDP or, with a length in front of each, by TCP; and multicast DNS (RFC 6762). */

import {
  FLAG_AA,
  FLAG_AD,
  FLAG_CD,
  FLAG_QR,
  FLAG_RA,
  FLAG_RD,
  FLAG_TC,
  flags,
  formatRcode,
  formatType,
  HEADER_SIZE,
  id,
  OPCODE_MASK,
  OPCODE_SHIFT,
  questionCount,
  RCODE_MASK,
} from '../../wire/dns.ts'
import { SECTION_ADDITIONAL, SECTION_ANSWER, SECTION_AUTHORITY } from '../../wire/dns-records.ts'
import { recordCount, showQuestion, showRecord } from './dns-record.ts'
import { type DnsSource, nameText } from './dns-source.ts'
import { type Fields, hex, named } from './fields.ts'
import { cutShort, type Extent, type Layer, type Next, type Packet } from './packet.ts'

/** RFC 1035, 4.1.1: reserved. */
const FLAG_Z = 0x0040

const LENGTH_SIZE = 2

const OPCODES: Readonly<Record<number, string>> = {
  0: 'query',
  1: 'inverse query',
  2: 'status',
  4: 'notify',
  5: 'update',
}

const SECTIONS = [
  { section: SECTION_ANSWER, label: 'Answer' },
  { section: SECTION_AUTHORITY, label: 'Authority' },
  { section: SECTION_ADDITIONAL, label: 'Additional' },
] as const

export const dissectDns = (packet: Packet, extent: Extent): Next | undefined =>
  extent.stream === true ? dissectStream(packet, extent) : dissectMessage(packet, extent, false)

export const dissectMulticastDns = (packet: Packet, extent: Extent): Next | undefined =>
  dissectMessage(packet, extent, true)

/** One message of a segment; what stands behind it is the next one. */
function dissectStream(packet: Packet, { offset, end, wireEnd }: Extent): Next | undefined {
  if (end - offset < LENGTH_SIZE) return { protocol: 'data', offset, end, wireEnd }
  const length = packet.view.getUint16(offset)
  const messageEnd = Math.min(end, offset + LENGTH_SIZE + length)
  const message = { offset: offset + LENGTH_SIZE, end: messageEnd, wireEnd: messageEnd }
  dissectMessage(packet, message, false)
  const layer = packet.layers.at(-1)!
  if (messageEnd - message.offset < length) layer.problem ??= cutShort(messageEnd - message.offset, length)
  layer.fields.unshift({
    name: 'dns.length',
    label: 'Length',
    value: length,
    text: String(length),
    offset,
    length: LENGTH_SIZE,
    mask: undefined,
    fields: undefined,
    problem: undefined,
  })
  layer.length += layer.offset - offset
  layer.offset = offset
  return messageEnd < end ? { protocol: 'dns', offset: messageEnd, end, wireEnd, stream: true } : undefined
}

function dissectMessage(packet: Packet, extent: Extent, multicast: boolean): undefined {
  const { offset, end } = extent
  const { view } = packet
  const title = multicast ? 'Multicast DNS' : 'Domain Name System'
  const layer = packet.layer(multicast ? 'mdns' : 'dns', title, extent, HEADER_SIZE)
  const fields = packet.fields(layer, extent)
  fields.hex('dns.id', 'Identifier', offset, 2)
  showFlags(fields, offset + 2)
  fields.number('dns.count.queries', 'Questions', offset + 4, 2)
  fields.number('dns.count.answers', 'Answers', offset + 6, 2)
  fields.number('dns.count.auth_rr', 'Authority records', offset + 8, 2)
  fields.number('dns.count.add_rr', 'Additional records', offset + 10, 2)
  if (layer.problem !== undefined) return
  layer.length = end - offset
  const kind = (flags(view, offset) & FLAG_QR) === 0 ? 'query' : 'response'
  layer.title = `${title}, ${kind} ${hex(id(view, offset), 4)}`
  const source = { packet, fields, message: offset, end, multicast }
  const at = showQuestions(source, layer)
  if (at !== undefined) showSections(source, layer, at)
  if (end < extent.wireEnd) layer.problem = cutShort(end - offset, extent.wireEnd - offset)
  if (kind === 'response') layer.title += `, ${formatRcode(flags(view, offset) & RCODE_MASK)}`
}

/** Bits that only responses have are not shown of a query. */
function showFlags(fields: Fields, offset: number): void {
  const field = fields.hex('dns.flags', 'Flags', offset, 2)
  const bits = fields.under(field)
  const response = ((field.value as number) & FLAG_QR) !== 0
  bits.flag('dns.flags.response', 'Response', offset, 2, FLAG_QR)
  const opcode = bits.bits('dns.flags.opcode', 'Operation', offset, 2, OPCODE_MASK, named(OPCODES))
  field.text += ` (${response ? 'response' : (OPCODES[((field.value as number) & OPCODE_MASK) >>> OPCODE_SHIFT] ?? opcode.text)})`
  if (response) bits.flag('dns.flags.authoritative', 'Authoritative', offset, 2, FLAG_AA)
  bits.flag('dns.flags.truncated', 'Truncated', offset, 2, FLAG_TC)
  bits.flag('dns.flags.recdesired', 'Recursion desired', offset, 2, FLAG_RD)
  if (response) bits.flag('dns.flags.recavail', 'Recursion available', offset, 2, FLAG_RA)
  bits.flag('dns.flags.z', 'Zero', offset, 2, FLAG_Z)
  if (response || ((field.value as number) & FLAG_AD) !== 0) {
    bits.flag('dns.flags.authenticated', 'Authentic data', offset, 2, FLAG_AD)
  }
  bits.flag('dns.flags.checkdisable', 'Checking disabled', offset, 2, FLAG_CD)
  if (response) bits.bits('dns.flags.rcode', 'Response code', offset, 2, RCODE_MASK, formatRcode)
}

/** Returns where the questions end, undefined where they do not. */
function showQuestions(source: DnsSource, layer: Layer): number | undefined {
  const { view } = source.packet
  let at = source.message + HEADER_SIZE
  const count = questionCount(view, source.message)
  for (let number = 1; number <= count; number++) {
    if (source.packet.full) return undefined
    const size = showQuestion(source, at)
    if (size === undefined) {
      layer.problem = `question ${number} of ${count} cannot be read`
      return undefined
    }
    if (number === 1)
      layer.title += `, ${formatType(view.getUint16(at + size - 4))} ${nameText(source, at) ?? ''}`
    at += size
  }
  return at
}

function showSections(source: DnsSource, layer: Layer, offset: number): void {
  let at = offset
  for (const { section, label } of SECTIONS) {
    const count = recordCount(source, section)
    for (let number = 1; number <= count; number++) {
      if (source.packet.full) return
      const size = showRecord(source, at, label)
      if (size === undefined) {
        layer.problem = `record ${number} of ${count} in section ${label.toLowerCase()} cannot be read`
        return
      }
      at += size
    }
  }
  if (at < source.end) layer.problem = `${source.end - at} bytes follow the last record`
}
