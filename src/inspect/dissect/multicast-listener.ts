/** Multicast Listener Discovery (RFC 2710; RFC 3810, 5): messages of ICMPv6. */

import { type Fields, named } from './fields.ts'
import type { Extent } from './packet.ts'

const ADDRESS_SIZE = 16
/** Of a message of version 1, which a query of version 2 is longer than (RFC 3810, 8.1). */
const MESSAGE_SIZE = 24
const QUERY_2_SIZE = 28
const RECORD_SIZE = 20

const RECORD_TYPES: Readonly<Record<number, string>> = {
  1: 'includes these sources',
  2: 'excludes these sources',
  3: 'changes to include',
  4: 'changes to exclude',
  5: 'allows new sources',
  6: 'blocks old sources',
}

/** A report or a leave of version 1. */
export function showListenerMessage(fields: Fields, { offset, end }: Extent): void {
  if (end - offset < MESSAGE_SIZE) return
  fields.number('icmpv6.mld.maximum_response_delay', 'Maximum response delay', offset + 4, 2, milliseconds)
  fields.ipv6('icmpv6.mld.multicast_address', 'Group', offset + 8)
}

export function showListenerQuery(view: DataView, fields: Fields, extent: Extent): void {
  const { offset, end } = extent
  if (end - offset < QUERY_2_SIZE) {
    showListenerMessage(fields, extent)
    return
  }
  fields.number('icmpv6.mld.maximum_response_code', 'Maximum response code', offset + 4, 2)
  fields.ipv6('icmpv6.mld.multicast_address', 'Group', offset + 8)
  const flags = fields.under(fields.hex('icmpv6.mld.flag', 'Flags', offset + 24, 1))
  flags.flag('icmpv6.mld.flag.s', 'Other routers leave their timers', offset + 24, 1, 0x08)
  flags.bits('icmpv6.mld.flag.qrv', 'Robustness', offset + 24, 1, 0x07)
  const interval = fields.number('icmpv6.mld.qqi', 'Query interval', offset + 25, 1)
  interval.value = queryInterval(interval.value as number)
  interval.text = `${interval.value} s`
  fields.number('icmpv6.mld.nb_sources', 'Number of sources', offset + 26, 2)
  showSources(view.getUint16(offset + 26), fields, 'icmpv6.mld.source_address', offset + QUERY_2_SIZE, end)
}

/** RFC 3810, 5.1.9: from 128 on a number with a mantissa of four bits and an exponent of three. */
const queryInterval = (code: number): number =>
  code < 128 ? code : ((code & 0x0f) | 0x10) << (((code >>> 4) & 0x07) + 3)

const milliseconds = (value: number): string => `${value} ms`

export function showListenerReport(view: DataView, fields: Fields, { offset, end }: Extent): void {
  fields.number('icmpv6.mldr.nb_mcast_records', 'Number of records', offset + 6, 2)
  let at = offset + 8
  for (let count = view.getUint16(offset + 6); count > 0 && end - at >= RECORD_SIZE; count--) {
    const sources = view.getUint16(at + 2)
    const size = RECORD_SIZE + sources * ADDRESS_SIZE + view.getUint8(at + 1) * 4
    const record = fields.add('icmpv6.mldr.mar', 'Record', '', '', at, Math.min(size, end - at))
    const inside = fields.under(record)
    const type = inside.number('icmpv6.mldr.mar.record_type', 'Type', at, 1, named(RECORD_TYPES))
    inside.number('icmpv6.mldr.mar.aux_data_len', 'Auxiliary data', at + 1, 1)
    inside.number('icmpv6.mldr.mar.nb_sources', 'Number of sources', at + 2, 2)
    const group = inside.ipv6('icmpv6.mldr.mar.multicast_address', 'Group', at + 4).text
    record.text = `${group}: ${RECORD_TYPES[type.value as number] ?? `type ${type.value}`}`
    showSources(sources, inside, 'icmpv6.mldr.mar.source_address', at + RECORD_SIZE, end)
    if (size > end - at) {
      record.problem = `it should have ${size} bytes, and ${end - at} are left`
      return
    }
    at += size
  }
}

function showSources(count: number, fields: Fields, name: string, offset: number, end: number): void {
  const last = Math.min(offset + count * ADDRESS_SIZE, end)
  for (let at = offset; at + ADDRESS_SIZE <= last; at += ADDRESS_SIZE) fields.ipv6(name, 'Source', at)
}
