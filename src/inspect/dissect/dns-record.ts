/** Questions and records of a DNS message (RFC 1035, 4.1.2 and 4.1.3; of EDNS: RFC 6891, 6.1). */

import {
  additionalCount,
  answerCount,
  authorityCount,
  formatClass,
  formatType,
  TYPE_OPT,
} from '../../wire/dns.ts'
import { MALFORMED, skipName } from '../../wire/dns-name.ts'
import { formatRdata } from '../../wire/dns-rdata.ts'
import { SECTION_ANSWER, SECTION_AUTHORITY, type Section } from '../../wire/dns-records.ts'
import { RDATA, showUnknown } from './dns-record-data.ts'
import { type DnsSource, nameText } from './dns-source.ts'
import { type Fields, hex, withMeaning } from './fields.ts'

const QUESTION_FIXED_SIZE = 4
const RECORD_FIXED_SIZE = 10
/** Bytes of data that a line of text spells out. */
const RDATA_TEXT_MAX = 300

/** RFC 6762, 5.4 and 10.2: an answer by unicast is wanted; older records are to be forgotten. */
const MULTICAST_BIT = 0x8000
const MULTICAST_CLASS_MASK = 0x7fff

export function recordCount({ packet, message }: DnsSource, section: Section): number {
  if (section === SECTION_ANSWER) return answerCount(packet.view, message)
  return section === SECTION_AUTHORITY
    ? authorityCount(packet.view, message)
    : additionalCount(packet.view, message)
}

/** Shows the question at `offset` and returns its size; undefined where there is none. */
export function showQuestion(source: DnsSource, offset: number): number | undefined {
  const { packet, message, end, fields, multicast } = source
  const size = skipName(packet.view, message, offset, end)
  if (size === MALFORMED || end - offset - size < QUESTION_FIXED_SIZE) return undefined
  const name = nameText(source, offset)
  if (name === undefined) return undefined
  const fixed = offset + size
  const type = formatType(packet.view.getUint16(fixed))
  const recordClass = packet.view.getUint16(fixed + 2) & (multicast ? MULTICAST_CLASS_MASK : 0xffff)
  const text = `${name} ${formatClass(recordClass)} ${type}`
  const inside = fields.under(fields.add('', 'Question', text, text, offset, size + QUESTION_FIXED_SIZE))
  inside.add('dns.qry.name', 'Name', name, name, offset, size)
  inside.number('dns.qry.type', 'Type', fixed, 2, numbered(formatType))
  if (multicast) {
    inside.bits('dns.qry.class', 'Class', fixed + 2, 2, MULTICAST_CLASS_MASK, numbered(formatClass))
    inside.flag('dns.qry.qu', 'Answer by unicast wanted', fixed + 2, 2, MULTICAST_BIT)
  } else inside.number('dns.qry.class', 'Class', fixed + 2, 2, numbered(formatClass))
  return size + QUESTION_FIXED_SIZE
}

/** `1 (A)`. */
const numbered =
  (name: (value: number) => string): ((value: number) => string) =>
  (value) =>
    withMeaning(String(value), name(value))

/** Shows the record at `offset` and returns its size; undefined where there is none. */
export function showRecord(source: DnsSource, offset: number, label: string): number | undefined {
  const { packet, message, end, fields, multicast } = source
  const { view } = packet
  const size = skipName(view, message, offset, end)
  if (size === MALFORMED || end - offset - size < RECORD_FIXED_SIZE) return undefined
  const name = nameText(source, offset)
  const fixed = offset + size
  const rdata = fixed + RECORD_FIXED_SIZE
  const length = view.getUint16(fixed + 8)
  if (name === undefined || length > end - rdata) return undefined
  const type = view.getUint16(fixed)
  const text = recordText(source, name, fixed)
  const inside = fields.under(fields.add('', label, text, text, offset, rdata + length - offset))
  inside.add('dns.resp.name', 'Name', name, name, offset, size)
  inside.number('dns.resp.type', 'Type', fixed, 2, numbered(formatType))
  if (type === TYPE_OPT) showExtension(inside, fixed)
  else {
    if (multicast) {
      inside.bits('dns.resp.class', 'Class', fixed + 2, 2, MULTICAST_CLASS_MASK, numbered(formatClass))
      inside.flag('dns.resp.cache_flush', 'Older ones are to be forgotten', fixed + 2, 2, MULTICAST_BIT)
    } else inside.number('dns.resp.class', 'Class', fixed + 2, 2, numbered(formatClass))
    inside.number('dns.resp.ttl', 'Time to live', fixed + 4, 4, (value) => `${value} s`)
  }
  inside.number('dns.resp.len', 'Data length', fixed + 8, 2)
  const data = { source, fields: inside, offset: rdata, end: rdata + length }
  const show = RDATA.get(type) ?? showUnknown
  if (!show(data)) showUnknown(data)
  return rdata + length - offset
}

/** `www.example 60 IN A 192.0.2.1`, as in a zone file. */
function recordText(source: DnsSource, name: string, fixed: number): string {
  const { view } = source.packet
  const type = view.getUint16(fixed)
  const length = view.getUint16(fixed + 8)
  const rdata = formatRdata(
    view,
    source.message,
    type,
    fixed + RECORD_FIXED_SIZE,
    Math.min(length, RDATA_TEXT_MAX),
  )
  const shown = length > RDATA_TEXT_MAX ? `${length} bytes` : rdata
  if (type === TYPE_OPT) return shown === '' ? 'OPT' : `OPT ${shown}`
  const recordClass = view.getUint16(fixed + 2) & (source.multicast ? MULTICAST_CLASS_MASK : 0xffff)
  return `${name} ${view.getUint32(fixed + 4)} ${formatClass(recordClass)} ${formatType(type)} ${shown}`
}

/** What OPT has in place of class and time to live. */
function showExtension(fields: Fields, fixed: number): void {
  fields.number('dns.rr.udp_payload_size', 'Largest message by UDP', fixed + 2, 2)
  fields.hex('dns.resp.ext_rcode', 'Upper bits of the response code', fixed + 4, 1)
  fields.number('dns.resp.edns0_version', 'Version of EDNS', fixed + 5, 1)
  const flags = fields.add('dns.resp.z', 'Flags', 0, '', fixed + 6, 2)
  const wanted = fields.under(flags).flag('dns.resp.z.do', 'DNSSEC records wanted', fixed + 6, 2, 0x8000)
  const rest = fields.under(flags).bits('dns.resp.z.reserved', 'Reserved', fixed + 6, 2, 0x7fff)
  flags.value = (wanted.value === true ? 0x8000 : 0) | (rest.value as number)
  flags.text = hex(flags.value, 4)
}
